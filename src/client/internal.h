/*
 * The client: one session, one link at a time, the queue's memory, and the application's callbacks.
 *
 * Threads: everything belongs to the loop's thread except what `shared` holds and reads of the
 * session, which are made under client_lock(). The loop's thread takes that lock to change the
 * session; it never holds it while a callback runs.
 *
 * Two ways to send. Direct: the message is encoded straight into the link's output and no node is
 * kept; what the kernel did not take is recovered from the output if the link dies. By node: the
 * message is copied into an envelope that the session orders, keeps until it is confirmed or
 * flushed, and sends again. Direct is used whenever nothing needs to be known of the message later.
 */
#ifndef CLIENT_INTERNAL_H
#define CLIENT_INTERNAL_H

#include "link.h"
#include "loop.h"
#include "session.h"
#include "settings.h"
#include "watch.h"

#include <limpet/limpet.h>
#include <stdatomic.h>

/** A message with memory of its own. */
struct envelope {
  struct session_message message; /* first: session and client share the pointer */
  struct envelope *next;          /* in the inbox */
  uint32_t earlier_attempts;      /* of a stored one: on links before this session had it */
  uint8_t opcode;
  bool is_now;  /* promise "now", from another thread */
  char bytes[]; /* payload, then replace_key, then message_id and a NUL */
};

enum command_kind {
  COMMAND_CONNECT,
  COMMAND_DISCONNECT,
  COMMAND_READY,
  COMMAND_HEALTHY,
  COMMAND_ASK,
  COMMAND_PROBE,
  COMMAND_CLEAR,
  COMMAND_PAUSE,
  COMMAND_FLUSH,
  COMMAND_PROVIDE,
  COMMAND_HINT
};

struct flush;
struct provided;

/** A wish of another thread that waits for the loop's. */
struct command {
  struct command *next;
  enum command_kind kind;
  union {
    bool is_paused;               /* PAUSE */
    struct flush *flush;          /* FLUSH */
    struct provided *provided;    /* PROVIDE */
    limpet_network_state network; /* HINT */
  };
};

struct handler {
  struct handler *next;
  limpet_type_handler *call;
  void *user;
  uint64_t handle;
  char type[];
};

/** How the last link or dial ended; made at the first loss. */
struct last_end {
  struct failure failure;
  enum failure_verdict verdict;
  uint16_t close_code; /* 1006 if none came */
  bool was_clean;
  char close_reason[124];
  char detail[LIMPET_DETAIL_CAP];
};

struct client_thread;
struct durable;
struct endpoints;

/** What other threads hand in. Members but `has_inbox` under client_lock(). */
struct outside {
  struct limpet_client *client;
  struct client_thread *thread; /* the client's own, or NULL; never changes */
  struct durable *durable;      /* the outbox, or NULL; the loop's thread sets and frees it */
  struct flush *flushes;        /* the loop's: begun and not ended */
  struct net_task task;         /* posted while something new is here */
  struct command *commands, **commands_end;
  struct envelope *inbox, **inbox_end;
  uint64_t inbox_bytes;
  uint32_t inbox_count;
  uint32_t stop_deadline_ms;
  bool wants_stop; /* limpet_stop() was called out there */
  bool is_posted;
  bool owes_closed;    /* the loop's: CLOSED is reported when the disk has finished, ... */
  uint8_t closed_from; /* ... and was entered from this enum session_state */
  atomic_bool has_inbox;
};

/** What is known of the way to the target; see network.h. */
struct client_network {
  struct net_watcher watcher;
  struct target *targets; /* what the last look-up of a name found, or NULL */
  uint32_t print;         /* of the way of the present link */
  uint8_t targets_count;
  bool is_watching; /* the options ask for it */
  bool is_dialing;  /* what is found now replaces `targets` */
};

/* Programs have thousands of these, and a KiB for each with its link: the order leaves few gaps. */
struct limpet_client {
  struct settings *settings;
  struct net_loop *loop;
  void *user;
  const char *url;             /* the settings', or a copy of its own */
  struct endpoints *endpoints; /* or NULL: only `url` is dialed */
  struct link *link;
  struct client_network network;
  uint32_t epoch; /* of `link` */
  bool is_settling : 1;
  bool settles_again : 1;     /* a callback gave the session new inputs */
  bool is_closing : 1;        /* our close is under way on `link`: its end is no error */
  bool is_writable : 1;       /* as the session was told */
  bool is_high : 1;           /* on_high_water was called, on_drained not yet */
  bool is_paused : 1;         /* the application wants to be given nothing */
  bool is_freed : 1;          /* limpet_stop() has come to its end; memory goes with this turn */
  bool is_hinted_offline : 1; /* so says the application */
  bool owes_hint : 1;         /* the session has yet to hear of it */
  bool is_loop_held : 1;      /* for the wait for the network */
  bool owes_dial : 1;         /* that of `epoch` waits for the turn's end */
  bool is_stopping;    /* a stop has begun. No bit: other threads read it, under client_lock() */
  uint8_t dials_count; /* since the last turn end that was asked for */
  atomic_bool has_handlers;
  uint8_t tag[3]; /* random: by it and the link's number logs of both ends name a link */

  uint32_t late_bytes; /* of messages without a node that had to go behind nodes; those that are
                          gone count until no node is ahead of the next one */
  uint64_t direct_end; /* where direct messages end in the stream: behind it are nodes and those */

  /* counted in the hot path, folded into the session when the link is flushed, or was read */
  uint32_t in_count, out_count;
  uint64_t in_bytes, out_bytes;

  struct net_timer timer;
  struct net_turn_end turn_end;
  uint64_t stop_at_ms;       /* the deadline of limpet_stop(); SESSION_NEVER */
  struct last_end *last_end; /* written under client_lock() */

  /* shared: under client_lock() */
  struct handler *handlers;
  _Atomic(struct outside *) outside; /* NULL until another thread hands something in */
  atomic_uint_fast64_t next_id;
  atomic_uint_fast64_t buffered; /* but for the disk; as last published by the loop's thread */

  struct session session;
};

/* ---- client.c ---- */
void client_lock(const struct limpet_client *client);
void client_unlock(const struct limpet_client *client);
const struct memory *client_memory(const struct limpet_client *client);
const struct limpet_callbacks *client_callbacks(const struct limpet_client *client);
void client_log(struct limpet_client *client, limpet_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
limpet_result client_make(const limpet_options *options, uv_loop_t *uv,
                          struct client_thread *thread, limpet_client **client, char *detail);
void client_free(struct limpet_client *client);
/** The end of a stop has come: memory goes at the end of this turn. */
void client_finish(struct limpet_client *client);

/* ---- driver.c: what the session decides ---- */
/** Takes all actions, runs waiting commands, sets the timer. Harmless inside itself. */
void client_settle(struct limpet_client *client);
void client_fold_counts(struct limpet_client *client);
void client_turn_end(struct net_turn_end *hook);
void client_timer(struct net_timer *timer);
uint64_t client_now_ms(const struct limpet_client *client);
/** Reads on, or not, as the application wants. */
void client_pause(struct limpet_client *client, bool is_paused);
/** The link has written: what was flushed, whether it takes more, and the counts with it. */
void client_note_flush(struct limpet_client *client);
/** Reports the fate of an action to the application. */
void client_tell_fate(struct limpet_client *client, const struct session_action *action);

/* ---- link_inputs.c: what the link reports ---- */
const struct link_events *client_link_events(const struct limpet_client *client);
/** Drops the link or dial now, or stops waiting for the provider; unsent messages come back. */
void client_drop_link(struct limpet_client *client);
/** The same, and reports its loss. */
void client_lose(struct limpet_client *client, const struct failure *failure, const char *detail);
void client_lose_without_memory(struct limpet_client *client);
/** The link or dial lost its ground: dropped now, and a new one goes another way, if there is one.
 */
void client_move(struct limpet_client *client, const char *detail);

/* ---- dialing.c ---- */
/** What logs of both ends call the link: "3fa9c1-7". */
void client_write_label(const struct limpet_client *client, uint32_t epoch,
                        char label[LINK_LABEL_CAP]);
/** The URL of endpoints_url(), for use without the lock. */
void client_copy_url(struct limpet_client *client, char url[URL_LEN_MAX + 1]);
/** Starts the dial that the session awaits. `headers`: of this dial alone, or NULL. */
void client_dial(struct limpet_client *client, const char *const *headers);

/* ---- report.c: errors and endings, as the application sees them ---- */
/** `failure` NULL: an end that was wanted; `end` NULL: the link was dropped here. */
void report_keep_end(struct limpet_client *client, const struct failure *failure,
                     const struct link_end *end, const char *detail);
/** The contract's verdict on a loss. */
enum failure_verdict report_usual_verdict(const struct limpet_client *client,
                                          const struct failure *failure);
/** What is done about it: the contract's way, or the application's. */
limpet_decision report_judge(struct limpet_client *client, const struct failure *failure);
void report_error(struct limpet_client *client, const struct failure *failure);
void report_ended(struct limpet_client *client);
/** The outbox is in trouble; the link is not concerned. */
void report_outbox(struct limpet_client *client, const char *detail);
/** For link_events, where the application wants steps. */
void report_step(struct link *link, const struct link_step_report *report);
struct failure report_failure(const struct link_end *end);

/* ---- send.c ---- */
void client_free_envelope(struct limpet_client *client, struct session_message *message);
/** `options` (or NULL) gives replace_key and message_id. */
struct envelope *envelope_new(struct limpet_client *client, uint8_t opcode, const void *data,
                              size_t len, const limpet_send_options *options);
/** A number for a message: higher than all before. */
uint64_t client_fresh_id(struct limpet_client *client);
void client_take_inbox(struct limpet_client *client);
void client_drop_inbox(struct limpet_client *client);
/** Compares the buffered amount with high water and tells the application. */
void client_judge_water(struct limpet_client *client);
uint64_t client_buffered(const struct limpet_client *client);

/* ---- commands.c ---- */
limpet_result client_command(struct limpet_client *client, struct command command);
bool client_run_command(struct limpet_client *client);
/** Refuses what is left when the client ends. */
void client_end_commands(struct limpet_client *client);
/** Made at the first call, from whatever thread. NULL: no memory. */
struct outside *client_outside(struct limpet_client *client);
/** Wakes the loop's thread. Under client_lock(). */
void client_post(struct outside *outside);
/** The same without it, where there is an outside. */
void client_wake(struct limpet_client *client);
/** Frees what is left there at the end. */
void client_free_outside(struct limpet_client *client);

/* ---- flush.c ---- */
void flush_begin(struct limpet_client *client, struct flush *flush);
void flush_judge(struct limpet_client *client);
void flush_end_all(struct limpet_client *client, limpet_result result);
/** A flush that was never begun. */
void flush_refuse(struct limpet_client *client, struct flush *flush);
/** `len` bytes were put into the link's stream at `stream_at`. */
void flush_shift(struct limpet_client *client, uint64_t stream_at, uint64_t len);

/* ---- handlers.c ---- */
/** False: the application's on_text wants it too. */
bool handlers_take_typing(struct limpet_client *client, const char *text, size_t len);
void handlers_dispatch(struct limpet_client *client, const char *text, size_t len);
void handlers_free(struct limpet_client *client);

/* ---- thread.c ---- */
limpet_result client_thread_start(const limpet_options *options, limpet_client **client,
                                  char *detail);
/** Whether the caller is the client's loop thread. */
bool client_is_own_thread(const struct limpet_client *client);
/** The client is freed: its loop may end. */
void client_thread_release(struct client_thread *thread);
/** Told before a stop: who waits for the thread. */
void client_thread_will_stop(struct client_thread *thread, bool by_itself);
void client_thread_join(struct client_thread *thread);

#endif
