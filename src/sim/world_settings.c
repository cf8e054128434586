/* The settings of a world by name: defaults, ranges, and how they are drawn. */
#include "world_script.h"

#include "random.h"

#include <stddef.h>
#include <string.h>

enum shape { SHAPE_U32, SHAPE_U64, SHAPE_WORD, SHAPE_FLAG, SHAPE_PERCENT };

/* Drawn evenly from `low` to `high`; what may be set is 0 to `most`, unless `least` is above. */
struct setting {
  const char *name;
  size_t offset;
  enum shape shape;
  uint64_t otherwise, low, high, least, most;
};

#define SETTING(field) offsetof(struct world_settings, field)

/* Words are numbers here: the order of their enums. */
static const struct setting rows[] = {
    {"max-retries", SETTING(session.backoff.max_retries), SHAPE_U32, 10, 0, 10, 0, UINT32_MAX},
    {"initial-delay", SETTING(session.backoff.initial_delay_ms), SHAPE_U32, 1000, 1, 2000, 1,
     60000},
    {"max-delay", SETTING(session.backoff.max_delay_ms), SHAPE_U32, 10000, 2000, 12000, 1, 600000},
    {"retry-after-max", SETTING(session.backoff.retry_after_max_ms), SHAPE_U32, 10000, 0, 10000, 0,
     600000},
    {"multiplier-percent", SETTING(session.backoff.multiplier), SHAPE_PERCENT, 150, 100, 300, 100,
     1000},
    {"jitter", SETTING(session.backoff.jitter), SHAPE_WORD, JITTER_EQUAL, 0, 3, 0, 3},
    {"stable-after", SETTING(session.stable_after_ms), SHAPE_U32, 1000, 0, 2000, 0, 600000},
    {"reconnect-on-normal-close", SETTING(session.reconnect_on_normal_close), SHAPE_FLAG, 1, 0, 1,
     0, 1},
    {"heartbeat", SETTING(session.dialect), SHAPE_WORD, DIALECT_WEBSOCKET, 0, 3, 0, 3},
    {"heartbeat-interval", SETTING(session.heartbeat_interval_ms), SHAPE_U32, 3000, 1000, 4000, 1,
     600000},
    {"heartbeat-timeout", SETTING(session.heartbeat_timeout_ms), SHAPE_U32, 1000, 100, 1000, 1,
     600000},
    {"probe-timeout", SETTING(session.probe_timeout_ms), SHAPE_U32, 500, 50, 550, 1, 600000},
    {"connect-timeout", SETTING(session.connect_timeout_ms), SHAPE_U32, 1000, 100, 1100, 1, 600000},
    {"close-timeout", SETTING(session.close_timeout_ms), SHAPE_U32, 1000, 10, 1010, 1, 600000},
    {"hold-until-ready", SETTING(session.hold_until_ready), SHAPE_FLAG, 0, 0, 1, 0, 1},
    {"ready-timeout", SETTING(session.ready_timeout_ms), SHAPE_U32, 2000, 100, 2100, 1, 600000},
    {"confirm", SETTING(session.confirm), SHAPE_WORD, CONFIRM_ACK, 0, 2, 0, 2},
    {"in-flight", SETTING(session.in_flight), SHAPE_U32, 20, 1, 20, 1, 256},
    {"ack-timeout", SETTING(session.ack_timeout_ms), SHAPE_U32, 1000, 0, 1500, 0, 600000},
    {"queue-limit", SETTING(session.queue_limit), SHAPE_U32, 20, 0, 20, 0, 100},
    {"queue-limit-bytes", SETTING(session.queue_limit_bytes), SHAPE_U64, 1000, 100, 1100, 1,
     100000},
    {"report-fates", SETTING(session.report_fates), SHAPE_FLAG, 1, 0, 1, 0, 1},
    {"delay", SETTING(delay_ms), SHAPE_U32, 5, 0, 60, 0, 60000},
    {"delay-jitter", SETTING(jitter_ms), SHAPE_U32, 0, 0, 40, 0, 60000},
    {"kernel-buffer", SETTING(kernel_bytes), SHAPE_U32, 2000, 200, 2000, 200, 2000},
    {"disk-delay", SETTING(disk_ms), SHAPE_U32, 1, 0, 20, 0, 60000},
    {"store-delay", SETTING(store_ms), SHAPE_U32, 1, 0, 20, 0, 60000},
    {"seed", SETTING(seed), SHAPE_U64, 1, 0, UINT32_MAX, 0, UINT64_MAX},
};

#define ROWS_COUNT (sizeof rows / sizeof *rows)

static void *member(const struct world_settings *settings, const struct setting *row) {
  return (char *)(uintptr_t)settings + row->offset;
}

static void put(struct world_settings *settings, const struct setting *row, uint64_t value) {
  void *at = member(settings, row);
  switch (row->shape) {
  case SHAPE_U32:
    *(uint32_t *)at = (uint32_t)value;
    break;
  case SHAPE_U64:
    *(uint64_t *)at = value;
    break;
  case SHAPE_WORD:
    *(unsigned *)at = (unsigned)value;
    break;
  case SHAPE_FLAG:
    *(bool *)at = value;
    break;
  case SHAPE_PERCENT:
    *(double *)at = (double)value / 100;
  }
}

static uint64_t get(const struct world_settings *settings, const struct setting *row) {
  const void *at = member(settings, row);
  switch (row->shape) {
  case SHAPE_U32:
    return *(const uint32_t *)at;
  case SHAPE_U64:
    return *(const uint64_t *)at;
  case SHAPE_WORD:
    return *(const unsigned *)at;
  case SHAPE_FLAG:
    return *(const bool *)at;
  default:
    return (uint64_t)(*(const double *)at * 100 + 0.5);
  }
}

bool world_settings_reset(struct world_settings *settings, uint32_t index) {
  if (index >= ROWS_COUNT)
    return false;
  put(settings, &rows[index], rows[index].otherwise);
  return true;
}

void world_settings_init(struct world_settings *settings) {
  *settings = (struct world_settings){0};
  for (uint32_t i = 0; world_settings_reset(settings, i); i++)
    ;
}

void world_settings_draw(struct world_settings *settings, uint64_t *random) {
  world_settings_init(settings);
  for (size_t i = 0; i < ROWS_COUNT; i++)
    put(settings, &rows[i], rows[i].low + random_next(random) % (rows[i].high - rows[i].low + 1));
  if (random_next(random) % 4 == 0)
    settings->session.backoff.max_retries = BACKOFF_FOREVER;
  if (random_next(random) % 3 == 0)
    settings->session.ack_timeout_ms = 0;
}

bool world_settings_set(struct world_settings *settings, const char *name, uint64_t value) {
  for (size_t i = 0; i < ROWS_COUNT; i++) {
    if (strcmp(rows[i].name, name) != 0)
      continue;
    if (value < rows[i].least || value > rows[i].most)
      return false;
    put(settings, &rows[i], value);
    return true;
  }
  return false;
}

void world_settings_print(const struct world_settings *settings, FILE *file) {
  for (size_t i = 0; i < ROWS_COUNT; i++) {
    const uint64_t value = get(settings, &rows[i]);
    if (value != rows[i].otherwise)
      (void)fprintf(file, "set %s %llu\n", rows[i].name, (unsigned long long)value);
  }
}
