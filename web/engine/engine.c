/*
 * The session for JavaScript: a thin skin over session.h with plain numbers only (moments and
 * stream positions as doubles, no 64-bit integer crosses), and fixed-size slabs instead of malloc.
 * One instance serves all clients of a page. Compiled for wasm32 without libc, see build.sh.
 */
#include "session.h"

/* `$`: a name inside the package, which the build makes short (names.mjs). */
#define EXPORT(name) __attribute__((export_name("$" #name))) name

struct client {
  struct session session;
  struct session_config config;
};

union slot {
  union slot *next_free;
  struct client client;
  struct session_message message;
};

/* What next() and metrics() tell. The client reads an action as 32-bit words, at these places. */
static union {
  struct session_action action;
  double metrics[16];
} out;

#define AT_WORD(member, n)                                                                         \
  _Static_assert(offsetof(struct session_action, member) == 4 * (n), "src/client reads it there")
AT_WORD(epoch, 1);
AT_WORD(message, 2);
AT_WORD(state.from, 2);
AT_WORD(state.to, 3);
AT_WORD(state.reason, 4);
AT_WORD(failure.kind, 2); /* its low byte; then come `retryable` and `is_final` */
_Static_assert(offsetof(struct failure, retryable) == 1, "src/client reads it there");
AT_WORD(failure.close_code, 3); /* its low half; the other, http_status, is 0 */
AT_WORD(retry.attempt, 2);
AT_WORD(retry.max_retries, 3);
AT_WORD(retry.delay_ms, 4);
AT_WORD(fate.message, 2);
AT_WORD(fate.fate, 3);
AT_WORD(fate.drop, 4);

void *EXPORT(results)(void) {
  return &out;
}

/* ---- memory: slots of one size for each kind, used again but never given back to the page, so the
   peak bounds it. 0 where the page has no more. ---- */

extern unsigned char __heap_base;
static uintptr_t heap_end;

static void *grab(size_t size) {
  if (!heap_end)
    heap_end = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
  const uintptr_t at = heap_end, room = __builtin_wasm_memory_size(0) << 16;
  if (at + size > room && __builtin_wasm_memory_grow(0, (room >> 18) + 1) == (size_t)-1)
    return NULL;
  heap_end = at + size;
  return (void *)at;
}

static union slot *free_slots[2];

static void *take(unsigned kind, size_t size) {
  union slot *slot = free_slots[kind];
  if (!slot)
    return grab((size + 7) & ~(size_t)7);
  free_slots[kind] = slot->next_free;
  return slot;
}

static void give(unsigned kind, void *p) {
  union slot *slot = p;
  slot->next_free = free_slots[kind];
  free_slots[kind] = slot;
}

struct client *EXPORT(client)(void) {
  return take(0, sizeof(struct client));
}

void EXPORT(freeClient)(struct client *c) {
  give(0, c);
}

/* What the driver fills; what this scope leaves out (session_scope.h) is never looked at. */
struct session_message *EXPORT(message)(uint32_t len, double expires_at_ms) {
  struct session_message *m = take(1, sizeof *m);
  if (m) {
    m->len = len;
    m->expires_at_ms = expires_at_ms < 0 ? SESSION_NEVER : (uint64_t)expires_at_ms;
  }
  return m;
}

void EXPORT(freeMessage)(struct session_message *m) {
  give(1, m);
}

/* ---- inputs ---- */

void EXPORT(init)(struct client *c, double seed, uint32_t max_retries, uint32_t initial_delay_ms,
                  uint32_t max_delay_ms, double multiplier, int jitter, uint32_t stable_after_ms,
                  int reconnect_on_normal_close, int dialect, uint32_t heartbeat_interval_ms,
                  uint32_t heartbeat_timeout_ms, uint32_t probe_timeout_ms,
                  uint32_t close_timeout_ms, uint32_t ready_timeout_ms, int confirm,
                  uint32_t queue_limit, double queue_limit_bytes, int report_fates) {
  c->config = (struct session_config){.backoff = {.max_retries = max_retries,
                                                  .initial_delay_ms = initial_delay_ms,
                                                  .max_delay_ms = max_delay_ms,
                                                  .multiplier = multiplier,
                                                  .jitter = (enum backoff_jitter)jitter},
                                      .stable_after_ms = stable_after_ms,
                                      .reconnect_on_normal_close = reconnect_on_normal_close,
                                      .dialect = (enum heartbeat_dialect)dialect,
                                      .heartbeat_interval_ms = heartbeat_interval_ms,
                                      .heartbeat_timeout_ms = heartbeat_timeout_ms,
                                      .probe_timeout_ms = probe_timeout_ms,
                                      .close_timeout_ms = close_timeout_ms,
                                      .hold_until_ready = ready_timeout_ms > 0,
                                      .ready_timeout_ms = ready_timeout_ms,
                                      .confirm = (enum session_confirm)confirm,
                                      .in_flight = 256,
                                      .queue_limit = queue_limit,
                                      .queue_limit_bytes = (uint64_t)queue_limit_bytes,
                                      .report_fates = report_fates};
  session_init(&c->session, &c->config, (uint64_t)seed);
}

void EXPORT(connect)(struct client *c, double now_ms) {
  session_connect(&c->session, (uint64_t)now_ms);
}

void EXPORT(disconnect)(struct client *c, double now_ms) {
  session_disconnect(&c->session, (uint64_t)now_ms);
}

void EXPORT(ready)(struct client *c) {
  session_ready(&c->session, 0);
}

void EXPORT(healthy)(struct client *c) {
  session_healthy(&c->session, 0);
}

void EXPORT(probe)(struct client *c, double now_ms) {
  session_probe(&c->session, (uint64_t)now_ms);
}

int EXPORT(enqueue)(struct client *c, double now_ms, struct session_message *m) {
  return session_enqueue(&c->session, (uint64_t)now_ms, m);
}

void EXPORT(clear)(struct client *c) {
  session_clear(&c->session, 0);
}

void EXPORT(opened)(struct client *c, double now_ms, uint32_t epoch) {
  session_link_opened(&c->session, (uint64_t)now_ms, epoch);
}

static struct failure failure_of(int kind, int close_code, int is_final) {
  return (struct failure){.kind = (enum failure_kind)kind,
                          .close_code = (uint16_t)close_code,
                          .is_final = is_final,
                          .retry_after_ms = SESSION_NEVER};
}

int EXPORT(verdict)(struct client *c, int kind, int close_code, int is_final) {
  const struct failure failure = failure_of(kind, close_code, is_final);
  return (int)failure_verdict(&failure, session_was_open(&c->session),
                              c->config.reconnect_on_normal_close);
}

void EXPORT(lost)(struct client *c, double now_ms, uint32_t epoch, int kind, int close_code,
                  int verdict) {
  const struct failure failure = failure_of(kind, close_code, 0);
  session_link_lost(&c->session, (uint64_t)now_ms, epoch, &failure, (enum failure_verdict)verdict);
}

void EXPORT(asked)(struct client *c, double now_ms, uint32_t epoch, double begin, double end) {
  session_asked(&c->session, (uint64_t)(now_ms * 1000), epoch, (uint64_t)begin, (uint64_t)end);
}

void EXPORT(written)(struct client *c, double now_ms, uint32_t epoch, struct session_message *m,
                     double end) {
  session_written(&c->session, (uint64_t)now_ms, epoch, m, (uint64_t)end);
}

void EXPORT(flushed)(struct client *c, double now_ms, uint32_t epoch, double sent) {
  session_flushed(&c->session, (uint64_t)now_ms, epoch, (uint64_t)sent);
}

void EXPORT(writable)(struct client *c, uint32_t epoch, int writable) {
  session_writable(&c->session, epoch, writable);
}

/* A reply in the session's own dialect; the two times of a timestamp reply, NaN without. */
int EXPORT(reply)(struct client *c, double now_ms, uint32_t epoch, double server_ms,
                  double original_ms) {
  const int has_time = server_ms == server_ms && original_ms == original_ms;
  const struct heartbeat_reply reply = {.dialect = c->config.dialect,
                                        .has_server_time = has_time,
                                        .server_time_ms = has_time ? (int64_t)server_ms : 0,
                                        .original_time_ms = has_time ? (int64_t)original_ms : 0};
  return session_heartbeat_reply(&c->session, (uint64_t)(now_ms * 1000), epoch, &reply);
}

void EXPORT(received)(struct client *c, uint32_t messages, double bytes) {
  session_received(&c->session, messages, (uint64_t)bytes);
}

void EXPORT(sent)(struct client *c, uint32_t messages, double bytes) {
  session_sent(&c->session, messages, (uint64_t)bytes);
}

void EXPORT(down)(struct client *c, double now_ms) {
  session_network_down(&c->session, (uint64_t)now_ms);
}

void EXPORT(up)(struct client *c, double now_ms) {
  session_network_up(&c->session, (uint64_t)now_ms);
}

void EXPORT(tick)(struct client *c, double now_ms) {
  session_tick(&c->session, (uint64_t)now_ms);
}

/* ---- questions ---- */

static double moment(uint64_t at_ms) {
  return at_ms == SESSION_NEVER ? -1 : (double)at_ms;
}

double EXPORT(deadline)(struct client *c) {
  return moment(session_deadline(&c->session));
}

double EXPORT(retryAt)(struct client *c) {
  return moment(session_next_retry_at(&c->session));
}

uint32_t EXPORT(attempt)(struct client *c) {
  return session_attempt(&c->session);
}

int EXPORT(isOpen)(struct client *c) {
  return session_is_open(&c->session);
}

int EXPORT(isFlowing)(struct client *c) {
  return session_is_flowing(&c->session);
}

/* From disconnect until CLOSED is taken. */
int EXPORT(isEnding)(struct client *c) {
  return !session_takes_messages(&c->session);
}

void EXPORT(metrics)(struct client *c, double now_ms) {
  struct session_metrics m;
  session_get_metrics(&c->session, (uint64_t)now_ms, &m);
  const double all[] = {m.reconnects,
                        m.queued_messages,
                        (double)m.queued_bytes,
                        (double)m.connection_duration_ms,
                        (double)m.messages_in,
                        (double)m.messages_out,
                        (double)m.bytes_in,
                        (double)m.bytes_out,
                        (double)m.dropped,
                        (double)m.downtime_ms,
                        (double)m.longest_outage_ms,
                        m.rtt_last_us / 1000.0,
                        m.rtt_min_us / 1000.0,
                        m.rtt_mean_us / 1000.0,
                        m.rtt_max_us / 1000.0,
                        (double)m.clock_offset_ms};
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
    out.metrics[i] = all[i];
}

/* ---- actions ---- */

/* Takes the next action into `out` and returns its kind, 0 when none is left. */
int EXPORT(next)(struct client *c, double now_ms) {
  return session_next_action(&c->session, (uint64_t)now_ms, &out.action) ? (int)out.action.kind : 0;
}

double EXPORT(backoff)(uint32_t max_delay_ms, uint32_t initial_delay_ms, double multiplier,
                       int jitter, uint32_t attempt, double unit) {
  const struct backoff_config config = {.initial_delay_ms = initial_delay_ms,
                                        .max_delay_ms = max_delay_ms,
                                        .multiplier = multiplier,
                                        .jitter = (enum backoff_jitter)jitter};
  return (double)backoff_delay(&config, attempt, unit, 0);
}

/* ---- what the compiler may call ---- */

void *memcpy(void *restrict to, const void *restrict from, size_t len) {
  unsigned char *d = to;
  for (const unsigned char *s = from; len--;)
    *d++ = *s++;
  return to;
}

void *memset(void *to, int value, size_t len) {
  for (unsigned char *d = to; len--;)
    *d++ = (unsigned char)value;
  return to;
}

int memcmp(const void *left, const void *right, size_t len) {
  const unsigned char *a = left, *b = right;
  for (; len--; a++, b++)
    if (*a != *b)
      return *a - *b;
  return 0;
}
