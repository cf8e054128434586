/* A program compiled against the first header, and linked with today's shared library: a
   conversation with an echo server. Prints what it knows of it as lines, for test_abi.py. */
#include <limpet/limpet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* The library must not write behind what the first header calls a struct. */
#define GUARD 0x5A
struct guarded_options {
  limpet_options options;
  unsigned char behind[64];
};
struct guarded_snapshot {
  limpet_snapshot snapshot;
  unsigned char behind[64];
};

static atomic_int echoes;

static void on_text(limpet_client *client, const char *data, size_t len, void *user) {
  (void)client, (void)user;
  printf("text %.*s\n", (int)len, data);
  atomic_fetch_add(&echoes, 1);
}

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  (void)client, (void)from;
  printf("state %s %s %s\n", limpet_state_name(to), limpet_reason_name(reason), (const char *)user);
}

static void on_fate(limpet_client *client, const limpet_fate_report *report, void *user) {
  (void)client, (void)user;
  if (report->fate == LIMPET_FATE_CONFIRMED)
    printf("confirmed %s after %u\n", report->message_id, (unsigned)report->attempts);
}

static int is_intact(const unsigned char *behind, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (behind[i] != GUARD)
      return 0;
  return 1;
}

static limpet_result start(const char *url, limpet_client **client, char *detail) {
  struct guarded_options room;
  memset(&room, GUARD, sizeof room);
  limpet_options_init(&room.options, sizeof room.options);
  room.options.url = url;
  room.options.user = "user";
  room.options.callbacks.on_text = on_text;
  room.options.callbacks.on_state = on_state;
  room.options.callbacks.on_fate = on_fate;
  room.options.confirm = LIMPET_CONFIRM_BARRIER;
  room.options.busy_poll_us = 1;
  if (!is_intact(room.behind, sizeof room.behind))
    return LIMPET_SYSTEM;
  return limpet_new(&room.options, NULL, client, detail);
}

static void tell_figures(limpet_client *client) {
  struct guarded_snapshot room;
  memset(&room, GUARD, sizeof room);
  limpet_get_snapshot(client, &room.snapshot, sizeof room.snapshot);
  printf("figures %s in %u out %u retries %u intact %d\n", limpet_state_name(room.snapshot.state),
         (unsigned)room.snapshot.metrics.messages_in, (unsigned)room.snapshot.metrics.messages_out,
         (unsigned)room.snapshot.max_retries, is_intact(room.behind, sizeof room.behind));
}

int main(int argc, char **argv) {
  char detail[LIMPET_DETAIL_CAP];
  limpet_client *client;
  const limpet_send_options send = {.message_id = "first"};
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (argc != 2 || start(argv[1], &client, detail) != LIMPET_OK) {
    puts("cannot start");
    return 1;
  }
  limpet_connect(client);
  limpet_send_text(client, "hello", 5, &send, NULL);
  limpet_result result = limpet_flush(client, 30000, NULL, NULL);
  printf("flush %s\n", limpet_result_name(result));
  for (const uint64_t end_ms = limpet_now_ms() + 30000;
       atomic_load(&echoes) == 0 && limpet_now_ms() < end_ms;)
    (void)limpet_flush(client, 10, NULL, NULL);
  tell_figures(client);
  limpet_stop(client, 3000);
  return 0;
}
