/*
 * What each state guarantees, as rules. Each holds whenever no action is left; the sentence names
 * the broken one. Walks all lists: for tests and simulation.
 */
#include "machine.h"
#include "require.h"
#include "timers.h"

typedef bool rule_holds(const struct session *s, uint64_t now_ms);

struct rule {
  rule_holds *holds;
  const char *sentence;
};

static enum session_phase phase_of(const struct session *s) {
  return (enum session_phase)s->phase;
}

static bool is_linked(const struct session *s) {
  return table_state(phase_of(s)) == STATE_CONNECTED;
}

static bool state_is_the_phases(const struct session *s, uint64_t now_ms) {
  (void)now_ms;
  return s->state == table_state(phase_of(s));
}

static bool no_action_waits(const struct session *s, uint64_t now_ms) {
  (void)now_ms;
  return !s->actions_count && !queue_has_reports(&s->queue);
}

static bool wish_waits_for_closing(const struct session *s, uint64_t now_ms) {
  (void)now_ms;
  return s->wish == WISH_NONE || (s->wish == WISH_CONNECT && s->phase == PHASE_CLOSING);
}

static bool time_belongs_to_phase(const struct session *s, uint64_t now_ms) {
  (void)now_ms;
  const bool has_time =
      s->phase == PHASE_BACKOFF || s->phase == PHASE_FIRST_WAIT || s->phase == PHASE_CLOSING;
  return has_time == (s->phase_until_ms != SESSION_NEVER);
}

static bool deadline_is_ahead(const struct session *s, uint64_t now_ms) {
  return timers_deadline(s) >= now_ms;
}

static bool counter_is_bounded(const struct session *s, uint64_t now_ms) {
  (void)now_ms;
  const uint64_t max = s->config->backoff.max_retries;
  if (s->phase == PHASE_FAILED)
    return s->attempt == max + 1;
  return s->attempt <= max + 1;
}

static bool nobody_waits_offline(const struct session *s, uint64_t now_ms) {
  (void)now_ms;
  if (s->phase == PHASE_OFFLINE)
    return s->is_offline;
  return !s->is_offline || (s->phase != PHASE_BACKOFF && s->phase != PHASE_FIRST_WAIT);
}

static bool outage_is_between_links(const struct session *s, uint64_t now_ms) {
  if (!s->in_outage)
    return true;
  return s->was_open && !is_linked(s) && s->phase != PHASE_IDLE && s->since_ms <= now_ms;
}

static bool stable_link_has_counter_0(const struct session *s, uint64_t now_ms) {
  (void)now_ms;
  return s->phase != PHASE_OPEN || !s->is_stable || s->attempt == 0;
}

static bool question_is_in_order(const struct session *s, uint64_t now_ms) {
  (void)now_ms;
  const struct session_heartbeat *h = &s->heartbeat;
  if (s->phase != PHASE_OPEN || h->stage == QUESTION_NONE)
    return true;
  return h->stage == QUESTION_HANDED || h->stream_begin <= h->stream_end;
}

static bool flight_needs_a_link(const struct session *s, uint64_t now_ms) {
  (void)now_ms;
  return is_linked(s) || (!s->queue.in_flight && !s->queue.recovered && !s->queue.unflushed);
}

static bool closing_lets_nothing_wait(const struct session *s, uint64_t now_ms) {
  (void)now_ms;
  return s->phase != PHASE_CLOSING || !s->queue.waiting;
}

static bool window_is_kept(const struct session *s, uint64_t now_ms) {
  (void)now_ms;
  return s->config->confirm == CONFIRM_NONE || s->queue.in_flight_count <= s->config->in_flight ||
         s->queue.recovered;
}

static bool without_a_link_nothing_stored_is_held(const struct session *s, uint64_t now_ms) {
  (void)now_ms;
  const struct session_message *head = s->queue.waiting, *m = head;
  if (is_linked(s) || !head)
    return true;
  do {
    if (m->is_stored)
      return false;
    m = m->next;
  } while (m != head);
  return true;
}

/* ---- the queue ---- */

static void count_ring(const struct session_message *head, uint64_t *count, uint64_t *stored_count,
                       uint64_t *bytes) {
  const struct session_message *m = head;
  if (!head)
    return;
  do {
    ++*count;
    *stored_count += m->is_stored;
    *bytes += m->is_stored ? 0 : m->len;
    m = m->next;
  } while (m != head);
}

static bool counts_are_right(const struct session *s, uint64_t now_ms) {
  (void)now_ms;
  uint64_t waiting = 0, in_flight = 0, stored = 0, bytes = 0;
  count_ring(s->queue.waiting, &waiting, &stored, &bytes);
  count_ring(s->queue.in_flight, &in_flight, &stored, &bytes);
  count_ring(s->queue.recovered, &in_flight, &stored, &bytes);
  return waiting == s->queue.waiting_count && in_flight == s->queue.in_flight_count &&
         stored == s->queue.stored_count && bytes == s->queue.bytes;
}

static bool flight_is_in_stream_order(const struct session *s, uint64_t now_ms) {
  (void)now_ms;
  const struct session_message *head = s->queue.in_flight, *m = head;
  if (!head)
    return true;
  for (; m->next != head; m = m->next)
    if (m->stream_end > m->next->stream_end)
      return false;
  return true;
}

static bool expiry_is_sorted(const struct session *s, uint64_t now_ms) {
  (void)now_ms;
  const struct session_message *head = s->queue.expiring, *m = head;
  if (!head)
    return true;
  for (; m->expiry_next != head; m = m->expiry_next)
    if (m->expires_at_ms > m->expiry_next->expires_at_ms)
      return false;
  return true;
}

static const struct rule rules[] = {
    {state_is_the_phases, "the state is the one of the phase"},
    {no_action_waits, "no action waits"},
    {wish_waits_for_closing, "only a connect waits, and only for the end of a close"},
    {time_belongs_to_phase, "a phase has a time of its own exactly if it waits for it"},
    {deadline_is_ahead, "no deadline has passed unseen"},
    {counter_is_bounded, "the counter exceeds max_retries only to fail"},
    {nobody_waits_offline, "offline, no dial is planned; waiting for the network means offline"},
    {outage_is_between_links, "an outage lies between two links"},
    {stable_link_has_counter_0, "on a stable link the counter is 0"},
    {question_is_in_order, "a question has its place in the stream"},
    {flight_needs_a_link, "nothing is in flight without a link"},
    {closing_lets_nothing_wait, "nothing waits while closing"},
    {window_is_kept, "the window bounds what is unconfirmed"},
    {without_a_link_nothing_stored_is_held, "stored messages are held only while a link is open"},
    {counts_are_right, "the queue's counts are those of its lists"},
    {flight_is_in_stream_order, "what is in flight is in stream order"},
    {expiry_is_sorted, "the first to expire comes first"},
};

const char *session_fault(const struct session *s, uint64_t now_ms) {
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    if (!rules[i].holds(s, now_ms))
      return rules[i].sentence;
  return NULL;
}

void session_check(const struct session *s, uint64_t now_ms) {
  REQUIRE(!session_fault(s, now_ms));
  (void)s;
  (void)now_ms;
}
