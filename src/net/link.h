/*
 * A link: one connection from dial to close. Look-up, Happy Eyeballs (RFC 8305), TCP or Unix
 * socket, proxy, TLS, opening handshake, frames both ways, closing handshake. One-way: a link that
 * has ended is never used again.
 *
 * A link decides nothing about retries and keeps no promise beyond its own life. Its output is a
 * stream of frames with positions: stream_end of a message tells when the kernel has taken it.
 *
 * Output: link_write() encodes header, mask and payload in one pass into the link's buffer, which
 * leaves in one call when 60 KiB wait or the turn ends; while the socket is blocked it gathers.
 * Bytes of a frame stay in the buffer until the whole frame is with the kernel, so that
 * link_recover() can give back every message that was not sent whole.
 *
 * Input: read into the loop's buffer until a short read (a bounded number of reads a turn);
 * large payloads straight into a buffer of their own. Pings are answered here,
 * unless the owner wants to.
 *
 * Memory: an idle plain link is this struct and a uv_poll_t; buffers come with traffic and go
 * when a sweep finds it silent. Events may call any function here, link_abort() included.
 */
#ifndef NET_LINK_H
#define NET_LINK_H

#include "decoder.h"
#include "handshake.h"
#include "loop.h"
#include "proxies.h"
#include "tls.h"
#include "url.h"

#define LINK_DETAIL_CAP 256

struct link;
struct address; /* sock.h */

/** Why a link ended. */
enum link_end_kind {
  LINK_END_DNS,
  LINK_END_UNREACHABLE,
  LINK_END_REFUSED,
  LINK_END_TIMEOUT, /* connect_timeout_ms, from look-up to 101 */
  LINK_END_TLS,
  LINK_END_TLS_VERIFY,
  LINK_END_STATUS,    /* HTTP status other than 101 */
  LINK_END_HANDSHAKE, /* not a valid upgrade, or longer than max_handshake */
  LINK_END_LOST,      /* reset, or end of stream without a close frame */
  LINK_END_PROTOCOL,  /* the peer broke RFC 6455 or 7692: 1002 or 1007 was sent */
  LINK_END_TOO_BIG,   /* 1009 was sent */
  LINK_END_CLOSED,    /* a close frame came; after ours (clean) or by itself */
  LINK_END_NO_MEMORY,
  LINK_END_SYSTEM,
  LINK_END_PROXY /* not reached, or it refused: detail names it; http_status is what it said */
};

struct link_end {
  enum link_end_kind kind;
  uint16_t close_code;    /* received; for PROTOCOL and TOO_BIG the one sent; else 0 */
  char close_reason[124]; /* received */
  bool was_clean;         /* close frames went both ways */
  bool is_final;          /* a subprotocol that was not offered */
  uint16_t http_status;
  uint64_t retry_after_ms;      /* UINT64_MAX: none */
  char detail[LINK_DETAIL_CAP]; /* for logs, without secrets */
};

/** What a dial gets done, in this order. Only what is needed is reported; the look-up once for each
    family of addresses. */
enum link_step {
  LINK_STEP_LOOK_UP,   /* addresses */
  LINK_STEP_CONNECTED, /* address */
  LINK_STEP_PROXY,     /* the proxy let us through */
  LINK_STEP_TLS,       /* version, cipher, subject, issuer, expires; verified: no */
  LINK_STEP_UPGRADED   /* status, subprotocol, extensions; right before `opened` */
};

#define LINK_FACTS_MAX 8
struct link_fact {
  const char *name, *value; /* UTF-8, without secrets */
};
struct link_step_report {
  enum link_step step;
  uint64_t took_us; /* since the report before, or since the dial began */
  const struct link_fact *facts;
  size_t facts_count;
};

/** What a link reports, on the loop's thread, never from inside link_dial(), link_accept(),
    link_abort() or link_close(). The table outlives the link. `user` is link_user(). */
struct link_events {
  /** The WebSocket is open. `subprotocol` may be "". */
  void (*opened)(struct link *link, const char *subprotocol);
  /** A whole message, FRAME_TEXT (valid UTF-8) or FRAME_BINARY; valid until return. */
  void (*message)(struct link *link, uint8_t opcode, const uint8_t *data, size_t len);
  /** The messages of one read have all been reported: a good moment to count. Or NULL. */
  void (*received)(struct link *link);
  void (*pong)(struct link *link, const uint8_t *data, size_t len);
  /** `len` bytes came of a frame that is still unfinished, or that earlier reads began and these
      end. Or NULL. */
  void (*progress)(struct link *link, size_t len);
  /** The kernel took more: see link_stream_sent(). Also when link_is_writable() changed. Or NULL.
   */
  void (*flushed)(struct link *link);
  /** A turn ended in which output waited and the kernel took nothing. Or NULL. */
  void (*held_up)(struct link *link);
  /** The last event. The link's memory goes after it returned. */
  void (*ended)(struct link *link, const struct link_end *end);
  /** Addresses of what is dialed, the target or its proxy, were looked up; once for each family.
      Or NULL. */
  void (*found)(struct link *link, const struct address *addresses, size_t count);
  /** A step of the dial is done; the report is valid until return. Or NULL: then nothing is
      gathered for it. */
  void (*step)(struct link *link, const struct link_step_report *report);
  /** A ping came: the owner answers it with link_pong(), when it likes. Or NULL: the link answers
     it at once. `data` is valid until return. */
  void (*ping)(struct link *link, const uint8_t *data, size_t len);
};

/** Shared by many links and outliving them. */
struct link_settings {
  uint32_t connect_timeout_ms;
  uint32_t happy_eyeballs_delay_ms;
  uint32_t close_timeout_ms; /* after a close frame of the peer or a protocol error */
  uint32_t
      write_stall_ms; /* output waits, and the peer's system acknowledges nothing: lost; 0: never */
  uint64_t max_message;
  size_t max_handshake;
  uint64_t high_water; /* link_is_writable() is false from here on */
  uint32_t busy_poll_us;
  const char *origin;
  const char *const *headers;
  const char *const *subprotocols;
  bool compress;
  struct deflate_params deflate;
  struct tls_context *tls;       /* for wss */
  const struct proxies *proxies; /* or NULL */
};

/** Starts a dial. `text` (the whole URL) is copied. NULL: no memory. Every later failure is an
    `ended` event. A fresh key and a fresh look-up each time. */
struct link *link_dial(struct net_loop *loop, const struct link_settings *settings,
                       const struct link_events *events, void *user, const char *url);

#define LINK_LABEL_CAP 24
/** What the request says of the link in X-Limpet-Client, so that logs of both ends can be read side
    by side. Right after link_dial(); a token of up to 23 bytes. */
void link_set_label(struct link *link, const char *label);
/** Header lines of this dial alone, NULL at the end: each stands instead of the settings' lines of
   its name. They must live until the link is open or has ended. Right after link_dial(). */
void link_set_headers(struct link *link, const char *const *headers);

/** A connection on which a valid upgrade was read, by src/http. */
struct link_upgrade {
  uv_os_sock_t fd;
  struct tls_stream *tls;                  /* or NULL */
  const struct handshake_request *request; /* read during the call only, as all that follows */
  const char *const *headers;              /* further lines of the 101, NULL at the end, or NULL */
  const uint8_t *early;                    /* what came behind the request */
  size_t early_len;
};
/** The server's side: answers 101, then is open. The connection belongs to the link, unless NULL is
    returned: no memory, or a header that is none. Of `settings` the server's role takes the limits,
    the timeouts and `compress`. */
struct link *link_accept(struct net_loop *loop, const struct link_settings *settings,
                         const struct link_events *events, void *user,
                         const struct link_upgrade *upgrade);

void *link_user(const struct link *link);
struct net_loop *link_loop(const struct link *link);
/** The socket, while there is one; for its options. */
uv_os_sock_t link_socket(const struct link *link);

/**
 * Sends a whole message (FRAME_TEXT or FRAME_BINARY). `*stream_end` or NULL: where it ends. False:
 * no memory; nothing was written. Only while open.
 */
bool link_write(struct link *link, uint8_t opcode, const void *data, size_t len,
                uint64_t *stream_end);
/** The same, but link_recover() leaves it out (promise "now"). */
bool link_write_volatile(struct link *link, uint8_t opcode, const void *data, size_t len,
                         uint64_t *stream_end);

/** Where a control frame or question was put into the stream. */
struct link_position {
  uint64_t begin, end;
};
/** Sends a ping ahead of what waits, at the next frame boundary. What waited behind it moves by
    end - begin. */
bool link_ping(struct link *link, const void *data, size_t len, struct link_position *position);
/** Answers a ping that was given to `ping`, at the next frame boundary. Nothing once it is closing.
 */
void link_pong(struct link *link, const void *data, size_t len);
/** A text message ahead of what waits: the questions of the JSON dialects. Never recovered. */
bool link_write_ahead(struct link *link, const void *text, size_t len,
                      struct link_position *position);

/** Ahead of what waits: a close frame; then nothing more can be written. The `ended` event follows
    when the peer's answer came and the connection ended, or it was lost: the caller bounds it. */
void link_close(struct link *link, uint16_t code, const char *reason);
/** Drops everything at once; no event follows. Legal in every state and inside events. */
void link_abort(struct link *link);

/** Tries to send what waits now, without waiting for the turn's end. */
void link_flush(struct link *link);
/** Stops or goes on reading, for backpressure; control frames wait too. */
void link_pause(struct link *link, bool paused);

bool link_is_open(const struct link *link);
bool link_is_writable(const struct link *link);
/** True when a message written now would keep a copy elsewhere (compression): its original cannot
    be recovered from the stream, so the caller keeps it until stream_end is sent. */
bool link_is_opaque(const struct link *link);
uint64_t link_buffered(const struct link *link);    /* frame bytes not yet with the kernel */
uint64_t link_stream_sent(const struct link *link); /* position up to which the kernel has it all */

/** Calls `give` for each message not wholly sent, in order, unmasked; for use inside `ended` or
    before link_abort(). Volatile messages, questions and control frames are left out. */
void link_recover(struct link *link,
                  void (*give)(void *user, uint8_t opcode, const uint8_t *data, size_t len),
                  void *user);

#endif
