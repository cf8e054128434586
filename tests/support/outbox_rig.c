#include "outbox_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void on_wake(void *user) {
  struct outbox_rig *rig = user;
  pthread_mutex_lock(&rig->lock);
  rig->wakes++;
  rig->stands_still = rig->is_held;
  pthread_cond_broadcast(&rig->woken);
  while (rig->is_held)
    pthread_cond_wait(&rig->woken, &rig->lock);
  rig->stands_still = false;
  pthread_mutex_unlock(&rig->lock);
}

/* Under the lock. */
static void wait_change(struct outbox_rig *rig) {
  struct timespec until;
  (void)clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += RIG_PATIENCE_S;
  if (pthread_cond_timedwait(&rig->woken, &rig->lock, &until) == 0)
    return;
  pthread_mutex_unlock(&rig->lock);
  fail_msg("no event came");
}

static void set_held(struct outbox_rig *rig, bool is_held) {
  pthread_mutex_lock(&rig->lock);
  rig->is_held = is_held;
  pthread_cond_broadcast(&rig->woken);
  pthread_mutex_unlock(&rig->lock);
}

void rig_hold(struct outbox_rig *rig) {
  set_held(rig, true);
}

void rig_until_still(struct outbox_rig *rig) {
  pthread_mutex_lock(&rig->lock);
  while (!rig->stands_still)
    wait_change(rig);
  pthread_mutex_unlock(&rig->lock);
}

void rig_release(struct outbox_rig *rig) {
  set_held(rig, false);
}

void rig_init(struct outbox_rig *rig) {
  memset(rig, 0, sizeof *rig);
  pthread_mutex_init(&rig->lock, NULL);
  pthread_cond_init(&rig->woken, NULL);
  folder_make(rig->folder);
  (void)snprintf(rig->path, sizeof rig->path, "%s/box", rig->folder);
  rig->config = (struct outbox_config){.path = rig->path,
                                       .limit_count = 1000000,
                                       .limit_bytes = (uint64_t)1 << 30,
                                       .wake = on_wake,
                                       .user = rig};
}

static void forget_event(struct outbox_rig *rig) {
  free(rig->event.memory);
  rig->event.memory = NULL;
}

void rig_deinit(struct outbox_rig *rig) {
  rig_release(rig);
  if (rig->outbox)
    rig_close(rig);
  forget_event(rig);
  folder_remove(rig->folder);
  pthread_mutex_destroy(&rig->lock);
  pthread_cond_destroy(&rig->woken);
}

enum outbox_result rig_try_open(struct outbox_rig *rig) {
  rig->detail[0] = '\0';
  rig->event = (struct outbox_event){0};
  return outbox_open(&rig->config, &rig->outbox, rig->detail);
}

void rig_open(struct outbox_rig *rig) {
  if (rig_try_open(rig) != OUTBOX_OK)
    fail_msg("%s", rig->detail);
}

void rig_close(struct outbox_rig *rig) {
  outbox_close(rig->outbox);
  while (rig_next(rig)->kind != OUTBOX_IS_CLOSED) {
  }
  outbox_free(rig->outbox);
  rig->outbox = NULL;
}

void rig_reopen(struct outbox_rig *rig) {
  rig_close(rig);
  rig_open(rig);
}

static void wait_for_wake(struct outbox_rig *rig) {
  pthread_mutex_lock(&rig->lock);
  while (rig->wakes == 0)
    wait_change(rig);
  rig->wakes = 0;
  pthread_mutex_unlock(&rig->lock);
}

const struct outbox_event *rig_next(struct outbox_rig *rig) {
  forget_event(rig);
  while (!outbox_next(rig->outbox, &rig->event))
    wait_for_wake(rig);
  return &rig->event;
}

const struct outbox_event *rig_expect(struct outbox_rig *rig, enum outbox_event_kind kind,
                                      uint64_t number) {
  const struct outbox_event *event = rig_next(rig);
  if (event->kind != kind)
    fail_msg("event of kind %d instead of %d: %s", event->kind, kind, event->detail);
  assert_int_equal(event->number, number);
  return event;
}

void rig_until_oldest(struct outbox_rig *rig, uint64_t number) {
  while (outbox_oldest(rig->outbox) != number)
    wait_for_wake(rig);
}

void rig_until_count(struct outbox_rig *rig, uint64_t count) {
  while (rig_count(rig) != count)
    wait_for_wake(rig);
}

/* A message that is refused for its id passes through the thread and changes nothing. */
void rig_expect_nothing(struct outbox_rig *rig) {
  const uint64_t number = rig_store(rig, "probe");
  outbox_remove(rig->outbox, number);
  const uint64_t again = rig_store(rig, "probe of a probe");
  outbox_remove(rig->outbox, again);
  forget_event(rig);
  while (outbox_next(rig->outbox, &rig->event))
    fail_msg("an event of kind %d", rig->event.kind);
}

uint64_t rig_put_as(struct outbox_rig *rig, const struct outbox_put *put) {
  uint64_t number = 0;
  assert_int_equal(outbox_put(rig->outbox, put, &number), OUTBOX_OK);
  return number;
}

uint64_t rig_put(struct outbox_rig *rig, const char *text) {
  char id[OUTBOX_ID_MAX + 1];
  (void)snprintf(id, sizeof id, "id-%.100s", text);
  const struct outbox_put put = {
      .opcode = 1, .data = text, .len = strlen(text), .id = id, .expires_at_wall_ms = INT64_MAX};
  return rig_put_as(rig, &put);
}

uint64_t rig_store(struct outbox_rig *rig, const char *text) {
  const uint64_t number = rig_put(rig, text);
  rig_expect(rig, OUTBOX_STORED, number);
  return number;
}

void rig_expect_message(struct outbox_rig *rig, uint64_t number, const char *text) {
  const struct outbox_event *event = rig_expect(rig, OUTBOX_MESSAGE, number);
  assert_int_equal(event->len, strlen(text));
  assert_memory_equal(event->data, text, event->len);
}

uint64_t rig_count(struct outbox_rig *rig) {
  uint64_t count, bytes;
  outbox_count(rig->outbox, &count, &bytes);
  return count;
}
