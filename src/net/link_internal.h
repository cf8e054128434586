/*
 * A link's insides, shared by the files link*.c:
 *
 *   link.c          life: made, polled, freed; the end-of-turn hook
 *   link_open.c     the steps from dial to open, for both roles
 *   link_proxy.c    the step through a proxy
 *   link_io.c       bytes to and from the socket, plain or TLS
 *   link_input.c    reading and decoding
 *   link_output.c   encoding and sending
 *   link_stall.c    output that waits for nothing
 *   link_end.c      closing handshake, failures, the last event
 *
 * Phases only go forward. Events are reported from a poll callback, a deadline or the end-of-turn
 * hook, never from a call of the owner; after each one the link may have ended, so whoever reports
 * looks at `phase` next. Memory of an ended link goes when libuv has closed its handle, which is
 * never inside an event.
 */
#ifndef NET_LINK_INTERNAL_H
#define NET_LINK_INTERNAL_H

#include "link.h"
#include "loop_internal.h"
#include "tls_stream.h"

/* Enough to empty what the kernel holds by default for a connection (6 MiB) in one turn, so that a
   deadline judged afterwards knows all that had arrived. */
#define LINK_READS_PER_TURN ((unsigned)((size_t)6 * 1024 * 1024 / NET_RECEIVE_CAP))
/* Of messages that a peer compressed, which may be a thousand times as long as what it sent: so
   much and one read more in one turn. */
#define LINK_INFLATED_PER_TURN ((size_t)32 * 1024 * 1024)
/* This much waiting leaves at once: with a short frame more it is still one segment of the loopback
   (65,483 bytes) and of most segmentation offload. A crumb in a segment of its own costs a third
   more. */
#define LINK_SEND_AT ((size_t)60 * 1024)
/* Payloads longer than LINK_LARGE_MIN are encoded and sent in pieces of LINK_PIECE. */
#define LINK_LARGE_MIN ((size_t)128 * 1024)
#define LINK_PIECE LINK_SEND_AT

enum link_phase {
  LINK_OPENING,
  LINK_OPEN,
  LINK_CLOSING,  /* our close frame is out or waiting, the peer's has not come */
  LINK_DRAINING, /* `end` is decided; input is thrown away until the connection ends */
  LINK_ENDED
};

struct opening;

struct link_deflate {
  struct deflate_allocator allocator;
  struct inflater inflater;
  struct deflater deflater;
  bool has_inflater, has_deflater;
};

struct link {
  uv_poll_t poll; /* first: a handle is its link; `data` is the owner's `user` */
  struct net_loop *loop;
  const struct link_settings *settings;
  const struct link_events *events;
  struct traffic *traffic;      /* while there is some */
  struct opening *opening;      /* while opening */
  struct tls_stream *tls;       /* or NULL */
  struct link_deflate *deflate; /* or NULL */
  struct link_end *end;         /* while draining */
  struct net_timer deadline;    /* of opening or draining */
  struct net_turn_end turn_end;
  uint64_t stream_end; /* bytes of all frames written, sent or not */
  int fd;
  int lost_error;      /* errno of a failed send or receive, 0: none */
  uint32_t join_below; /* short messages join what waits without further ado while it is less than
                          this; 0: never */
  uint8_t phase;
  uint8_t polled; /* events that libuv was asked for */
  bool is_server : 1;
  bool has_poll : 1;
  bool is_paused : 1;
  bool is_held : 1;      /* keeps the loop alive without being polled */
  bool is_blocked : 1;   /* the kernel takes no more for now */
  bool is_corked : 1;    /* the kernel may keep the last segment back until it is told otherwise */
  bool is_broken : 1;    /* nothing can be sent: what has arrived is read, then it ends */
  bool wants_resume : 1; /* read on at the end of the turn */
  bool wants_write : 1;  /* TLS must write before it can read on */
  bool wants_read : 1;   /* blocked because TLS must read before it can write on */
  bool has_news : 1;     /* `flushed` is due */
  bool shuts_down : 1;   /* when the last frame is out, our direction ends */
};

static inline const struct memory *link_memory(const struct link *link) {
  return &link->loop->memory;
}

/** Whether more input is wanted of it right now. */
static inline bool link_takes_input(const struct link *link) {
  return link->phase <= LINK_CLOSING && !link->is_paused;
}

/* ---- link.c ---- */
/** Takes up the connected socket. 0 or an errno. */
int link_attach(struct link *link, int fd);
/** Asks libuv for the events that are of interest now. */
void link_update_poll(struct link *link);
void link_at_turn_end(struct link *link);
/** Sets the deadline, now + `delay_ms`. False: no memory. */
bool link_set_deadline(struct link *link, uint32_t delay_ms);
/** The link has ended: everything goes but what the caller's stack still needs. */
void link_dispose(struct link *link);
/** Lends buffers and a decoder. False: no memory. */
bool link_warm_up(struct link *link);
/** After the extension was agreed on. */
void link_restart_decoder(struct link *link);
/** Takes them back if nothing is in them. */
void link_cool_down(struct link *link);

/* ---- link_open.c ---- */
bool opening_new_client(struct link *link, const char *url);
/** False: no memory, or a header that is none. */
bool opening_new_server(struct link *link, const struct link_upgrade *upgrade);
void opening_free(struct link *link, struct opening *opening);
void opening_cancel(struct opening *opening);
int opening_wants(const struct opening *opening);
void opening_is_ready(struct link *link, int events);
void opening_turn_end(struct link *link);
void opening_is_late(struct link *link);

/* ---- link_stall.c ---- */
/** A sweep has come to this link, which is warm. */
void link_check_stall(struct link *link);
void link_stall_is_due(struct link *link);

/* ---- link_io.c ---- */
enum io_result {
  IO_SOME,  /* bytes went */
  IO_EMPTY, /* none now */
  IO_END,   /* the peer ended its direction */
  IO_FAILED /* link->lost_error, or the TLS stream, tells */
};
/** `*is_drained`: the socket had no more. Results but IO_SOME come without bytes. */
enum io_result link_io_read(struct link *link, void *data, size_t cap, size_t *len,
                            bool *is_drained);
/** `*in_flight` bytes, at least those written, must be given again first. `more_comes`: as for
    tls_stream_write(), without TLS nothing is kept back. */
enum io_result link_io_write(struct link *link, const void *data, size_t len, bool more_comes,
                             size_t *written, size_t *in_flight);
/** Fills kind and detail after IO_END or IO_FAILED. `doing` is "" or what it interrupted. */
void link_io_explain(const struct link *link, enum io_result result, const char *doing,
                     struct link_end *end);

/* ---- link_input.c ---- */
void link_read(struct link *link);
/** Decodes what was received before; false if the link ended, was closed or paused. */
bool link_decode(struct link *link, uint8_t *in, size_t len);
/** The link is paused between two messages: what else was received waits, or without memory for it
    the link fails. Always false. */
bool link_keep_rest(struct link *link, const uint8_t *in, size_t len);

/* ---- link_output.c ---- */
/** The link is open, its extension agreed on. */
void link_output_opened(struct link *link);
/** Sends what waits, as far as the kernel takes it. */
void link_send(struct link *link);
/** Puts a control frame that goes ahead without a position in the stream. False: no memory. */
bool link_add_close(struct link *link, uint16_t code, const char *reason);
void link_add_pong(struct link *link, const uint8_t *data, size_t len);

/* ---- link_end.c ---- */
/** A link_end of this kind, without codes. */
struct link_end link_end_of(enum link_end_kind kind, const char *detail);
/** The last event, and the end. */
void link_finish(struct link *link, const struct link_end *end);
void link_finish_simply(struct link *link, enum link_end_kind kind, const char *detail);
/** Reading came to this. */
void link_input_ended(struct link *link, enum io_result result);
void link_close_received(struct link *link, uint16_t code, const uint8_t *reason, size_t len);
/** The peer broke the rules, or we cannot go on: says so with `code`, then ends. */
void link_fail(struct link *link, uint16_t code, const char *detail);
/** Waits for the connection's end, throwing input away, then finishes with `end`. */
void link_drain(struct link *link, const struct link_end *end);
void link_drain_is_late(struct link *link);
/** Every frame that may still go is out. */
void link_output_is_done(struct link *link);

#endif
