/* `limpet simulate backoff`: a table of delays for each kind of jitter. */
#include "simulate.h"

#include "cli.h"
#include "delays.h"

#include <stdio.h>

static void print_table(const char *jitter, const struct delays_row *rows, uint32_t count) {
  const struct delay_range *total = &rows[count - 1].sum;
  printf("%s jitter: after %u %s %.*f-%.*f s, %.*f s on average\n", jitter, count,
         count == 1 ? "retry" : "retries", total->max < 10000, total->min / 1000,
         total->max < 10000, total->max / 1000, total->max < 10000, total->mean / 1000);
  printf("%6s  %10s %10s %10s  %10s %10s %10s\n", "retry", "min s", "mean s", "max s", "sum: min",
         "mean", "max");
  for (uint32_t i = 0; i < count; i++)
    printf("%6u  %10.2f %10.2f %10.2f  %10.2f %10.2f %10.2f\n", i + 1, rows[i].delay.min / 1000,
           rows[i].delay.mean / 1000, rows[i].delay.max / 1000, rows[i].sum.min / 1000,
           rows[i].sum.mean / 1000, rows[i].sum.max / 1000);
}

static void print_csv(const char *jitter, const struct delays_row *rows, uint32_t count) {
  for (uint32_t i = 0; i < count; i++)
    printf("%s,%u,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f\n", jitter, i + 1, rows[i].delay.min,
           rows[i].delay.mean, rows[i].delay.max, rows[i].sum.min, rows[i].sum.mean,
           rows[i].sum.max);
}

static void show(const struct simulate_settings *settings, uint32_t jitter) {
  struct delays_row rows[DELAYS_RETRIES_MAX];
  struct backoff_config config = settings->backoff;
  config.jitter = (enum backoff_jitter)jitter;
  delays_fill(&config, rows, config.max_retries);
  (settings->is_csv ? print_csv : print_table)(simulate_jitters[jitter], rows, config.max_retries);
}

int simulate_backoff(const struct simulate_settings *settings) {
  if (!settings->backoff.max_retries || settings->backoff.max_retries > DELAYS_RETRIES_MAX)
    return complain("--max-retries: a table has 1-%d rows", DELAYS_RETRIES_MAX);
  if (settings->is_csv)
    puts("jitter,retry,min_ms,mean_ms,max_ms,sum_min_ms,sum_mean_ms,sum_max_ms");
  for (uint32_t jitter = 0; jitter < SIMULATE_JITTERS; jitter++) {
    if (settings->has_jitter && settings->backoff.jitter != jitter)
      continue;
    if (jitter && !settings->is_csv && !settings->has_jitter)
      putchar('\n');
    show(settings, jitter);
  }
  return EXIT_DONE;
}
