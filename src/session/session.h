/*
 * The session: the pure decision maker inside a client.
 *
 * It owns the state table, backoff, heartbeat, queue order, fates and metrics. It has no
 * clock, no I/O, no threads and no memory of its own: a driver (libuv, the browser, the
 * simulator) calls an input with `now_ms`, then takes actions with session_next_action()
 * until there are none, and calls session_tick() when session_deadline() has come.
 *
 * Rules for drivers
 *   - After every input take actions until there are none, before the next input. An action
 *     may be carried out by calling an input; new actions then join behind the ones waiting.
 *   - `now_ms` never goes back. `now_us` is the same clock, finer.
 *   - Messages are nodes in the driver's memory. From session_enqueue() on they belong to the
 *     session, until an ACTION_FATE with `final` gives them back. One whose bytes are still on
 *     their way out may come back too (overflow): the driver keeps what its link points to.
 *   - At most one dial or link exists at a time, named by its epoch. Inputs of an older epoch
 *     are ignored, so late events of an abandoned link need no care.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backoff.h"
#include "failure.h"
#include "heartbeat.h"
#include "metrics.h"
#include "words.h"

#define SESSION_NEVER UINT64_MAX
/** Most actions that one input can leave behind, fates and writes aside (they wait in lists). */
#define SESSION_ACTIONS_MAX 8

struct session_config {
  struct backoff_config backoff; /* delays, jitter, max_retries, retry_after_max_ms */
  uint32_t stable_after_ms;
  bool reconnect_on_normal_close;

  enum heartbeat_dialect dialect;
  uint32_t heartbeat_interval_ms;
  uint32_t heartbeat_timeout_ms;
  uint32_t probe_timeout_ms;
  uint32_t connect_timeout_ms; /* also the floor of "1 KiB of an unfinished frame each ..." */
  uint32_t close_timeout_ms;
  bool hold_until_ready;
  uint32_t ready_timeout_ms;

  enum session_confirm confirm;
  uint32_t in_flight;
  uint32_t
      ack_timeout_ms; /* CONFIRM_ACK: no progress for this long, and all goes again; 0: never */
  uint32_t queue_limit;
  uint64_t queue_limit_bytes;
  bool report_fates; /* queued and written are reported too, not only the final fates */
};

/** One message that waits or is unconfirmed. The driver fills the first part. */
struct session_message {
  const char *replace_key; /* or NULL; lives as long as the node */
  uint32_t replace_key_len;
  uint32_t len;           /* payload bytes */
  uint64_t expires_at_ms; /* SESSION_NEVER without ttl */
  uint64_t id;
  const char
      *message_id; /* what the peer's acknowledgement names, or NULL; lives as long as the node */
  uint32_t message_id_len;
  bool is_stored; /* also in the driver's outbox: given back, not kept, when the link is gone */

  /* the session's, set by session_enqueue() and session_recovered() */
  uint64_t stream_end; /* where its last byte ends in the present link's stream */
  uint32_t attempts;   /* links it was written on */
  uint8_t fate;        /* enum session_fate, once final */
  uint8_t drop;        /* enum session_drop, once final */
  uint8_t place;       /* which list holds it */
  uint8_t owed;        /* fates still to be reported */
  bool is_replacement; /* stands in an older one's place */
  struct session_message *previous, *next;
  struct session_message *expiry_previous, *expiry_next;
  struct session_message *key_child[2];
  struct session_message *report_next;
};

enum session_action_kind {
  ACTION_NONE,
  ACTION_DIAL,   /* start a dial; answer: session_link_opened() or session_link_lost() */
  ACTION_ABORT,  /* drop the dial or link at once, without a close handshake; no answer wanted.
                    Only where the user's wish ends it (disconnect, network down). It may be
                    gone already */
  ACTION_LATE,   /* the session gives the link up (heartbeat_timeout; connection_lost when not ready
                    in time): drop it at once and answer session_link_lost() with `failure` and the
                    application's verdict, so that every loss takes the same way */
  ACTION_CLOSE,  /* start the close handshake with `close_code`; answer: session_link_lost() */
  ACTION_ASK,    /* send the heartbeat question `question`; answer: session_asked() */
  ACTION_WRITE,  /* hand `message` to the link; answer: session_written() */
  ACTION_STATE,  /* report a state change */
  ACTION_ERROR,  /* report `failure` (the driver keeps the detail that belongs to it) */
  ACTION_RETRY,  /* report a planned retry */
  ACTION_OPENED, /* report that a link is open */
  ACTION_ENDED,  /* report that a link that was open has ended */
  ACTION_FATE    /* report the fate of `message`; with `final` it is the driver's again */
};

struct session_action {
  enum session_action_kind kind;
  uint32_t epoch; /* DIAL, ABORT, CLOSE, ASK, WRITE: the dial or link meant */
  union {
    uint16_t close_code;
    struct heartbeat_question question;
    struct session_message *message; /* WRITE */
    struct {
      enum session_state from, to;
      enum session_reason reason;
    } state;
    struct failure failure; /* LATE, ERROR */
    struct {
      uint32_t attempt, max_retries;
      uint64_t delay_ms;
    } retry;
    struct {
      struct session_message *message;
      enum session_fate fate;
      enum session_drop drop;
      bool final;
    } fate;
  };
};

/* Its members are private to src/session; drivers use the functions below. */
#include "session_state.h"

/** `config` must outlive the session. `seed` feeds the jitter: the same seed, the same delays. */
void session_init(struct session *s, const struct session_config *config, uint64_t seed);

/* ---- what the user wants ---- */
void session_connect(struct session *s, uint64_t now_ms);
void session_disconnect(struct session *s, uint64_t now_ms);
void session_ready(struct session *s, uint64_t now_ms);
void session_healthy(struct session *s, uint64_t now_ms);
/** The next question goes out now; its answer is late as ever. */
void session_ask(struct session *s, uint64_t now_ms);
/** The link is in doubt: as above, and the answer is late after probe_timeout_ms. */
void session_probe(struct session *s, uint64_t now_ms);
/** Nothing is read of the link until the pause ends: silence says nothing meanwhile, so that
   nothing is asked of the peer and nothing is late. It outlives links. */
void session_pause(struct session *s, uint64_t now_ms, bool is_paused);
/** Takes the message into the queue (promise "queue"), whatever the state; the oldest make room
    at the limit. False, and nothing changed: alone larger than queue_limit_bytes, or a
    disconnect is under way. A stored one is taken while a link is open, whatever its size. */
bool session_enqueue(struct session *s, uint64_t now_ms, struct session_message *message);
/** Drops what waits, is not stored and was never written on the present link. */
void session_clear(struct session *s, uint64_t now_ms);

/* ---- what happened to the dial or link `epoch` ---- */
/** The link starts out writable. */
void session_link_opened(struct session *s, uint64_t now_ms, uint32_t epoch);
/** The dial failed, or the link ended for whatever reason, our own close included. `verdict` is
    failure_verdict() or what the application made of it. */
void session_link_lost(struct session *s, uint64_t now_ms, uint32_t epoch,
                       const struct failure *failure, enum failure_verdict verdict);
/** Before session_link_lost() of a link whose output held messages that were never nodes here: each
    of them, in stream order. They go ahead of everything that waits or is unconfirmed; none is
    evicted for them. While the session is CLOSED (an aborted close handshake) they are dropped. */
void session_recovered(struct session *s, uint64_t now_ms, struct session_message *message);
/** The question of ACTION_ASK stands in the output stream from `stream_begin` to `stream_end`. */
void session_asked(struct session *s, uint64_t now_us, uint32_t epoch, uint64_t stream_begin,
                   uint64_t stream_end);
/** The message of ACTION_WRITE ends at `stream_end` in the output stream. */
void session_written(struct session *s, uint64_t now_ms, uint32_t epoch,
                     struct session_message *message, uint64_t stream_end);
/** `len` bytes were put into the stream at `stream_at`: later positions move. */
void session_stream_shifted(struct session *s, uint32_t epoch, uint64_t stream_at, uint64_t len);
/** The kernel has taken the stream up to `stream_sent`. */
void session_flushed(struct session *s, uint64_t now_ms, uint32_t epoch, uint64_t stream_sent);
/** The link takes more messages now, or does not: ACTION_WRITE comes only while it does. */
void session_writable(struct session *s, uint32_t epoch, bool writable);
/** A heartbeat reply was recognised (heartbeat_read_pong(), heartbeat_read_text()). True if it
    answers the outstanding question; others are ignored. */
bool session_heartbeat_reply(struct session *s, uint64_t now_us, uint32_t epoch,
                             const struct heartbeat_reply *reply);
/** The peer acknowledged the message with this id, at whatever place in the order. True if it is in
    flight, and so is confirmed now; CONFIRM_ACK only. */
bool session_acked(struct session *s, uint64_t now_ms, uint32_t epoch, const char *id,
                   size_t id_len);
/** `len` bytes came that belong to a frame still unfinished. */
void session_frame_progress(struct session *s, uint64_t now_ms, uint32_t epoch, uint64_t len);
/** Counts for the metrics, batched as the driver likes. */
void session_received(struct session *s, uint64_t messages, uint64_t bytes);
void session_sent(struct session *s, uint64_t messages, uint64_t bytes);
/** Messages that never came here: the driver or its outbox dropped them. */
void session_dropped(struct session *s, uint64_t messages);

/* ---- the machine's network (section 3 of the contract) ---- */
void session_network_down(struct session *s, uint64_t now_ms);
void session_network_up(struct session *s, uint64_t now_ms);

/* ---- time ---- */
void session_tick(struct session *s, uint64_t now_ms);
/** When session_tick() is due, SESSION_NEVER if nothing is planned; when no action is left. */
uint64_t session_deadline(const struct session *s);

/** False when nothing is left to do. */
bool session_next_action(struct session *s, uint64_t now_ms, struct session_action *action);

/* ---- questions ---- */
enum session_state session_get_state(const struct session *s);
enum session_reason session_get_reason(const struct session *s);
/** A link of this session has once been open: failure_verdict() asks. */
bool session_was_open(const struct session *s);
/** The lowest id of all messages held, if ids rise; UINT64_MAX if none is held. */
uint64_t session_oldest_id(const struct session *s);
uint32_t session_attempt(const struct session *s);
uint64_t session_next_retry_at(const struct session *s);
/** How long the reply to the last question may take: less where the link was in doubt. */
uint32_t session_answer_within_ms(const struct session *s);
/** A dial is awaited, and no disconnect is under way. */
bool session_is_dialing(const struct session *s);
/** CONNECTED, and no disconnect under way: "now" messages may go. */
bool session_is_open(const struct session *s);
/** No disconnect is under way: messages may be handed in. */
bool session_takes_messages(const struct session *s);
/** Open, ready if asked for, writable, and no node waits. */
bool session_is_flowing(const struct session *s);
/** Messages may bypass the queue: flowing, and no node is unflushed, so that the output holds
    bypassing messages only ahead of nodes. */
bool session_is_clear(const struct session *s);
/** Of all that is to be reported only CLOSED is left. */
bool session_closed_is_next(const struct session *s);
/** Some wait or are unconfirmed. */
bool session_has_messages(const struct session *s);
void session_get_metrics(const struct session *s, uint64_t now_ms, struct session_metrics *out);

/** What the present state breaks of its guarantees, as a sentence; NULL if nothing. For tests and
    simulation, when no action is left. */
const char *session_fault(const struct session *s, uint64_t now_ms);
/** Asserts that there is no fault. */
void session_check(const struct session *s, uint64_t now_ms);

#endif
