/*
 * vectors_tool FILE: the file with what each trace does written anew.
 * vectors_tool random SEED COUNT: traces of a driver that keeps the session's rules, by chance.
 */
#define _POSIX_C_SOURCE 200809L
#include "vectors.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 60

struct chance {
  struct vectors v;
  uint64_t random, now_ms, next_id, stream_end;
};

static uint64_t below(struct chance *c, uint64_t limit) {
  c->random = c->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (c->random >> 33) % limit;
}

__attribute__((format(printf, 2, 3))) static void say(struct chance *c, const char *format, ...) {
  char line[256];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (!vectors_line(&c->v, line))
    exit(1);
}

/* Moves to a moment, but never past a deadline. */
static void pass(struct chance *c, uint64_t ms) {
  const uint64_t due_ms = session_deadline(&c->v.session), to_ms = c->now_ms + ms;
  c->now_ms = due_ms < to_ms ? due_ms : to_ms;
  if (due_ms <= c->now_ms)
    say(c, "tick %" PRIu64, c->now_ms);
}

static void answer_work(struct chance *c) {
  struct vectors *v = &c->v;
  if (v->is_asking) {
    v->is_asking = false;
    say(c, "asked %" PRIu64 " %" PRIu32 " %" PRIu64 " %" PRIu64, c->now_ms, v->epoch, c->stream_end,
        c->stream_end + 15);
    c->stream_end += 15;
  }
  while (v->write_count) {
    const uint64_t id = v->writes[0];
    memmove(v->writes, v->writes + 1, --v->write_count * sizeof *v->writes);
    c->stream_end += 6 + v->messages[id].len;
    say(c, "written %" PRIu64 " %" PRIu32 " %" PRIu64 " %" PRIu64, c->now_ms, v->epoch, id,
        c->stream_end);
  }
}

static void lose(struct chance *c) {
  static const char *const kinds[] = {"connection_lost", "closed_by_peer", "connect_timeout"};
  static const unsigned codes[] = {1006, 1001, 1012, 1013, 4001};
  say(c, "lost %" PRIu64 " %" PRIu32 " %s %u %d", c->now_ms, c->v.epoch, kinds[below(c, 3)],
      codes[below(c, 5)], below(c, 12) ? 0 : 1 + (int)below(c, 2));
}

static void send_one(struct chance *c) {
  if (c->next_id >= VECTORS_MESSAGES - 1)
    return;
  const uint64_t id = c->next_id++, len = below(c, 90);
  if (below(c, 3))
    say(c, "send %" PRIu64 " %" PRIu64 " %" PRIu64 " -", c->now_ms, id, len);
  else
    say(c, "send %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, c->now_ms, id, len,
        c->now_ms + 500 + below(c, 9000));
}

static void step_link(struct chance *c) {
  const uint8_t phase = c->v.session.phase;
  if (phase == PHASE_FIRST_DIAL || phase == PHASE_REDIAL) {
    if (below(c, 2)) {
      c->stream_end = 0;
      say(c, "opened %" PRIu64 " %" PRIu32, c->now_ms, c->v.epoch);
    } else {
      lose(c);
    }
  } else if (phase == PHASE_LATE || phase == PHASE_CLOSING ||
             (phase == PHASE_OPEN && !below(c, 3))) {
    lose(c);
  } else if (phase == PHASE_OPEN) {
    say(c, "flushed %" PRIu64 " %" PRIu32 " %" PRIu64, c->now_ms, c->v.epoch, c->stream_end);
    if (below(c, 2))
      say(c, "reply %" PRIu64 " %" PRIu32 " - -", c->now_ms, c->v.epoch);
  }
}

static void step_user(struct chance *c) {
  static const char *const verbs[] = {"connect", "connect", "connect", "disconnect",
                                      "ready",   "healthy", "probe",   "clear",
                                      "down",    "up",      "up",      "metrics"};
  say(c, "%s %" PRIu64, verbs[below(c, 12)], c->now_ms);
}

static void step(struct chance *c) {
  pass(c, below(c, 4) ? below(c, 400) : below(c, 40000));
  answer_work(c);
  switch (below(c, 3)) {
  case 0:
    step_user(c);
    break;
  case 1:
    send_one(c);
    break;
  default:
    step_link(c);
  }
  answer_work(c);
}

static void trace(struct chance *c, uint64_t seed) {
  c->random = seed;
  c->now_ms = 1000;
  c->next_id = 1;
  c->v.is_asking = false;
  c->v.write_count = 0;
  say(c, "trace random %" PRIu64, seed);
  say(c,
      "config %" PRIu64 " %" PRIu64 " 1000 20000 1.5 %" PRIu64 " 5000 1 %" PRIu64
      " 8000 3000 1500 3000 %" PRIu64 " %" PRIu64 " 4 200 1",
      seed, 2 + below(c, 8), below(c, 4), 1 + below(c, 2),
      below(c, 3) ? UINT64_C(0) : UINT64_C(4000), below(c, 2));
  say(c, "connect %" PRIu64, c->now_ms);
  for (int i = 0; i < STEPS; i++)
    step(c);
}

static int rewrite(const char *path) {
  static struct vectors v;
  char line[512];
  FILE *file = fopen(path, "r");
  if (!file)
    return 1;
  v.out = stdout;
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = '\0';
    if (!vectors_line(&v, line))
      return 1;
  }
  return fclose(file) != 0;
}

int main(int argc, char **argv) {
  static struct chance c;
  if (argc == 2)
    return rewrite(argv[1]);
  if (argc != 4)
    return 1;
  c.v.out = stdout;
  const uint64_t first = strtoull(argv[2], NULL, 10), count = strtoull(argv[3], NULL, 10);
  for (uint64_t i = 0; i < count && i < 1000; i++)
    trace(&c, first + i);
  return 0;
}
