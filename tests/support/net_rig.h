/*
 * A uv loop with links on it, for tests of src/net: real sockets of this machine, run by the test
 * itself, no sleeping. Memory is counted and can be made to fail.
 */
#ifndef NET_RIG_H
#define NET_RIG_H

#include "http.h"
#include "link.h"

#define RIG_PATIENCE_MS 20000

struct rig_memory {
  struct memory memory;
  long live, taken; /* blocks now, blocks ever */
  long fail_at;     /* the allocation with this number fails, from 1; 0: none */
  bool fail_after;  /* and all later ones */
};

struct rig {
  uv_loop_t uv;
  uv_timer_t patience, tick;
  bool is_late;
  struct rig_memory memory;
  struct net_loop *loop;
};

void rig_init(struct rig *rig);
/** Runs the loop to its end and checks that nothing is left. */
void rig_deinit(struct rig *rig);
/** Lets no turn last longer than 10 ms, for tests that look on while nothing happens. */
void rig_start_ticking(struct rig *rig);
/** One turn, waiting for something to happen. */
void rig_turn(struct rig *rig);
/** Turns until `*flag`; fails the test when it takes too long. */
void rig_until(struct rig *rig, const bool *flag);
void rig_until_count(struct rig *rig, const unsigned *count, unsigned wanted);

/** What a link reported. Embed it, or use it as it is: it is the link's user. */
struct end {
  struct link *link;
  const struct link_events *events; /* NULL: end_events */
  bool is_open, has_ended, echoes;
  unsigned message_count, received_count, pong_count, flushed_count, held_up_count, progress_count;
  size_t byte_count, progress_len;
  uint8_t last_opcode;
  uint8_t *last; /* a copy of the last message, if `keeps` */
  size_t last_len;
  bool keeps;
  char subprotocol[64];
  char pong[126];
  struct link_end end;
  /* Called inside each event, or NULL. */
  void (*on_event)(struct end *end, const char *event);
  void *context;
};

extern const struct link_events end_events;

void end_deinit(struct end *end);

struct link_settings rig_settings(void);

/** A server that accepts one upgrade after another; those without an `end` left get a 503. */
struct rig_server {
  struct rig *rig;
  struct http_server *http;
  struct http_settings http_settings;
  struct link_settings settings;
  struct end *ends;
  const char *const *headers; /* further lines of each 101, or NULL */
  unsigned end_count, accepted_count;
  unsigned refused_count; /* by the HTTP server itself */
  char url[160];
};

void rig_server_init(struct rig_server *server, struct rig *rig, const char *address,
                     struct end *ends, unsigned end_count);
void rig_server_deinit(struct rig_server *server);

/** Dials and runs until both are open. */
void rig_open(struct rig *rig, struct rig_server *server, const struct link_settings *settings,
              struct end *client);
void rig_dial(struct rig *rig, const struct link_settings *settings, struct end *client,
              const char *url);

/* A peer without any of our code: a plain socket. */
int raw_listen(uint16_t *port);
int raw_accept(struct rig *rig, int listening);
/** Reads until `len` bytes, or the end: returns how many. */
size_t raw_read(struct rig *rig, int fd, void *data, size_t len);
void raw_write(struct rig *rig, int fd, const void *data, size_t len);
/** Reads a request head and answers 101; `extra` header lines with CRLF, or "". */
void raw_upgrade(struct rig *rig, int fd, const char *extra);
/** Reads a request head into `head`. */
void raw_read_head(struct rig *rig, int fd, char *head, size_t cap);
/** The 101 response to the request in `head`. Returns its length. */
size_t raw_answer(const char *head, const char *extra, char *out, size_t cap);
/** Reads one frame, unmasked; returns its first byte. */
uint8_t raw_read_frame(struct rig *rig, int fd, uint8_t *payload, size_t cap, size_t *len);
/** True once the peer has ended its direction (or reset). */
bool raw_is_at_end(struct rig *rig, int fd);

#endif
