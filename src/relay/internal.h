/*
 * The relay's insides.
 *
 *   relay.c         life: start, reload, stop
 *   routes.c        which path and method is what; answers with CORS
 *   access.c        origins, tokens, addresses, admission
 *   pages.c         files of --web
 *   levers.c        what the demo's page may break
 *   web.c           which file a path is
 *   rest.c          POST and GET of messages
 *   member.c        a WebSocket: life, limits, heartbeat, sending
 *   member_input.c  what it says
 *   replay.c        what it missed
 *   room.c          a conversation's members
 *   pending.c       messages on their way to the store, and what becomes of them
 *
 * All on the loop's thread. A member may be closed inside any call that sends to it, and is freed
 * only in its link's last event, in a deadline, or when the relay ends.
 */
#ifndef RELAY_INTERNAL_H
#define RELAY_INTERNAL_H

#include "bucket.h"
#include "http.h"
#include "log.h"
#include "metrics.h"
#include "protocol.h"
#include "relay.h"
#include "store.h"
#include "tokens.h"

/* A member whose messages wait for the disk is not read on; nor is anybody while all of them
   together wait with more than that. */
#define MEMBER_IN_FLIGHT_MAX 256
#define PENDING_BYTES_MAX ((uint64_t)64 * 1024 * 1024)
#define REPLAY_PAGE_BYTES ((size_t)64 * 1024)
#define BACKLOG_FREE ((uint64_t)128 * 1024) /* may wait for each, whatever waits for all */
/* A page costs the loop some 6 ms of writing JSON, and all that are read at once may come in one
   turn. */
#define REST_PAGE_BYTES ((size_t)256 * 1024)
#define REST_READS_MAX 64
#define CLOSE_MS 3000        /* for a closing handshake */
#define STOP_MS 5000         /* for each of the two halves of a stop */
#define ADDRESS_BUCKETS 1024 /* addresses share them by chance; a limit for all is never lost */

struct member;
struct pending;

struct room {
  struct member *members;
  char id[]; /* of the conversation */
};

struct relay {
  struct net_loop *loop;
  const struct relay_options *options;
  struct http_settings http_settings;
  struct link_settings conversation_links, echo_links;
  struct http_server *http;
  struct store *store;
  struct tokens *tokens; /* or NULL */
  struct metrics metrics;
  struct log log;
  void *rooms; /* a tree of tsearch(): balanced, whatever names are chosen */
  struct member *members;
  struct member *waiting; /* not read until fewer bytes are pending */
  size_t reads_count;     /* of REST, on their way */
  uint64_t last_number;   /* given to a connection */
  struct bucket admission;
  uint64_t admission_refused; /* of late */
  struct bucket addresses[ADDRESS_BUCKETS];
  uint64_t address_seed;
  char address[ADDRESS_TEXT_CAP + 16];
  /* the end */
  bool is_stopping, is_store_closing;
  struct net_timer stop_timer;
  uint64_t stop_at_ms;
  void (*stopped)(void *user, bool is_clean);
  void *stopped_user;
};

/* ---- access.c ---- */
struct access {
  uint16_t status; /* 0: granted */
  const char *code, *sentence;
  bool has_token;
  uint8_t digest[TOKEN_DIGEST_LEN];
};
/** What the request's token allows. `user_id`, `conversation_id`: or NULL, then not asked for. */
struct access access_check(const struct relay *relay, const struct http_exchange *exchange,
                           const char *user_id, const char *conversation_id);
/** The Origin if there is one and it is allowed; `*is_refused`: there is one that is not. */
const char *access_origin(const struct relay *relay, const struct http_exchange *exchange,
                          bool *is_refused);
/** The client's address, seen through trusted proxies. */
void access_address(const struct relay *relay, const struct http_exchange *exchange,
                    char text[ADDRESS_TEXT_CAP]);
/** Whether another WebSocket may come now; if not, in how many seconds. */
bool access_admit(struct relay *relay, unsigned *retry_s);
/** Whether that address may post now; if not, in how many seconds. */
bool access_post(struct relay *relay, const struct http_exchange *exchange, unsigned *retry_s);

/* ---- routes.c ---- */
void routes_request(void *user, struct http_exchange *exchange);
void routes_refused(void *user, uint16_t status, const char *sentence);
/** Answers with JSON, which is freed; NULL: 503. `extra`: another header line, or NULL. */
void routes_answer(struct relay *relay, struct http_exchange *exchange, uint16_t status, char *json,
                   const char *extra);
void routes_refuse(struct relay *relay, struct http_exchange *exchange, uint16_t status,
                   const char *code, const char *sentence, const char *extra);
void routes_refuse_for(struct relay *relay, struct http_exchange *exchange, unsigned retry_s,
                       uint16_t status, const char *code, const char *sentence);
/** A number in the query; `*number` stays if it is absent. False: refused. */
bool routes_take_number(struct relay *relay, struct http_exchange *exchange, const char *name,
                        int64_t min, int64_t max, int64_t *number);
#define SEQUENCE_MAX 9007199254740991 /* what a double can tell apart: JSON's readers use them */

/** A line in the log for an answer; `code`: of an error, or "". */
void routes_log(struct relay *relay, const struct http_exchange *exchange, uint16_t status,
                const char *code);

/* ---- pages.c ---- */
/** A GET or HEAD of a path that is not the API's. */
void pages_serve(struct relay *relay, struct http_exchange *exchange);

/* ---- levers.c ---- */
/** Drops the sockets of a user in a conversation, without a close frame. */
void levers_cut(struct relay *relay, struct http_exchange *exchange);
/** Kills this process. */
void levers_kill(struct relay *relay, struct http_exchange *exchange);

/* ---- rest.c ---- */
void rest_post(struct relay *relay, struct http_exchange *exchange, const char *conversation_id);
void rest_get(struct relay *relay, struct http_exchange *exchange, const char *conversation_id);

/* ---- room.c ---- */
/** Made at the first asking. NULL: no memory. */
struct room *room_enter(struct relay *relay, const char *id, struct member *member);
void room_leave(struct relay *relay, struct member *member);
/** To all members that are live, but for `except` (or NULL). Returns to how many. */
unsigned room_broadcast(struct relay *relay, const char *id, const char *text, size_t len,
                        const struct member *except);

/* ---- pending.c ---- */
struct pending {
  struct store_append append; /* first: an append is its pending */
  struct relay *relay;
  struct member *member;           /* who sent it; NULL: gone, or REST */
  struct http_exchange *exchange;  /* or NULL */
  struct pending *previous, *next; /* of the member's */
  uint64_t began_us;
  uint64_t bytes;
  char texts[];
};
/** Hands a message over to the store; its sender learns what becomes of it. One of `member` and
    `exchange` is there. False: no memory, or too much is pending. */
bool pending_append(struct relay *relay, const struct incoming *in, const char *conversation_id,
                    const char *sender_id, struct member *member, struct http_exchange *exchange);

/* ---- member.c ---- */
enum member_kind { MEMBER_ECHO, MEMBER_BARE, MEMBER_OF_ROOM };

struct member {
  struct relay *relay;
  struct link *link;
  struct member *previous, *next;           /* of all */
  struct member *room_previous, *room_next; /* of its room */
  struct member *waiting_next;
  struct room *room;         /* or NULL */
  struct replay *replay;     /* while it is not live, or NULL */
  struct pending *pending;   /* its messages on their way */
  struct store_line *line;   /* of its messages; with a room */
  struct net_timer deadline; /* of silence, or of closing */
  struct net_timer thaw;     /* when it is read on after it was too fast */
  uint64_t number;
  uint64_t opened_at_ms, heard_at_ms;
  uint64_t received_count, sent_count;
  uint64_t backlog; /* bytes that waited for it when last looked at */
  struct bucket bucket;
  unsigned in_flight;
  uint8_t kind; /* enum member_kind */
  uint8_t end;  /* enum end_reason, if `is_closing` */
  bool is_open; /* its link is */
  bool is_closing;
  bool is_asked;     /* pinged, and not heard since */
  bool is_full;      /* too much of it is in flight */
  bool is_throttled; /* too fast */
  bool is_told;      /* that it is */
  bool is_waiting;   /* too much of all is in flight */
  bool is_blocked;   /* its input waits until it reads */
  bool is_stopped;   /* the relay ends */
  bool is_broken;    /* the store failed one of its messages */
  bool is_paused;    /* what comes of these */
  bool has_token;
  uint8_t digest[TOKEN_DIGEST_LEN];
  int64_t after;       /* replay from there; -1: none */
  const char *user_id; /* behind this struct, as the next */
};

struct member_request {
  enum member_kind kind;
  const char *conversation_id, *user_id; /* or NULL */
  int64_t after;                         /* -1: none */
  const struct access *access;
};

/** Takes the upgrade, which has been judged. */
void member_accept(struct relay *relay, struct http_exchange *exchange,
                   const struct member_request *request);
/** Neither we nor it have closed. */
bool member_hears(const struct member *member);
/** Hands a text over to its link. False: no memory. */
bool member_write(struct member *member, const char *text, size_t len);
/** Sends a text, unless it does not hear or reads too slowly: then it is closed. */
void member_send(struct member *member, const char *text, size_t len);
/** The same for an allocated text, which is freed; NULL: no memory, which closes it. */
void member_tell(struct member *member, char *text);
void member_tell_error(struct member *member, const char *code, const char *sentence,
                       const char *id);
/** The closing handshake; the first one counts. */
void member_close(struct member *member, uint16_t code, const char *sentence, enum end_reason end);
/** Drops it at once. */
void member_drop(struct member *member, enum end_reason end);
/** The store failed a message of it: none behind that is stored, or its order would be lost. It is
    not read on, and closed once those on their way are answered, so that it comes back and sends
    all of them again. */
void member_break(struct member *member);
/** A message of it is answered. */
void member_settle(struct member *member);
/** One of the reasons not to read it has changed. */
void member_update_pause(struct member *member);
/** It is no longer to be read, since the relay ends. */
void member_stop_reading(struct member *member);
void member_heard(struct member *member);

/* ---- member_input.c ---- */
void member_take(struct member *member, const uint8_t *text, size_t len);

/* ---- replay.c ---- */
void replay_start(struct member *member, int64_t after);
/** The member took more. */
void replay_go_on(struct member *member);
/** The member goes. */
void replay_abandon(struct member *member);

/* ---- relay.c ---- */
void relay_note_trouble(struct relay *relay, const char *detail);

#endif
