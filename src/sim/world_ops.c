/* What can happen in a world: wishes of the application, and faults of every kind. One row each. */
#include "world_script.h"

#include "random.h"

#include <string.h>

/* ---- time ---- */

static void do_wait(struct world *w, uint32_t ms, uint32_t unused) {
  (void)unused;
  world_pass(w, ms);
}

/* ---- the application ---- */

static struct session *session_of(struct world *w) {
  return &w->client.session;
}

static void do_connect(struct world *w, uint32_t a, uint32_t b) {
  (void)a, (void)b;
  if (!w->client.is_stopping)
    session_connect(session_of(w), world_client_now(w));
}

static void do_disconnect(struct world *w, uint32_t a, uint32_t b) {
  (void)a, (void)b;
  session_disconnect(session_of(w), world_client_now(w));
}

static void do_stop(struct world *w, uint32_t a, uint32_t b) {
  (void)a, (void)b;
  world_client_stop(w);
}

static void do_start(struct world *w, uint32_t a, uint32_t b) {
  (void)a, (void)b;
  if (w->client.is_over)
    world_client_start(w);
  if (!w->client.is_stopping)
    session_connect(session_of(w), world_client_now(w));
}

static void do_send(struct world *w, uint32_t len, uint32_t ttl_ms) {
  world_client_send(w, len, ttl_ms, 0);
}

static void do_send_key(struct world *w, uint32_t len, uint32_t key) {
  world_client_send(w, len, 0, (char)('a' + key));
}

static void do_send_now(struct world *w, uint32_t len, uint32_t unused) {
  (void)unused;
  world_client_send_direct(w, len);
}

static void do_store(struct world *w, uint32_t len, uint32_t ttl_ms) {
  world_client_store(w, len, ttl_ms);
}

static void do_clear(struct world *w, uint32_t a, uint32_t b) {
  (void)a, (void)b;
  session_clear(session_of(w), world_client_now(w));
}

static void do_probe(struct world *w, uint32_t a, uint32_t b) {
  (void)a, (void)b;
  world_client_probe(w);
}

static void do_ask(struct world *w, uint32_t a, uint32_t b) {
  (void)a, (void)b;
  world_client_ask(w);
}

/* The application reads nothing, or goes on. */
static void do_pause(struct world *w, uint32_t is_paused, uint32_t unused) {
  (void)unused;
  world_client_pause(w, is_paused);
}

static void do_healthy(struct world *w, uint32_t a, uint32_t b) {
  (void)a, (void)b;
  world_client_healthy(w);
}

static void do_ready(struct world *w, uint32_t a, uint32_t b) {
  (void)a, (void)b;
  world_client_ready(w);
}

static void do_verdict(struct world *w, uint32_t verdict, uint32_t unused) {
  (void)unused;
  w->client.has_verdict = true;
  w->client.verdict = (uint8_t)verdict;
}

/* ---- the network ---- */

static void do_network_away(struct world *w, uint32_t is_told, uint32_t unused) {
  (void)unused;
  w->net.is_away = true;
  if (is_told)
    session_network_down(session_of(w), world_client_now(w));
}

static void do_network_back(struct world *w, uint32_t a, uint32_t b) {
  (void)a, (void)b;
  w->net.is_away = false;
  session_network_up(session_of(w), world_client_now(w));
}

static void do_reset(struct world *w, uint32_t a, uint32_t b) {
  (void)a, (void)b;
  if (w->client.conn)
    w->client.conn->has_server = false;
  world_link_ended(w,
                   (struct failure){.kind = FAILURE_CONNECTION_LOST, .retry_after_ms = NET_NEVER});
}

/* The link's own address is gone: it is given up for one over another way out. */
static void do_move(struct world *w, uint32_t a, uint32_t b) {
  (void)a, (void)b;
  if (w->client.link == LINK_OPEN && !w->client.is_closing)
    world_link_move(w);
}

static void do_vanish(struct world *w, uint32_t a, uint32_t b) {
  (void)a, (void)b;
  if (w->client.conn)
    w->client.conn->is_lost = true;
}

static void do_freeze(struct world *w, uint32_t ways, uint32_t ms) {
  for (uint32_t way = NET_UP; way < NET_WAYS; way++)
    if (ways == way || ways == NET_WAYS)
      w->net.frozen_until_ms[way] = w->now_ms + ms;
}

static void do_delay(struct world *w, uint32_t ms, uint32_t jitter_ms) {
  w->net.delay_ms = ms;
  w->net.jitter_ms = jitter_ms;
}

static void do_throttle(struct world *w, uint32_t rate, uint32_t ms) {
  w->net.rate = rate + 1;
  w->net.slow_until_ms = w->now_ms + ms;
}

static void do_cut(struct world *w, uint32_t way, uint32_t bytes) {
  if (w->client.conn)
    w->client.conn->pipes[way].cut_after = bytes;
}

/* Events of a link that is gone must change nothing, however often they come. */
static void do_late_events(struct world *w, uint32_t age, uint32_t unused) {
  struct session *s = session_of(w);
  const uint64_t now_ms = world_client_now(w);
  const uint32_t epoch = w->client.epoch - 1 - age;
  const struct failure failure = {.kind = FAILURE_CONNECTION_LOST};
  const struct heartbeat_reply r = {.dialect = w->settings.session.dialect,
                                    .counter = s->heartbeat.counter};
  unsigned char before[sizeof *s];
  (void)unused;
  memcpy(before, s, sizeof before);
  session_link_opened(s, now_ms, epoch);
  session_link_lost(s, now_ms, epoch, &failure, VERDICT_BACK_OFF);
  session_flushed(s, now_ms, epoch, 1000000);
  session_asked(s, now_ms, epoch, 1, 2);
  session_stream_shifted(s, epoch, 0, 5);
  session_writable(s, epoch, !w->client.is_writable);
  session_heartbeat_reply(s, now_ms * 1000, epoch, &r);
  session_frame_progress(s, now_ms, epoch, 100);
  session_acked(s, now_ms, epoch, "1", 1);
  CHECK(memcmp(before, (const unsigned char *)s, sizeof before) == 0,
        "an event of an older link changes nothing");
}

/* Nobody asked for these. */
static void do_stray_answers(struct world *w, uint32_t counter, uint32_t unused) {
  struct session *s = session_of(w);
  const struct heartbeat_reply r = {.dialect = DIALECT_WEBSOCKET,
                                    .counter = s->heartbeat.counter + 1 + counter};
  (void)unused;
  CHECK(!session_heartbeat_reply(s, world_client_now(w) * 1000, w->client.epoch, &r),
        "only the question's own answer counts");
  CHECK(!session_acked(s, world_client_now(w), w->client.epoch, "nobody", 6),
        "only messages in flight are acknowledged");
}

/* ---- the machine ---- */

static void do_stall(struct world *w, uint32_t ms, uint32_t unused) {
  (void)unused;
  w->client.busy_until_ms = w->now_ms + ms;
  world_pass(w, ms);
}

/* The monotonic clock may stand still meanwhile; whoever notices asks at once. */
static void do_sleep(struct world *w, uint32_t ms, uint32_t is_noticed) {
  struct client *c = &w->client;
  c->busy_until_ms = w->now_ms + ms + 1;
  world_pass(w, ms);
  c->busy_until_ms = 0;
  c->behind_ms += ms;
  if (is_noticed)
    world_client_probe(w);
}

static void do_wall_clock(struct world *w, uint32_t ahead_s, uint32_t behind_s) {
  w->client.wall_offset_ms = ((int64_t)ahead_s - behind_s) * 1000;
}

static void do_starve(struct world *w, uint32_t allocations, uint32_t spared) {
  w->client.starved = allocations;
  w->client.spared = spared;
}

static void do_kill_client(struct world *w, uint32_t ms, uint32_t unused) {
  (void)unused;
  world_client_crash(w, ms);
}

static void do_fail_disk(struct world *w, uint32_t commits, uint32_t unused) {
  (void)unused;
  w->disk.fail_count = commits;
}

static void do_slow_disk(struct world *w, uint32_t ms, uint32_t unused) {
  (void)unused;
  w->disk.latency_ms = ms;
}

/* ---- the server ---- */

static void do_refuse(struct world *w, uint32_t dials, uint32_t unused) {
  (void)unused;
  w->server.refuse_count = dials;
}

static void do_status(struct world *w, uint32_t which, uint32_t retry_after_s) {
  static const uint16_t statuses[] = {503, 429, 404, 500, 401, 302};
  w->server.status = statuses[which];
  w->server.retry_after_s = (uint16_t)retry_after_s;
}

static void do_untrusted(struct world *w, uint32_t a, uint32_t b) {
  (void)a, (void)b;
  w->server.is_untrusted = true;
}

static void do_close(struct world *w, uint32_t which, uint32_t unused) {
  static const uint16_t codes[] = {1000, 1001, 1011, 1012, 1013, 1008, 1003, 4001};
  (void)unused;
  if (w->client.conn && w->client.conn->has_server)
    world_server_close(w, w->client.conn, codes[which]);
}

static void do_kill_server(struct world *w, uint32_t ms, uint32_t is_silent) {
  world_server_crash(w, ms, is_silent);
}

static void do_restart_server(struct world *w, uint32_t ms, uint32_t unused) {
  (void)unused;
  world_server_restart(w, ms);
}

static void do_hang_server(struct world *w, uint32_t ms, uint32_t unused) {
  (void)unused;
  w->server.hang_until_ms = w->now_ms + ms;
}

static void do_fail_store(struct world *w, uint32_t commits, uint32_t unused) {
  (void)unused;
  w->server.fail_count = commits;
}

static void do_slow_store(struct world *w, uint32_t ms, uint32_t unused) {
  (void)unused;
  w->server.latency_ms = ms;
}

static void do_forget_acks(struct world *w, uint32_t count, uint32_t unused) {
  (void)unused;
  w->server.forget_count = count;
}

static void do_say(struct world *w, uint32_t len, uint32_t unused) {
  (void)unused;
  if (w->client.conn && w->client.conn->has_server)
    world_server_say(w, w->client.conn, len);
}

/* Part of a frame that is still unfinished. */
static void do_progress(struct world *w, uint32_t len, uint32_t unused) {
  (void)unused;
  if (w->client.link == LINK_OPEN)
    world_link_progress(w, len);
}

/* ---- the list ---- */

/* What an operation needs of the client. */
enum need { NEED_NOTHING, NEED_PROCESS, NEED_LIFE /* not stopped and over */ };

#define OP_WAIT 0

static const struct op_row {
  const char *name;
  void (*run)(struct world *w, uint32_t a, uint32_t b);
  enum need need;
  uint32_t arguments; /* how many it takes */
  uint32_t weight;
  uint32_t a_max, b_max; /* 0 to these */
} rows[] = {
    {"wait", do_wait, NEED_NOTHING, 1, 60, 20000, 0},
    {"connect", do_connect, NEED_LIFE, 0, 5, 0, 0},
    {"disconnect", do_disconnect, NEED_LIFE, 0, 1, 0, 0},
    {"stop", do_stop, NEED_LIFE, 0, 1, 0, 0},
    {"start", do_start, NEED_PROCESS, 0, 4, 0, 0},
    {"send", do_send, NEED_LIFE, 2, 14, 120, 3000},
    {"send-key", do_send_key, NEED_LIFE, 2, 4, 120, 4},
    {"send-now", do_send_now, NEED_LIFE, 1, 5, 120, 0},
    {"store", do_store, NEED_LIFE, 2, 14, 120, 3000},
    {"clear", do_clear, NEED_LIFE, 0, 1, 0, 0},
    {"probe", do_probe, NEED_LIFE, 0, 2, 0, 0},
    {"ask", do_ask, NEED_LIFE, 0, 1, 0, 0},
    {"pause", do_pause, NEED_LIFE, 1, 2, 1, 0},
    {"healthy", do_healthy, NEED_LIFE, 0, 1, 0, 0},
    {"ready", do_ready, NEED_LIFE, 0, 4, 0, 0},
    {"verdict", do_verdict, NEED_LIFE, 1, 1, VERDICT_REDIAL, 0},
    {"network-away", do_network_away, NEED_PROCESS, 1, 2, 1, 0},
    {"network-back", do_network_back, NEED_PROCESS, 0, 3, 0, 0},
    {"reset", do_reset, NEED_PROCESS, 0, 2, 0, 0},
    {"move", do_move, NEED_PROCESS, 0, 2, 0, 0},
    {"vanish", do_vanish, NEED_PROCESS, 0, 2, 0, 0},
    {"freeze", do_freeze, NEED_NOTHING, 2, 3, NET_WAYS, 10000},
    {"delay", do_delay, NEED_NOTHING, 2, 2, 300, 300},
    {"throttle", do_throttle, NEED_NOTHING, 2, 2, 5000, 10000},
    {"cut", do_cut, NEED_PROCESS, 2, 2, NET_DOWN, 500},
    {"late-events", do_late_events, NEED_PROCESS, 1, 3, 5, 0},
    {"stray-answers", do_stray_answers, NEED_PROCESS, 1, 2, 9, 0},
    {"stall", do_stall, NEED_PROCESS, 1, 2, 5000, 0},
    {"sleep", do_sleep, NEED_PROCESS, 2, 1, 100000, 1},
    {"wall-clock", do_wall_clock, NEED_PROCESS, 2, 1, 100000, 100000},
    {"starve", do_starve, NEED_PROCESS, 2, 2, 3, 10},
    {"kill-client", do_kill_client, NEED_PROCESS, 1, 1, 5000, 0},
    {"fail-disk", do_fail_disk, NEED_NOTHING, 1, 1, 3, 0},
    {"slow-disk", do_slow_disk, NEED_NOTHING, 1, 1, 1000, 0},
    {"refuse", do_refuse, NEED_NOTHING, 1, 2, 5, 0},
    {"status", do_status, NEED_NOTHING, 2, 2, 5, 20},
    {"untrusted", do_untrusted, NEED_NOTHING, 0, 1, 0, 0},
    {"close", do_close, NEED_PROCESS, 1, 2, 7, 0},
    {"kill-server", do_kill_server, NEED_NOTHING, 2, 1, 10000, 1},
    {"restart-server", do_restart_server, NEED_NOTHING, 1, 1, 10000, 0},
    {"hang-server", do_hang_server, NEED_NOTHING, 1, 1, 10000, 0},
    {"fail-store", do_fail_store, NEED_NOTHING, 1, 1, 3, 0},
    {"slow-store", do_slow_store, NEED_NOTHING, 1, 1, 1000, 0},
    {"forget-acks", do_forget_acks, NEED_NOTHING, 1, 1, 5, 0},
    {"say", do_say, NEED_PROCESS, 1, 3, 1500, 0},
    {"progress", do_progress, NEED_PROCESS, 1, 2, 1500, 0},
};

#define ROWS_COUNT (sizeof rows / sizeof *rows)

_Static_assert(ROWS_COUNT <= OPS_KINDS_MAX, "there are more operations than allowed");

uint32_t world_ops_count(void) {
  return ROWS_COUNT;
}

const char *world_op_name(uint32_t kind) {
  return rows[kind].name;
}

uint32_t world_op_weight(uint32_t kind) {
  return rows[kind].weight;
}

uint32_t world_op_arguments_count(uint32_t kind) {
  return rows[kind].arguments;
}

bool world_op_find(const char *name, uint32_t *kind) {
  for (uint32_t i = 0; i < ROWS_COUNT; i++) {
    if (strcmp(rows[i].name, name) != 0)
      continue;
    *kind = i;
    return true;
  }
  return false;
}

bool world_op_is_valid(const struct world_op *op) {
  return op->kind < ROWS_COUNT && op->a <= rows[op->kind].a_max && op->b <= rows[op->kind].b_max;
}

/* Small ones as often as large ones: the range is drawn first. */
static uint32_t draw_up_to(uint32_t max, uint64_t *random) {
  uint64_t range = (uint64_t)max + 1;
  for (uint64_t shift = random_next(random) % 4; shift > 0 && range > 8; shift--)
    range /= 8;
  return (uint32_t)(random_next(random) % range);
}

void world_op_draw_arguments(struct world_op *op, uint64_t *random) {
  op->a = draw_up_to(rows[op->kind].a_max, random);
  op->b = random_next(random) % 2 ? draw_up_to(rows[op->kind].b_max, random) : 0;
  op->luck = random_next(random) >> 32;
}

static bool is_met(const struct world *w, enum need need) {
  return need == NEED_NOTHING || (w->client.is_up && (need != NEED_LIFE || !w->client.is_over));
}

void world_op_do(struct world *w, const struct world_op *op) {
  const struct op_row *row = &rows[op->kind];
  w->steps++;
  if (!is_met(w, row->need))
    return;
  w->chance = op->luck;
  w->is_calm = !op->luck;
  w->client.has_wish |= op->kind != OP_WAIT;
  world_trace(w, "%s %u %u", row->name, op->a, op->b);
  row->run(w, op->a, op->b);
  world_settle(w);
  world_check_held(w);
}
