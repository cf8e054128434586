/*
 * Everything here is O(1), amortised over a message's life, but for two: a time to live shorter
 * than those before it walks over them, and finding a replace_key walks a path of its hash's bits.
 */
#include "queue.h"
#include "require.h"
#include "session.h"
#include "session_scope.h"

#include <string.h>

enum place { PLACE_NONE, PLACE_WAITING, PLACE_IN_FLIGHT, PLACE_RECOVERED };

enum { OWED_QUEUED = 1, OWED_WRITTEN = 2, OWED_FINAL = 4 };

typedef struct session_message node;

static bool is_stored(const node *m) {
  return HAS_STORED && m->is_stored;
}

/* ---- rings: `head` is the oldest, head->previous the newest ---- */

static void ring_append(node **head, node *m) {
  if (!*head) {
    m->previous = m->next = m;
    *head = m;
    return;
  }
  m->next = *head;
  m->previous = (*head)->previous;
  m->previous->next = m;
  (*head)->previous = m;
}

static void ring_remove(node **head, node *m) {
  if (m->next == m) {
    *head = NULL;
  } else {
    m->previous->next = m->next;
    m->next->previous = m->previous;
    if (*head == m)
      *head = m->next;
  }
}

/* Puts `fresh` where `old` stands. */
static void ring_swap(node **head, node *old, node *fresh) {
  ring_append(&old, fresh); /* just before `old`: the newest of the ring that begins there */
  if (*head == old)
    *head = fresh;
  ring_remove(head, old);
}

/* `front` comes before all of `*head`. */
static void ring_prepend_all(node **head, node *front) {
  if (!front)
    return;
  if (*head) {
    node *front_last = front->previous, *last = (*head)->previous;
    front_last->next = *head;
    (*head)->previous = front_last;
    last->next = front;
    front->previous = last;
  }
  *head = front;
}

/* ---- expiry: sorted, the first to expire at the head ---- */

static void expiry_link(node *m, node *before) {
  m->expiry_next = before;
  m->expiry_previous = before->expiry_previous;
  m->expiry_previous->expiry_next = m;
  before->expiry_previous = m;
}

/* From the far end, since new messages tend to expire last; but those that come back from a link
   tend to expire first. */
static void expiry_insert(struct message_queue *q, node *m) {
  if (m->expires_at_ms == SESSION_NEVER)
    return;
  if (!q->expiring) {
    m->expiry_next = m->expiry_previous = m;
    q->expiring = m;
  } else if (m->expires_at_ms < q->expiring->expires_at_ms) {
    expiry_link(m, q->expiring);
    q->expiring = m;
  } else {
    node *after = q->expiring->expiry_previous;
    while (after->expires_at_ms > m->expires_at_ms)
      after = after->expiry_previous;
    expiry_link(m, after->expiry_next);
  }
}

static void expiry_remove(struct message_queue *q, node *m) {
  if (!m->expiry_next)
    return;
  if (m->expiry_next == m) {
    q->expiring = NULL;
  } else {
    m->expiry_previous->expiry_next = m->expiry_next;
    m->expiry_next->expiry_previous = m->expiry_previous;
    if (q->expiring == m)
      q->expiring = m->expiry_next;
  }
  m->expiry_next = m->expiry_previous = NULL;
}

/* ---- replace keys: a tree whose paths are the bits of a hash ---- */

static bool has_key(const node *m) {
  return HAS_REPLACE_KEYS && m->replace_key;
}

static uint64_t hash_key(const node *m) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (uint32_t i = 0; i < m->replace_key_len; i++)
    hash = (hash ^ (uint8_t)m->replace_key[i]) * UINT64_C(0x100000001b3);
  return hash ^ hash << 32; /* the high bits, walked first, depend on the last bytes too */
}

static bool same_key(const node *a, const node *b) {
  return a->replace_key_len == b->replace_key_len &&
         memcmp(a->replace_key, b->replace_key, a->replace_key_len) == 0;
}

/* Where a node with the key of `m` hangs, or would. */
static node **key_slot(struct message_queue *q, const node *m) {
  node **slot = &q->keyed;
  for (uint64_t hash = hash_key(m); *slot && !same_key(*slot, m); hash <<= 1)
    slot = &(*slot)->key_child[hash >> 63];
  return slot;
}

/* The newest waiting one stands for its key; an older one that came back from a link does not. */
static void key_insert(struct message_queue *q, node *m) {
  if (!has_key(m))
    return;
  node **slot = key_slot(q, m);
  if (!*slot)
    *slot = m;
}

/* Any node below may stand in for the removed one: it shares the path so far. */
static void key_remove(struct message_queue *q, node *m) {
  if (!has_key(m))
    return;
  node **slot = key_slot(q, m);
  if (*slot != m)
    return;
  node **leaf = slot;
  while ((*leaf)->key_child[0] || (*leaf)->key_child[1])
    leaf = &(*leaf)->key_child[!(*leaf)->key_child[0]];
  node *heir = *leaf;
  *leaf = NULL;
  if (heir != m) {
    heir->key_child[0] = m->key_child[0];
    heir->key_child[1] = m->key_child[1];
    *slot = heir;
  }
  m->key_child[0] = m->key_child[1] = NULL;
}

/* ---- reports: a ring by `report_next`, its handle the newest ---- */

static void owe(struct message_queue *q, node *m, uint8_t what) {
  const bool is_listed = m->owed;
  m->owed |= what;
  if (is_listed)
    return;
  if (q->reports) {
    m->report_next = q->reports->report_next;
    q->reports->report_next = m;
  } else {
    m->report_next = m;
  }
  q->reports = m;
}

static void forget_oldest_report(struct message_queue *q) {
  node *oldest = q->reports->report_next;
  if (oldest == q->reports)
    q->reports = NULL;
  else
    q->reports->report_next = oldest->report_next;
  oldest->report_next = NULL;
}

bool queue_has_reports(const struct message_queue *q) {
  return q->reports != NULL;
}

/* In the order of a life: queued, written, final. */
bool queue_next_report(struct message_queue *q, struct queue_report *report) {
  if (!q->reports)
    return false;
  node *m = q->reports->report_next;
  *report = (struct queue_report){.message = m, .drop = DROP_NONE};
  if (m->owed & OWED_QUEUED) {
    report->fate = FATE_QUEUED;
    m->owed &= (uint8_t)~OWED_QUEUED;
  } else if (m->owed & OWED_WRITTEN) {
    report->fate = FATE_WRITTEN;
    m->owed &= (uint8_t)~OWED_WRITTEN;
  } else {
    report->fate = (enum session_fate)m->fate;
    report->drop = (enum session_drop)m->drop;
    report->is_final = true;
    m->owed = 0;
  }
  if (!m->owed)
    forget_oldest_report(q);
  return true;
}

/* ---- in and out ---- */

static void finish(struct message_queue *q, node *m, enum session_fate fate,
                   enum session_drop drop) {
  if (is_stored(m))
    q->stored_count--;
  else
    q->bytes -= m->len;
  q->dropped += fate == FATE_DROPPED;
  m->place = PLACE_NONE;
  m->fate = (uint8_t)fate;
  m->drop = (uint8_t)drop;
  owe(q, m, OWED_FINAL);
}

static void leave_waiting(struct message_queue *q, node *m) {
  ring_remove(&q->waiting, m);
  expiry_remove(q, m);
  key_remove(q, m);
  q->waiting_count--;
}

static node *next_in_flight(const struct message_queue *q, node *m) {
  REQUIRE(q->in_flight);
  return q->in_flight->previous == m ? NULL : m->next;
}

static void leave_in_flight(struct message_queue *q, node *m) {
  if (q->unflushed == m)
    q->unflushed = next_in_flight(q, m);
  ring_remove(&q->in_flight, m);
  q->in_flight_count--;
}

static void leave_recovered(struct message_queue *q, node *m) {
  ring_remove(&q->recovered, m);
  q->in_flight_count--;
}

typedef void leave_list(struct message_queue *q, node *m);

static leave_list *leave_place(const node *m) {
  if (m->place == PLACE_WAITING)
    return leave_waiting;
  return HAS_RECOVERED && m->place == PLACE_RECOVERED ? leave_recovered : leave_in_flight;
}

static void reset(node *m) {
  m->stream_end = SESSION_NEVER;
  m->attempts = 0;
  m->fate = FATE_QUEUED;
  m->drop = DROP_NONE;
  m->owed = 0;
  m->is_replacement = false;
  m->previous = m->next = NULL;
  m->expiry_previous = m->expiry_next = NULL;
  m->key_child[0] = m->key_child[1] = NULL;
  m->report_next = NULL;
}

/* The waiting node that `m` takes the place of, NULL if none. */
static node *find_replaced(struct message_queue *q, const node *m) {
  return has_key(m) ? *key_slot(q, m) : NULL;
}

void queue_push(struct message_queue *q, node *m, bool report) {
  reset(m);
  m->place = PLACE_WAITING;
  node *old = find_replaced(q, m);
  if (old) {
    m->is_replacement = true;
    ring_swap(&q->waiting, old, m);
    expiry_remove(q, old);
    key_remove(q, old);
    finish(q, old, FATE_DROPPED, DROP_REPLACED);
  } else {
    ring_append(&q->waiting, m);
    q->waiting_count++;
  }
  if (is_stored(m))
    q->stored_count++;
  else
    q->bytes += m->len;
  expiry_insert(q, m);
  key_insert(q, m);
  if (report && !is_stored(m))
    owe(q, m, OWED_QUEUED);
}

void queue_recover(struct message_queue *q, node *m) {
  reset(m);
  m->place = PLACE_RECOVERED;
  m->attempts = 1;
  ring_append(&q->recovered, m);
  q->in_flight_count++;
  q->bytes += m->len;
}

/* A replacement in an old place has a higher id than those behind it; from the first ordinary one
   on, ids rise. */
static uint64_t lowest_id(const node *head) {
  uint64_t lowest = SESSION_NEVER;
  const node *m = head;
  if (!m)
    return lowest;
  do {
    if (m->id < lowest)
      lowest = m->id;
    if (!m->is_replacement)
      break;
    m = m->next;
  } while (m != head);
  return lowest;
}

uint64_t queue_lowest_id(const struct message_queue *q) {
  const uint64_t ids[] = {lowest_id(q->recovered), lowest_id(q->in_flight), lowest_id(q->waiting)};
  uint64_t lowest = ids[0] < ids[1] ? ids[0] : ids[1];
  return ids[2] < lowest ? ids[2] : lowest;
}

static node *oldest_but(node *head, const node *spared) {
  node *m = head;
  if (!head)
    return NULL;
  do {
    if (m != spared && !is_stored(m))
      return m;
    m = m->next;
  } while (m != head);
  return NULL;
}

static node *oldest_victim(const struct message_queue *q, node *newest) {
  node *m = oldest_but(q->waiting, newest);
  if (!m && HAS_RECOVERED)
    m = oldest_but(q->recovered, newest);
  if (!m)
    m = oldest_but(q->in_flight, newest);
  return m ? m : newest;
}

void queue_evict(struct message_queue *q, uint64_t limit, uint64_t limit_bytes, node *newest) {
  while ((uint64_t)q->waiting_count + q->in_flight_count > limit || q->bytes > limit_bytes) {
    node *m = oldest_victim(q, newest);
    leave_place(m)(q, m);
    finish(q, m, FATE_DROPPED, DROP_OVERFLOW);
  }
}

uint64_t queue_expires_at(const struct message_queue *q) {
  return q->expiring ? q->expiring->expires_at_ms : SESSION_NEVER;
}

void queue_expire(struct message_queue *q, uint64_t now_ms) {
  while (queue_expires_at(q) <= now_ms) {
    node *m = q->expiring;
    leave_waiting(q, m);
    finish(q, m, FATE_DROPPED, DROP_EXPIRED);
  }
}

/* What is stored is not lost with the session's hold on it. */
static void let_go(struct message_queue *q, node *m, enum session_drop drop) {
  if (is_stored(m))
    finish(q, m, FATE_STORED, DROP_NONE);
  else
    finish(q, m, FATE_DROPPED, drop);
}

static void drop_ring(struct message_queue *q, node *const *head, leave_list *leave,
                      enum session_drop drop) {
  while (*head) {
    node *m = *head;
    leave(q, m);
    let_go(q, m, drop);
  }
}

void queue_drop_waiting(struct message_queue *q, enum session_drop drop) {
  drop_ring(q, &q->waiting, leave_waiting, drop);
}

static void sweep_waiting(struct message_queue *q, bool stored_ones, enum session_drop drop) {
  uint32_t left = q->waiting_count;
  for (node *m = q->waiting, *next; left > 0; left--, m = next) {
    next = m->next;
    if (is_stored(m) != stored_ones)
      continue;
    leave_waiting(q, m);
    let_go(q, m, drop);
  }
}

void queue_clear(struct message_queue *q) {
  sweep_waiting(q, false, DROP_CLEARED);
}

void queue_release_stored(struct message_queue *q) {
  if (HAS_STORED)
    sweep_waiting(q, true, DROP_NONE);
}

void queue_drop_in_flight(struct message_queue *q, enum session_drop drop) {
  if (HAS_RECOVERED)
    drop_ring(q, &q->recovered, leave_recovered, drop);
  drop_ring(q, &q->in_flight, leave_in_flight, drop);
}

void queue_drop_all(struct message_queue *q, enum session_drop drop) {
  queue_drop_in_flight(q, drop);
  queue_drop_waiting(q, drop);
}

/* ---- on a link ---- */

node *queue_take(struct message_queue *q) {
  node *m = q->waiting;
  leave_waiting(q, m);
  m->place = PLACE_IN_FLIGHT;
  m->stream_end = SESSION_NEVER;
  m->attempts++;
  ring_append(&q->in_flight, m);
  q->in_flight_count++;
  if (!q->unflushed)
    q->unflushed = m;
  return m;
}

void queue_shift(struct message_queue *q, uint64_t stream_at, uint64_t len) {
  if (!q->in_flight)
    return;
  const node *const head = q->in_flight;
  for (node *m = head->previous; m->stream_end > stream_at; m = m->previous) {
    if (m->stream_end != SESSION_NEVER)
      m->stream_end += len;
    if (m == head)
      return;
  }
}

void queue_flushed(struct message_queue *q, uint64_t stream_sent, bool is_final, bool report) {
  while (q->unflushed && q->unflushed->stream_end <= stream_sent) {
    node *m = q->unflushed;
    if (is_final) {
      leave_in_flight(q, m);
      finish(q, m, FATE_WRITTEN, DROP_NONE);
      continue;
    }
    q->unflushed = next_in_flight(q, m);
    if (report)
      owe(q, m, OWED_WRITTEN);
  }
}

void queue_confirmed(struct message_queue *q, uint64_t stream_begin) {
  while (q->in_flight && q->in_flight->stream_end <= stream_begin) {
    node *m = q->in_flight;
    leave_in_flight(q, m);
    finish(q, m, FATE_CONFIRMED, DROP_NONE);
  }
}

static bool has_id(const node *m, const char *id, size_t id_len) {
  return m->message_id && m->message_id_len == id_len && memcmp(m->message_id, id, id_len) == 0;
}

/* Servers acknowledge in order, so the first look nearly always finds it. */
bool queue_acked(struct message_queue *q, const char *id, size_t id_len) {
  node *m = q->in_flight;
  for (uint32_t left = m ? q->in_flight_count : 0; left > 0; left--, m = m->next) {
    if (!has_id(m, id, id_len))
      continue;
    leave_in_flight(q, m);
    finish(q, m, FATE_CONFIRMED, DROP_NONE);
    return true;
  }
  return false;
}

/* Newest first, so that of two with one key the newer one stands for it. */
static void mark_waiting(struct message_queue *q, node *head) {
  if (!head)
    return;
  node *m = head;
  do {
    m = m->previous;
    m->place = PLACE_WAITING;
    expiry_insert(q, m);
    key_insert(q, m);
  } while (m != head);
}

void queue_return(struct message_queue *q) {
  mark_waiting(q, q->in_flight);
  ring_prepend_all(&q->waiting, q->in_flight);
  if (HAS_RECOVERED) {
    mark_waiting(q, q->recovered);
    ring_prepend_all(&q->waiting, q->recovered);
  }
  q->waiting_count += q->in_flight_count;
  q->in_flight_count = 0;
  q->in_flight = q->recovered = q->unflushed = NULL;
}
