#include "client_box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder of its own for each test, and the outbox in it. */
char box_file[BOX_FILE_CAP];
static char folder[32];

int box_set_up(void **state) {
  (void)state;
  (void)snprintf(folder, sizeof folder, "/tmp/limpet-durable-XXXXXX");
  assert_non_null(mkdtemp(folder));
  (void)snprintf(box_file, sizeof box_file, "%s/outbox", folder);
  return 0;
}

int box_tear_down(void **state) {
  static const char *const suffixes[] = {"", "-wal", "-shm", "-lock", "-journal"};
  char path[BOX_FILE_CAP + 16];
  (void)state;
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    (void)snprintf(path, sizeof path, "%s%s", box_file, suffixes[i]);
    (void)unlink(path);
  }
  return rmdir(folder);
}

/* A server as the contract's: it acknowledges what has an id, unless told to be silent. */
bool box_peer_is_silent;

static void acknowledge(struct peer *peer, const char *text, size_t len) {
  char answer[128];
  const char *id = strstr(text, "\"id\":\"");
  (void)len;
  if (box_peer_is_silent || !id)
    return;
  (void)snprintf(answer, sizeof answer, "{\"type\":\"ack\",\"id\":\"%.*s\",\"sequence_number\":1}",
                 (int)strcspn(id + 6, "\""), id + 6);
  peer_send(peer, answer);
}

void box_init(struct fixture *f, limpet_confirm confirm) {
  box_peer_is_silent = false;
  fixture_init(f, DIARY_FATES);
  f->options.confirm = confirm;
  f->options.outbox = box_file;
  f->options.initial_delay_ms = 1;
  f->options.max_delay_ms = 1;
  f->peer.on_message = acknowledge;
}

limpet_result box_send_as(struct fixture *f, unsigned number, limpet_promise promise,
                          uint64_t *id) {
  char text[64], name[16];
  (void)snprintf(name, sizeof name, "n%u", number);
  const int len = snprintf(text, sizeof text, "{\"id\":\"%s\"} %u", name, number);
  const limpet_send_options how = {.promise = promise, .message_id = name};
  return limpet_send_text(f->client, text, (size_t)len, &how, id);
}

uint64_t box_send(struct fixture *f, unsigned number) {
  uint64_t id = 0;
  assert_int_equal(box_send_as(f, number, LIMPET_PROMISE_DURABLE, &id), LIMPET_OK);
  return id;
}

bool box_has_fate(const struct fixture *f, uint64_t id, const char *fate) {
  char line[96];
  (void)snprintf(line, sizeof line, "fate %llu %s", (unsigned long long)id, fate);
  return diary_has(&f->diary, line);
}

uint64_t box_waiting(struct fixture *f) {
  limpet_snapshot s;
  limpet_get_snapshot(f->client, &s, sizeof s);
  return s.metrics.outbox_messages;
}

void box_stop(struct fixture *f) {
  const bool was_closed = fixture_is(f, LIMPET_CLOSED);
  diary_stop(&f->diary, 6 * WORLD_PATIENCE_MS); /* one that has passed leaves the disk behind */
  if (!was_closed)
    world_until(&f->world, f->diary.is_over);
  fixture_deinit(f);
}

void box_peer_has_all(const struct peer *peer, unsigned count) {
  unsigned next = 1;
  for (size_t i = 0; i < peer->messages_count; i++) {
    const unsigned number = peer_number(peer, i);
    assert_true(number <= next);
    next += number == next;
  }
  assert_int_equal(next, count + 1);
}
