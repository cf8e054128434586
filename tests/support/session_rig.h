/*
 * A driver for unit tests of the session: a clock that is a variable, a stream that only counts,
 * and a log of the actions as words, so that a test reads as what happens:
 *
 *   rig_lose(&rig, FAILURE_CONNECTION_LOST);
 *   rig_expect(&rig, "error connection_lost; ended; CONNECTED>DISCONNECTED lost; retry 1/10 750; "
 *                    "DISCONNECTED>RECONNECTING retry");
 *
 * Questions and messages are put into the stream at once; nothing leaves it before rig_flush().
 */
#ifndef SUPPORT_SESSION_RIG_H
#define SUPPORT_SESSION_RIG_H

#include "session.h"

#define RIG_MESSAGES 512
#define RIG_LOG_CAP 16384
#define RIG_QUESTION_LEN 14
#define RIG_HEADER_LEN 6
#define RIG_ID_CAP 8

struct rig;
typedef void rig_callback(struct rig *rig, const struct session_action *action);

struct rig {
  struct session session;
  struct session_config config;
  uint64_t now_ms;
  uint32_t epoch; /* of the last dial */
  uint64_t stream_end;
  struct heartbeat_question question; /* the last one */
  struct session_message messages[RIG_MESSAGES];
  char message_ids[RIG_MESSAGES][RIG_ID_CAP]; /* "m0", "m1", ... */
  uint64_t message_count;
  uint64_t last_delay_ms;
  char log[RIG_LOG_CAP];
  size_t log_len;
  rig_callback *callback; /* after each action, or NULL */
};

/** The contract's defaults, jitter none, at 1,000,000 ms; change `config` before the first input.
 */
void rig_init(struct rig *rig);
/** Takes all actions. */
void rig_take(struct rig *rig);
/** What happened since the last time, in words joined by "; ". Fails the test if it is not so. */
void rig_expect(struct rig *rig, const char *log);
void rig_forget(struct rig *rig);

void rig_connect(struct rig *rig);
void rig_disconnect(struct rig *rig);
void rig_open(struct rig *rig);
/** connect, opened, log forgotten. */
void rig_start(struct rig *rig);
/** The link or dial ends so, with the contract's verdict. */
void rig_lose(struct rig *rig, enum failure_kind kind);
void rig_lose_by(struct rig *rig, const struct failure *failure, enum failure_verdict verdict);
/** Time passes; a deadline on the way gets its tick in time. */
void rig_pass(struct rig *rig, uint64_t ms);
/** A message of `len` bytes; its id is the count of messages before. */
struct session_message *rig_send(struct rig *rig, uint32_t len);
struct session_message *rig_send_with(struct rig *rig, uint32_t len, uint64_t ttl_ms,
                                      const char *key);
/** The same, of a message that an outbox has too. NULL: the session did not take it. */
struct session_message *rig_send_stored(struct rig *rig, uint32_t len);
/** The peer acknowledges message `id` by its name, "m" and the number. What the session says. */
bool rig_ack(struct rig *rig, uint64_t id);
/** A message of 5 bytes that bypassed the queue comes back from the dead link. Actions are left. */
void rig_recover(struct rig *rig, uint64_t id, const char *key);
/** The kernel took all that stands in the stream. */
void rig_flush(struct rig *rig);
/** The last question is answered, `rtt_us` after now. */
void rig_reply(struct rig *rig, uint64_t rtt_us);
struct session_metrics rig_metrics(const struct rig *rig);

#endif
