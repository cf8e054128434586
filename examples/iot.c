/*
 * A sensor that publishes over a bad link, on little power. Readings are worth something while they
 * are fresh: of those that wait only the newest is kept, and none for long. Alarms are never lost:
 * they go into a file first, and from there until the server has acknowledged them, over restarts
 * and power cuts.
 *
 *     limpet serve --store relay.db &
 *     example-iot 'ws://127.0.0.1:8085/ws?conversation_id=boiler&user_id=sensor1' alarms.outbox \
 *         /sys/class/thermal/thermal_zone0/temp 10000
 *
 * The last one is how often it measures, in ms. The file has thousandths of a degree. SIGINT or
 * SIGTERM ends it; alarms that wait go out at the next run.
 */
#include <errno.h>
#include <limpet/limpet.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ALARM_AT 80000 /* thousandths of a degree */
#define READING_TTL_MS 60000
#define CLOSE_MS 2000
#define ALARM "alarm"

/* The alarm for the present heat was handed over. The client's thread takes that back if the disk
   did not take it, and the next measurement raises it again. */
static atomic_bool is_raised;

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  (void)client, (void)from, (void)user;
  printf("%s (%s)\n", limpet_state_name(to), limpet_reason_name(reason));
}

static void on_fate(limpet_client *client, const limpet_fate_report *report, void *user) {
  (void)client, (void)user;
  if (report->fate != LIMPET_FATE_DROPPED) {
    printf("%s %s\n", report->message_id, limpet_fate_name(report->fate));
    return;
  }
  printf("%s dropped: %s\n", report->message_id, limpet_drop_name(report->drop));
  if (strncmp(report->message_id, ALARM, sizeof ALARM - 1) == 0)
    atomic_store(&is_raised, false);
}

static void on_error(limpet_client *client, const limpet_error *error, void *user) {
  (void)client, (void)user;
  fprintf(stderr, "%s: %s\n", error->message, error->detail);
}

/* The id goes into the message too, for the server to acknowledge it by and to drop a repeat by. */
static bool publish(limpet_client *client, const char *kind, long value, limpet_send_options *how) {
  char uuid[LIMPET_NEW_ID_CAP], id[LIMPET_NEW_ID_CAP + 16], text[256];
  if (!limpet_new_id(uuid))
    return false;
  (void)snprintf(id, sizeof id, "%s-%s", kind, uuid);
  const int len = snprintf(text, sizeof text,
                           "{\"type\":\"message\",\"id\":\"%s\",\"plaintext\":\"%s %s%ld.%03ld\"}",
                           id, kind, value < 0 ? "-" : "", labs(value / 1000), labs(value % 1000));
  how->message_id = id;
  const limpet_result result = limpet_send_text(client, text, (size_t)len, how, NULL);
  if (result != LIMPET_OK)
    fprintf(stderr, "%s not accepted: %s\n", kind, limpet_result_text(result));
  return result == LIMPET_OK;
}

static bool measure(const char *path, long *value) {
  FILE *file = fopen(path, "r");
  const bool has = file && fscanf(file, "%ld", value) == 1;
  if (file)
    fclose(file);
  if (!has)
    fprintf(stderr, "%s: no reading: %s\n", path, strerror(errno));
  return has;
}

/* One alarm each time the limit is passed. */
static void measure_and_publish(limpet_client *client, const char *path) {
  limpet_send_options reading = {.replace_key = "reading", .ttl_ms = READING_TTL_MS};
  limpet_send_options alarm = {.promise = LIMPET_PROMISE_DURABLE};
  long value;
  if (!measure(path, &value))
    return;
  publish(client, "reading", value, &reading);
  if (value < ALARM_AT)
    atomic_store(&is_raised, false);
  else if (!atomic_exchange(&is_raised, true) && !publish(client, ALARM, value, &alarm))
    atomic_store(&is_raised, false);
}

static void spare_power(limpet_options *options) {
  options->heartbeat_interval_ms =
      240000; /* below the 5 minutes after which many networks forget */
  options->heartbeat_timeout_ms = 30000;
  options->connect_timeout_ms = 30000;
  options->max_delay_ms = 900000; /* a radio that dials is what empties the battery */
  options->multiplier = 2;
  options->jitter = LIMPET_JITTER_FULL;
  options->max_retries = LIMPET_RETRY_FOREVER;
  options->outbox_durability_ms = 1000; /* fewer writes for the flash */
}

int main(int argc, char **argv) {
  char detail[LIMPET_DETAIL_CAP];
  limpet_client *client;
  limpet_options options;
  sigset_t signals;
  const long every_ms = argc > 4 ? atol(argv[4]) : 10000;
  if (argc < 4 || every_ms < 1) {
    fprintf(stderr, "usage: %s URL OUTBOX SENSOR_FILE [EVERY_MS]\n", argv[0]);
    return 1;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, NULL); /* before the client's threads are made */
  limpet_options_init(&options, sizeof options);
  options.url = argv[1];
  options.outbox = argv[2];
  options.confirm = LIMPET_CONFIRM_ACK;
  options.callbacks.on_state = on_state;
  options.callbacks.on_fate = on_fate;
  options.callbacks.on_error = on_error;
  spare_power(&options);
  if (limpet_new(&options, NULL, &client, detail) != LIMPET_OK) {
    fprintf(stderr, "%s\n", detail);
    return 1;
  }
  limpet_connect(client);
  const struct timespec pause = {every_ms / 1000, every_ms % 1000 * 1000000};
  do
    measure_and_publish(client, argv[3]);
  while (sigtimedwait(&signals, NULL, &pause) < 0);
  limpet_stop(client, CLOSE_MS);
  return 0;
}
