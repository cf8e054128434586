#include "delays.h"

#include "random.h"

#define CHAINS 20000
#define CHAINS_SEED 1
#define UNIT_LAST (1.0 - 0x1p-53) /* the largest that a draw can be */

static uint64_t chain_delay(const struct backoff_config *config, uint32_t attempt, double unit,
                            double previous_ms) {
  return backoff_delay(config, attempt, unit, (uint64_t)previous_ms);
}

/* A delay grows with the draw and with the delay before, so the extremes are chains of their own.
 */
static void fill_extremes(const struct backoff_config *config, struct delays_row *rows,
                          uint32_t count) {
  struct delay_range previous = {0};
  for (uint32_t i = 0; i < count; i++) {
    rows[i].delay.min = (double)chain_delay(config, i, 0, previous.min);
    rows[i].delay.mean = (double)chain_delay(config, i, 0.5, previous.mean);
    rows[i].delay.max = (double)chain_delay(config, i, UNIT_LAST, previous.max);
    previous = rows[i].delay;
  }
}

static void draw_means(const struct backoff_config *config, struct delays_row *rows,
                       uint32_t count) {
  uint64_t random = CHAINS_SEED;
  for (uint32_t i = 0; i < count; i++)
    rows[i].delay.mean = 0;
  for (uint32_t chain = 0; chain < CHAINS; chain++) {
    uint64_t delay_ms = 0;
    for (uint32_t i = 0; i < count; i++) {
      delay_ms = backoff_delay(config, i, random_unit(&random), delay_ms);
      rows[i].delay.mean += (double)delay_ms / CHAINS;
    }
  }
}

static void add_up(struct delays_row *rows, uint32_t count) {
  struct delay_range sum = {0};
  for (uint32_t i = 0; i < count; i++) {
    sum.min += rows[i].delay.min;
    sum.mean += rows[i].delay.mean;
    sum.max += rows[i].delay.max;
    rows[i].sum = sum;
  }
}

void delays_fill(const struct backoff_config *config, struct delays_row *rows, uint32_t count) {
  fill_extremes(config, rows, count);
  if (config->jitter == JITTER_DECORRELATED)
    draw_means(config, rows, count);
  add_up(rows, count);
}
