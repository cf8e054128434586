/*
 * The store on a disk that fails: the power is cut at every write, sync, truncation and deletion of
 * a script, in several ways, and every single operation fails once and for good; afterwards the
 * file is opened anew and held against [S1] to [S3] and, for
 * one line, [S5]. Arguments: none, or SEED COUNT for more ways
 * to tear.
 */
#include "disk.h"
#include "folder.h"
#include "net_rig.h"
#include "store.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define APPENDS_MAX 64
#define LARGE_LEN 5000 /* on overflow pages */
#define OLD_MS 1000
#define NEW_MS INT64_C(4000000000000) /* always younger than what is kept */

static uint64_t first_seed = 1, seeds_count = 1;
static char folder[FOLDER_CAP], path[FOLDER_CAP + 16];
static const char *const conversations[] = {"tea", "coffee", "cocoa"};
#define CONVERSATIONS_COUNT (sizeof conversations / sizeof *conversations)

/* An append, and what its sender was told. */
struct append {
  struct store_append append; /* first */
  struct story *story;
  bool is_done, is_old;
  enum store_result result;
  int64_t number;
  size_t conversation;
  struct store_line *line; /* or NULL */
  char id[16];
  char text[LARGE_LEN + 1];
};

struct story {
  struct rig rig;
  struct store *store; /* NULL: not open */
  struct append appends[APPENDS_MAX];
  size_t count, done_count;
  struct store_line *line;           /* of what the script says in the first conversation */
  int64_t told[CONVERSATIONS_COUNT]; /* the largest number that anybody was told */
  bool is_swept;                     /* it was open with a limit on age or size */
  bool is_closed;
  char context[100]; /* which run this is */
};

/* ---- the store ---- */

static void on_troubled(void *user, const char *detail) {
  (void)user;
  assert_true(detail[0] != '\0');
}

static bool open_store(struct story *s, uint64_t keep_age_ms, uint64_t keep_bytes) {
  char detail[STORE_DETAIL_CAP] = "";
  const struct store_options options = {.path = path,
                                        .vfs = DISK_NAME,
                                        .max_conversations = CONVERSATIONS_COUNT,
                                        .keep_age_ms = keep_age_ms,
                                        .keep_bytes = keep_bytes,
                                        .troubled = on_troubled,
                                        .user = s};
  s->store = store_open(s->rig.loop, &options, detail);
  s->is_swept = s->is_swept || keep_age_ms > 0 || keep_bytes > 0;
  if (!s->store)
    assert_true(detail[0] != '\0');
  return s->store != NULL;
}

static void on_closed(void *user) {
  ((struct story *)user)->is_closed = true;
}

static void close_store(struct story *s) {
  if (!s->store)
    return;
  s->is_closed = false;
  store_close(s->store, on_closed, s);
  rig_until(&s->rig, &s->is_closed);
  s->store = NULL;
}

/* [S2] Nobody else was told this number, and none was told a larger one before. */
static void take_number(struct append *append) {
  struct story *s = append->story;
  if (append->number <= s->told[append->conversation])
    fail_msg("%s: %s was given %lld after %lld", s->context, append->id, (long long)append->number,
             (long long)s->told[append->conversation]);
  s->told[append->conversation] = append->number;
}

static void on_appended(struct store_append *done, enum store_result result, const char *detail) {
  struct append *append = (struct append *)done;
  append->is_done = true;
  append->story->done_count++;
  append->result = result;
  append->number = done->message.sequence_number;
  if (result == STORE_OK)
    take_number(append);
  else if (result != STORE_KNOWN)
    assert_true(detail[0] != '\0');
}

static struct append *begin_append(struct story *s, size_t conversation, const char *id, size_t len,
                                   bool is_old) {
  struct append *append = &s->appends[s->count];
  assert_true(s->count < APPENDS_MAX && len <= LARGE_LEN);
  *append = (struct append){.story = s, .conversation = conversation, .is_old = is_old};
  append->line = conversation == 0 ? s->line : NULL;
  (void)snprintf(append->id, sizeof append->id, "%s", id);
  for (size_t i = 0; i < len; i++)
    append->text[i] = (char)('a' + (s->count * 7 + i) % 26);
  append->append = (struct store_append){.message = {.id = append->id,
                                                     .conversation_id = conversations[conversation],
                                                     .sender_id = "ann",
                                                     .plaintext = append->text,
                                                     .created_at_ms = is_old ? OLD_MS : NEW_MS},
                                         .line = append->line,
                                         .done = on_appended};
  s->count++;
  store_append(s->store, &append->append);
  return append;
}

/* Under an id that nobody else has in the conversation. */
static struct append *begin_fresh(struct story *s, size_t conversation, size_t len, bool is_old) {
  char id[16];
  (void)snprintf(id, sizeof id, "m%zu", s->count);
  return begin_append(s, conversation, id, len, is_old);
}

static void until_done(struct story *s) {
  while (s->done_count < s->count)
    rig_turn(&s->rig);
}

/* ---- reading back ---- */

/* All of a conversation, page by page. */
struct reading {
  struct store_read read; /* first */
  struct story *story;
  size_t conversation;
  bool found[APPENDS_MAX];
  int64_t at, last, gone;
  bool is_done, has_more, is_failed;
};

/* [S1] [S3] The message of whoever was the first to be told, or whom the cut left untold. */
static void check_message(struct reading *reading, const struct store_message *message) {
  struct story *s = reading->story;
  for (size_t i = 0; i < s->count; i++) {
    const struct append *append = &s->appends[i];
    if (append->conversation != reading->conversation || strcmp(append->id, message->id) != 0 ||
        strcmp(append->text, message->plaintext) != 0)
      continue;
    assert_string_equal(message->sender_id, "ann");
    assert_int_equal(message->created_at_ms, append->is_old ? OLD_MS : NEW_MS);
    assert_true(append->result != STORE_OK || append->number == message->sequence_number);
    reading->found[i] = true;
    return;
  }
  fail_msg("%s: nobody ever sent %s", s->context, message->id);
}

static void on_page(struct store_read *done, enum store_result result,
                    const struct store_page *page, const char *detail) {
  struct reading *reading = (struct reading *)done;
  reading->is_done = true;
  reading->is_failed = result != STORE_OK;
  reading->has_more = page->has_more;
  reading->last = page->last;
  reading->gone = page->gone;
  assert_true(result == STORE_OK || detail[0] != '\0');
  for (size_t i = 0; i < page->count; i++) {
    const struct store_message *message = &page->messages[i];
    assert_true(message->sequence_number > reading->at);
    reading->at = message->sequence_number;
    check_message(reading, message);
  }
}

static void read_all(struct story *s, size_t conversation, struct reading *reading) {
  *reading = (struct reading){.story = s, .conversation = conversation, .has_more = true};
  while (reading->has_more) {
    reading->is_done = false;
    reading->read = (struct store_read){.conversation_id = conversations[conversation],
                                        .after = reading->at,
                                        .limit = 5,
                                        .max_bytes = 20000,
                                        .done = on_page};
    store_read(s->store, &reading->read);
    rig_until(&s->rig, &reading->is_done);
  }
}

/* ---- the script ---- */

static void play_first_half(struct story *s) {
  struct reading reading;
  for (size_t i = 0; i < 6; i++) /* several conversations in one commit */
    begin_fresh(s, i % CONVERSATIONS_COUNT, 40 + i, true);
  until_done(s);
  begin_append(s, 0, "m0", 50, true); /* known */
  begin_append(s, 1, "m0", 51, true); /* known in another conversation only */
  until_done(s);
  begin_fresh(s, 0, LARGE_LEN, true);
  begin_append(s, 2, "twice", 10, true);
  begin_append(s, 2, "twice", 11, true);
  until_done(s);
  read_all(s, 0, &reading);
  begin_fresh(s, 1, 60, true);
  until_done(s);
  begin_fresh(s, 2, LARGE_LEN, false);
  until_done(s);
}

/* What is old goes at once. */
static void play_second_half(struct story *s) {
  struct reading reading;
  for (size_t i = 0; i < CONVERSATIONS_COUNT; i++)
    begin_fresh(s, i, 30, false);
  until_done(s);
  read_all(s, 1, &reading);
  begin_append(s, 2, "twice", 12, false); /* the first ones are gone, if all went well */
  begin_fresh(s, 0, LARGE_LEN, false);
  until_done(s);
}

/* The size is bounded: more goes. */
static void play_third_part(struct story *s) {
  begin_fresh(s, 1, LARGE_LEN, false);
  begin_fresh(s, 2, 20, false);
  until_done(s);
}

/* What comes later is not the script's. */
static void end_line(struct story *s) {
  store_line_release(s->line);
  s->line = NULL;
}

static void play(struct story *s) {
  if (open_store(s, 0, 0))
    play_first_half(s);
  close_store(s);
  if (!disk_is_off() && open_store(s, 60000, 0))
    play_second_half(s);
  close_store(s);
  if (!disk_is_off() && open_store(s, 0, 30000))
    play_third_part(s);
  end_line(s);
}

/* ---- the judgement ---- */

/* [S5] Told in order: once one failed, all behind it are refused, and nothing else is for that. */
static void check_line(const struct story *s) {
  bool is_broken = false;
  for (size_t i = 0; i < s->count; i++) {
    const struct append *append = &s->appends[i];
    const bool is_behind = append->line && is_broken;
    if (is_behind ? append->result != STORE_BEHIND && append->result != STORE_FAILED
                  : append->result == STORE_BEHIND)
      fail_msg("%s: %s, %sbehind a failed one, ended as %d", s->context, append->id,
               is_behind ? "" : "not ", (int)append->result);
    is_broken = is_broken || (append->line && append->result == STORE_FAILED);
  }
}

static void check_append(const struct append *append, const struct reading *reading, bool is_found,
                         bool was_cut) {
  const struct story *s = append->story;
  const bool may_be_gone = s->is_swept && append->number <= reading->gone;
  if (append->result == STORE_OK && !is_found && !may_be_gone)
    fail_msg("%s: %s of %s was stored and is lost", s->context, append->id,
             conversations[append->conversation]); /* [S1] */
  if (append->result == STORE_OK && is_found)
    assert_true(append->number > reading->gone);
  if (append->result != STORE_OK && is_found && (append->result != STORE_FAILED || !was_cut))
    fail_msg("%s: %s was refused and is there", s->context, append->id);
}

/* [S2] also what was told to nobody is not given to two. */
static void check_next(struct story *s, size_t conversation, int64_t last) {
  struct append *next = begin_fresh(s, conversation, 10, false);
  until_done(s);
  if (next->result != STORE_OK)
    fail_msg("%s: the disk works and the store does not", s->context);
  assert_true(next->number > last);
  struct append *again = begin_append(s, conversation, next->id, 11, false);
  until_done(s);
  assert_int_equal(again->result, STORE_KNOWN);
  assert_int_equal(again->number, next->number);
}

static void check_conversation(struct story *s, size_t conversation, bool was_cut) {
  struct reading reading;
  read_all(s, conversation, &reading);
  assert_false(reading.is_failed);
  assert_true(reading.last >= s->told[conversation]);
  assert_true(reading.at <= reading.last);
  for (size_t i = 0; i < s->count; i++)
    if (s->appends[i].conversation == conversation)
      check_append(&s->appends[i], &reading, reading.found[i], was_cut);
  check_next(s, conversation, reading.last);
}

static void check_file(const struct story *s) {
  sqlite3 *file;
  sqlite3_stmt *row;
  assert_int_equal(sqlite3_open_v2(path, &file, SQLITE_OPEN_READWRITE, DISK_NAME), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(file, "PRAGMA integrity_check", -1, &row, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(row), SQLITE_ROW);
  if (strcmp((const char *)sqlite3_column_text(row, 0), "ok") != 0)
    fail_msg("%s: %s", s->context, sqlite3_column_text(row, 0));
  (void)sqlite3_finalize(row);
  (void)sqlite3_close(file);
}

static void check(struct story *s, bool was_cut) {
  close_store(s);
  check_line(s);
  if (!open_store(s, 0, 0))
    fail_msg("%s: it does not open", s->context);
  for (size_t i = 0; i < CONVERSATIONS_COUNT; i++)
    check_conversation(s, i, was_cut);
  close_store(s);
  check_file(s);
}

/* ---- runs ---- */

static void remove_files(void) {
  static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
  char name[sizeof path + 16];
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    (void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
    (void)unlink(name);
  }
}

static struct story *begin(uint64_t seed) {
  static struct story s;
  memset(&s, 0, sizeof s);
  disk_reset(seed);
  remove_files();
  rig_init(&s.rig);
  rig_start_ticking(&s.rig);
  uv_ref((uv_handle_t *)&s.rig.tick); /* the loop goes on while only the store works */
  s.line = store_line_new();
  assert_non_null(s.line);
  return &s;
}

static void end(struct story *s) {
  close_store(s);
  uv_unref((uv_handle_t *)&s->rig.tick);
  rig_deinit(&s->rig);
}

/* ---- the cuts ---- */

/* All is stored, and what is old goes. */
static unsigned operations_of_a_whole_run(void) {
  struct story *s = begin(1);
  struct reading reading;
  play(s);
  const unsigned operations = disk_count(DISK_CHANGES);
  assert_true(operations > 50);
  for (size_t i = 0; i < s->count; i++)
    assert_true(s->appends[i].result == STORE_OK || s->appends[i].result == STORE_KNOWN);
  read_all(s, 0, &reading);
  assert_true(reading.gone > 0);
  check(s, false);
  end(s);
  return operations;
}

static void cut(unsigned at, enum disk_loss loss, uint64_t seed) {
  struct story *s = begin(seed * 1000 + at);
  (void)snprintf(s->context, sizeof s->context, "cut at %u, loss %d, seed %llu", at, loss,
                 (unsigned long long)seed);
  disk_cut_at(at);
  play(s);
  close_store(s);
  disk_power_on(loss);
  check(s, true);
  end(s);
}

static void test_power_cuts(void **state) {
  (void)state;
  const unsigned operations = operations_of_a_whole_run();
  for (unsigned at = 1; at <= operations; at++) {
    cut(at, DISK_KEEPS_ALL, 1);
    cut(at, DISK_LOSES_ALL, 1);
    for (uint64_t seed = first_seed; seed < first_seed + seeds_count; seed++)
      cut(at, DISK_TEARS, seed);
  }
  print_message("%u operations, each cut in %u ways\n", operations, (unsigned)seeds_count + 2);
}

/* ---- failures ---- */

/* The same store goes on once the disk does. */
static void go_on(struct story *s) {
  if (!s->store)
    return;
  for (size_t i = 0; i < CONVERSATIONS_COUNT; i++) {
    const struct append *append = begin_fresh(s, i, 10, false);
    until_done(s);
    if (append->result != STORE_OK)
      fail_msg("%s: the disk works again, and the store does not", s->context);
  }
}

struct failure {
  unsigned kinds;
  int code;
  bool for_good, is_short;
};

/* Half of them end with the power: what stands after a failure must be there for good, too. (What
   failed may come back with the power: its bytes were on their way.) */
static unsigned fail_at(const struct failure *failure, unsigned at, const char *name) {
  struct story *s = begin(at);
  const struct disk_fault fault = {.kinds = failure->kinds,
                                   .at = at,
                                   .for_good = failure->for_good,
                                   .code = failure->code,
                                   .is_short = failure->is_short};
  (void)snprintf(s->context, sizeof s->context, "failure %s at %u", name, at);
  disk_fail(&fault);
  play(s);
  const unsigned seen = disk_count(failure->kinds);
  disk_fail(&(struct disk_fault){0});
  go_on(s);
  close_store(s);
  if (at % 2)
    disk_power_on(DISK_LOSES_ALL);
  check(s, at % 2);
  end(s);
  return seen;
}

static void test_failures(void **state) {
  (void)state;
  static const struct failure cases[] = {
      {DISK_WRITE, SQLITE_IOERR_WRITE, false, false},
      {DISK_WRITE, SQLITE_IOERR_WRITE, true, false},
      {DISK_WRITE, SQLITE_FULL, false, true},
      {DISK_WRITE, SQLITE_FULL, true, true},
      {DISK_SYNC, SQLITE_IOERR_FSYNC, false, false},
      {DISK_SYNC, SQLITE_IOERR_FSYNC, true, false},
      {DISK_TRUNCATE, SQLITE_IOERR_TRUNCATE, false, false},
      {DISK_TRUNCATE, SQLITE_IOERR_TRUNCATE, true, false},
      {DISK_OPEN, SQLITE_CANTOPEN, false, false},
      {DISK_READ, SQLITE_IOERR_READ, false, false},
  };
  unsigned runs_count = 0;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char name[8];
    unsigned seen = UINT32_MAX;
    (void)snprintf(name, sizeof name, "%zu", i);
    for (unsigned at = 1; at <= seen; at++, runs_count++)
      seen = fail_at(&cases[i], at, name);
  }
  print_message("%u failures\n", runs_count);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_power_cuts),
      cmocka_unit_test(test_failures),
  };
  if (argc == 3) {
    first_seed = strtoull(argv[1], NULL, 10);
    seeds_count = strtoull(argv[2], NULL, 10);
  }
  folder_make(folder);
  (void)snprintf(path, sizeof path, "%s/store.db", folder);
  const int failed_count = cmocka_run_group_tests(tests, NULL, NULL);
  folder_remove(folder);
  return failed_count;
}
