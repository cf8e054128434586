/*
 * The power is cut at every write, sync, truncation and deletion of a script, in several ways, and
 * every single operation fails once and for good; afterwards the file is opened anew and held
 * against what was promised. Arguments: none, or SEED COUNT for more ways to tear.
 */
#include "disk.h"
#include "outbox_rig.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PUTS_MAX 64
#define MUCH ((uint64_t)1 << 30)
#define LARGE_LEN 9000 /* on overflow pages */

static uint64_t first_seed = 1, seeds_count = 3;

enum fate { FATE_NONE, FATE_STORED, FATE_REFUSED, FATE_GONE /* may be there or not: [D4] */ };

struct put {
  uint64_t number;
  enum fate fate;
  size_t place;    /* in the order; that of the put it replaces */
  size_t replaces; /* a put's index + 1; 0 */
  size_t len;
  bool expires;
};

/* What the script did, as the application knows it. */
struct story {
  struct outbox_rig *rig;
  struct put puts[PUTS_MAX];
  size_t count;
  bool is_open;
  char context[100]; /* which run this is */
};

/* ---- the script ---- */

static char byte_of(size_t index, size_t at) {
  return (char)('a' + (index * 7 + at) % 26);
}

static struct put *find(struct story *s, uint64_t number) {
  for (size_t i = 0; i < s->count; i++)
    if (s->puts[i].number == number)
      return &s->puts[i];
  fail_msg("an unknown number");
  return NULL;
}

static void put(struct story *s, size_t len, const char *key, size_t replaces, int64_t expires) {
  char data[LARGE_LEN], id[32];
  struct put *p = &s->puts[s->count];
  assert_true(s->count < PUTS_MAX && len <= sizeof data);
  for (size_t i = 0; i < len; i++)
    data[i] = byte_of(s->count, i);
  (void)snprintf(id, sizeof id, "put-%zu", s->count);
  const struct outbox_put what = {.opcode = 2,
                                  .data = data,
                                  .len = len,
                                  .id = id,
                                  .replace_key = key,
                                  .expires_at_wall_ms = expires};
  *p = (struct put){
      .len = len, .place = s->count, .replaces = replaces, .expires = expires != INT64_MAX};
  if (replaces)
    p->place = s->puts[replaces - 1].place;
  s->count++;
  if (outbox_put(s->rig->outbox, &what, &p->number) != OUTBOX_OK)
    p->fate = FATE_REFUSED;
}

static void learn(struct story *s, const struct outbox_event *event) {
  switch (event->kind) {
  case OUTBOX_STORED:
    assert_false(disk_is_off() && find(s, event->number)->fate != FATE_NONE);
    find(s, event->number)->fate = find(s, event->number)->expires ? FATE_GONE : FATE_STORED;
    break;
  case OUTBOX_REFUSED:
    assert_true(event->result != OUTBOX_OK && event->detail[0] != '\0');
    find(s, event->number)->fate = FATE_REFUSED;
    break;
  case OUTBOX_EXPIRED:
  case OUTBOX_REPLACED:
    find(s, event->number)->fate = FATE_GONE;
    break;
  default:
    break;
  }
}

static void take_fates(struct story *s) {
  for (size_t i = 0; i < s->count; i++)
    while (s->puts[i].fate == FATE_NONE)
      learn(s, rig_next(s->rig));
}

static void remove_put(struct story *s, size_t index) {
  s->puts[index].fate = FATE_GONE;
  outbox_remove(s->rig->outbox, s->puts[index].number);
}

/* A job passed through the thread, so all before it has been tried. */
static void wait_for_thread(struct story *s) {
  put(s, 1, NULL, 0, INT64_MAX);
  take_fates(s);
}

static bool open_box(struct story *s) {
  s->is_open = rig_try_open(s->rig) == OUTBOX_OK;
  if (!s->is_open)
    assert_true(s->rig->detail[0] != '\0');
  return s->is_open;
}

static void close_box(struct story *s) {
  if (!s->is_open)
    return;
  outbox_close(s->rig->outbox);
  do {
    learn(s, rig_next(s->rig));
  } while (s->rig->event.kind != OUTBOX_IS_CLOSED);
  outbox_free(s->rig->outbox);
  s->rig->outbox = NULL;
  s->is_open = false;
}

static void play_first_half(struct story *s) {
  for (size_t i = 0; i < 8; i++)
    put(s, 40 + i, NULL, 0, INT64_MAX);
  take_fates(s);
  put(s, LARGE_LEN, "key", 0, INT64_MAX);
  put(s, 10, NULL, 0, 1); /* long expired */
  put(s, 10, NULL, 0, INT64_MAX);
  take_fates(s);
  put(s, 30, "key", s->puts[8].fate == FATE_STORED ? 9 : 0, INT64_MAX);
  take_fates(s);
  outbox_want(s->rig->outbox, 4, MUCH);
  wait_for_thread(s);
  remove_put(s, 0);
  remove_put(s, 1);
  wait_for_thread(s);
  outbox_rewind(s->rig->outbox, s->puts[3].number);
  wait_for_thread(s);
}

static void play_second_half(struct story *s) {
  for (size_t i = 0; i < 6; i++) {
    put(s, LARGE_LEN - i, NULL, 0, INT64_MAX);
    take_fates(s);
  }
  remove_put(s, 2);
  remove_put(s, s->count - 2);
  wait_for_thread(s);
}

static void play(struct story *s) {
  if (open_box(s))
    play_first_half(s);
  close_box(s);
  if (!disk_is_off() && open_box(s))
    play_second_half(s);
  close_box(s);
}

/* ---- the judgement ---- */

static size_t index_of(const struct outbox_event *event) {
  size_t index;
  assert_int_equal(sscanf(event->id, "put-%zu", &index), 1);
  return index;
}

/* [D5] */
static void check_bytes(const struct story *s, size_t index, const struct outbox_event *event) {
  const char *data = event->data;
  assert_true(index < s->count);
  assert_int_equal(event->number, s->puts[index].number);
  assert_int_equal(event->len, s->puts[index].len);
  assert_int_equal(event->opcode, 2);
  for (size_t i = 0; i < event->len; i++)
    assert_int_equal(data[i], byte_of(index, i));
}

static void take_message(struct story *s, bool found[PUTS_MAX], size_t *next_place) {
  const struct outbox_event *event = &s->rig->event;
  const size_t index = index_of(event);
  check_bytes(s, index, event);
  assert_false(found[index]);
  assert_true(s->puts[index].place >= *next_place); /* [D3] */
  *next_place = s->puts[index].place + 1;
  found[index] = true;
}

/* Reads all messages there are into `found`. One may be found to have expired. */
static void read_back(struct story *s, bool found[PUTS_MAX]) {
  uint64_t bytes = 0, stored_bytes, count = 0, stored_count, oldest = UINT64_MAX;
  size_t next_place = 0;
  outbox_want(s->rig->outbox, UINT32_MAX, UINT64_MAX);
  while (outbox_count(s->rig->outbox, &stored_count, &stored_bytes), count < stored_count) {
    const struct outbox_event *event = rig_next(s->rig);
    if (event->kind == OUTBOX_EXPIRED) {
      assert_true(find(s, event->number)->expires);
      continue;
    }
    assert_int_equal(event->kind, OUTBOX_MESSAGE);
    take_message(s, found, &next_place);
    bytes += event->len;
    count++;
    oldest = event->number < oldest ? event->number : oldest;
  }
  assert_int_equal(bytes, stored_bytes); /* [D5] */
  rig_until_oldest(s->rig, oldest);
}

/* What takes its place may do so without anyone having been told. */
static bool is_replaced(const struct story *s, size_t index, const bool found[PUTS_MAX]) {
  for (size_t i = 0; i < s->count; i++)
    if (s->puts[i].replaces == index + 1 && found[i])
      return true;
  return false;
}

static void check(struct story *s, bool was_cut) {
  bool found[PUTS_MAX] = {false};
  rig_open(s->rig);
  read_back(s, found);
  for (size_t i = 0; i < s->count; i++) {
    const struct put *p = &s->puts[i];
    if (p->fate == FATE_STORED && !found[i] && !is_replaced(s, i, found))
      fail_msg("%s: put %zu was stored and is lost", s->context, i); /* [D1] */
    if (p->fate == FATE_REFUSED && found[i] && !was_cut)
      fail_msg("%s: put %zu was refused and is there", s->context, i); /* [D2] */
    if (p->replaces && found[i])
      assert_false(found[p->replaces - 1]);
  }
  const uint64_t number = rig_put(s->rig, "and it goes on");
  while (rig_next(s->rig)->kind != OUTBOX_STORED) {
  }
  assert_int_equal(s->rig->event.number, number);
  for (size_t i = 0; i < s->count; i++)
    assert_true(s->puts[i].fate != FATE_STORED || s->puts[i].number < number);
  rig_close(s->rig);
}

static void remove_files(struct outbox_rig *rig) {
  static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
  char path[FOLDER_CAP + 32];
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    (void)snprintf(path, sizeof path, "%s%s", rig->path, suffixes[i]);
    (void)unlink(path);
  }
}

static struct story begin(struct outbox_rig *rig, uint64_t seed) {
  disk_reset(seed);
  remove_files(rig);
  return (struct story){.rig = rig};
}

/* ---- the cuts ---- */

static unsigned operations_of_a_whole_run(struct outbox_rig *rig) {
  struct story s = begin(rig, 1);
  play(&s);
  const unsigned operations = disk_count(DISK_CHANGES);
  assert_true(operations > 50);
  check(&s, false);
  return operations;
}

static void cut(struct outbox_rig *rig, unsigned at, enum disk_loss loss, uint64_t seed) {
  struct story s = begin(rig, seed * 1000 + at);
  (void)snprintf(s.context, sizeof s.context, "cut at %u, loss %d, seed %llu", at, loss,
                 (unsigned long long)seed);
  disk_cut_at(at);
  play(&s);
  disk_power_on(loss);
  check(&s, true);
}

static void test_power_cuts(void **state) {
  struct outbox_rig *rig = *state;
  const unsigned operations = operations_of_a_whole_run(rig);
  for (unsigned at = 1; at <= operations; at++) {
    cut(rig, at, DISK_KEEPS_ALL, 1);
    cut(rig, at, DISK_LOSES_ALL, 1);
    for (uint64_t seed = first_seed; seed < first_seed + seeds_count; seed++)
      cut(rig, at, DISK_TEARS, seed);
  }
  print_message("%u operations, each cut in %u ways\n", operations, (unsigned)seeds_count + 2);
}

/* ---- failures ---- */

static void test_failures(void **state) {
  struct outbox_rig *rig = *state;
  static const struct {
    unsigned kinds;
    int code;
    bool for_good, is_short;
  } cases[] = {
      {DISK_WRITE, SQLITE_IOERR_WRITE, false, false},
      {DISK_WRITE, SQLITE_IOERR_WRITE, true, false},
      {DISK_WRITE, SQLITE_FULL, false, true},
      {DISK_WRITE, SQLITE_FULL, true, true},
      {DISK_SYNC, SQLITE_IOERR_FSYNC, false, false},
      {DISK_SYNC, SQLITE_IOERR_FSYNC, true, false},
      {DISK_TRUNCATE, SQLITE_IOERR_TRUNCATE, false, false},
      {DISK_OPEN, SQLITE_CANTOPEN, false, false},
      {DISK_READ, SQLITE_IOERR_READ, false, false},
      {DISK_READ, SQLITE_IOERR_READ, true, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    unsigned seen = UINT32_MAX;
    for (unsigned at = 1; at <= seen; at++) {
      struct story s = begin(rig, at);
      const struct disk_fault fault = {.kinds = cases[i].kinds,
                                       .at = at,
                                       .for_good = cases[i].for_good,
                                       .code = cases[i].code,
                                       .is_short = cases[i].is_short};
      (void)snprintf(s.context, sizeof s.context, "failure %zu at %u", i, at);
      disk_fail(&fault);
      play(&s);
      seen = disk_count(cases[i].kinds);
      disk_fail(&(struct disk_fault){0});
      if (at % 2)
        disk_power_on(
            DISK_LOSES_ALL); /* [D6] also what stands after the failure is there for good */
      check(&s, at % 2);
    }
  }
}

static int set_up(void **state) {
  static struct outbox_rig rig;
  rig_init(&rig);
  rig.config.vfs = DISK_NAME;
  *state = &rig;
  return 0;
}

static int tear_down(void **state) {
  rig_deinit(*state);
  return 0;
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_power_cuts, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
  };
  if (argc == 3) {
    first_seed = strtoull(argv[1], NULL, 10);
    seeds_count = strtoull(argv[2], NULL, 10);
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
