/*
 * A link that is not open yet: the steps of both roles, and what they need meanwhile.
 *
 *   client   CONNECT  PROXY  TLS  UPGRADE
 *   server   ANSWER
 *
 * A step is begun once, then told when the socket is ready, until it begins the next one or ends
 * the link. PROXY is passed over without a proxy, TLS for plain links. The server's request was
 * read by src/http.
 */
#ifndef NET_OPENING_H
#define NET_OPENING_H

#include "dial.h"
#include "link_internal.h"
#include "tunnel.h"

#define OPENING_HEAD_MIN 1024
#define OPENING_HEAD_MAX ((size_t)256 * 1024) /* of a request or answer that we write */

enum opening_step { STEP_START, STEP_CONNECT, STEP_PROXY, STEP_TLS, STEP_UPGRADE, STEP_ANSWER };

struct step {
  void (*begin)(struct link *link);
  void (*ready)(struct link *link, int events);
  /** Completes "no end of ..." for a timeout. */
  void (*describe)(const struct link *link, char *text, size_t cap);
  enum opening_step next;
};

struct opening {
  uint8_t step;    /* enum opening_step */
  uint8_t wants;   /* events of the socket */
  size_t text_len; /* the head that we write, and how much of it went */
  size_t text_sent;
  size_t text_in_flight;
  char *text;
};

struct client_opening {
  struct opening base;
  struct dial *dial;       /* in STEP_CONNECT */
  struct passage *passage; /* until STEP_PROXY has ended, if there is a proxy */
  struct url url;
  const char *url_error;  /* or NULL */
  uint64_t stepped_at_us; /* while steps are reported: when the last one was */
  uint8_t nonce[16];
  char label[LINK_LABEL_CAP];
  const char *const *headers; /* of this dial alone, or NULL */
  struct handshake_request_options request;
  struct handshake_reader reader;
  char url_text[]; /* `url` points into it */
};

struct server_opening {
  struct opening base;
  char subprotocol[HANDSHAKE_VALUE_CAP];
  bool deflate_agreed;
  struct deflate_params deflate;
};

extern const struct step step_connect, step_upgrade; /* link_dial.c */
extern const struct step step_proxy;                 /* link_proxy.c */
extern const struct step step_answer;                /* link_serve.c */

static inline struct client_opening *client_opening(const struct link *link) {
  return (struct client_opening *)link->opening;
}
static inline struct server_opening *server_opening(const struct link *link) {
  return (struct server_opening *)link->opening;
}

void opening_next_step(struct link *link);
/** Makes room of `cap` bytes for the text. False: no memory. */
bool opening_text_reserve(struct link *link, size_t cap);
/** Sends the text on; false if the link ended. `wants` is set. */
bool opening_send_text(struct link *link);
/** Reads a piece into the loop's buffer. False: nothing now, or the link ended. */
bool opening_read(struct link *link, const char *doing, size_t *len);
/* ---- link_proxy.c ---- */
/** Chooses the proxy, if there is one for this target: `*target` is then the proxy's. False: the
    link ended. */
bool passage_choose(struct link *link, struct dial_target *target);
/** The dial to the proxy failed: ends the link. */
void passage_dial_failed(struct link *link, const struct dial_failure *failure);
/** " to the proxy ...", or nothing without one. */
void passage_describe_dial(const struct link *link, char *text, size_t cap);
/** Of the proxy on the way, without secrets; empty: there is none. */
void passage_name(const struct link *link, char name[PROXY_NAME_CAP]);
/** No call comes any more. `passage` or NULL. */
void passage_cancel(struct passage *passage);

/** What both ends agreed on. */
struct agreement {
  const char *subprotocol;
  const struct deflate_params *deflate; /* or NULL */
};
/** The WebSocket is open: reports it, and frees the opening. False if it ended meanwhile. */
bool opening_succeed(struct link *link, const struct agreement *agreement);

#endif
