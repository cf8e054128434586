/* The store on a real file: [S1] to [S5], what is refused, what is no longer kept. */
#include "damage.h"
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

static char folder[] = "/tmp/limpet_store_XXXXXX";
static char path[64];

struct world {
  struct rig rig;
  struct store *store;
  struct store_options options;
  bool is_closed;
  unsigned done_count, troubled_count;
  int64_t wall_ms; /* what the clock says */
};

struct append {
  struct store_append append; /* first */
  struct world *world;
  enum store_result result;
  int64_t number;
  unsigned done_at; /* the how manieth */
  char sender[32], plaintext[32], detail[STORE_DETAIL_CAP];
};

struct read {
  struct store_read read; /* first */
  struct world *world;
  enum store_result result;
  size_t count;
  bool has_more;
  int64_t first, last_read, last, gone;
  unsigned done_at;
};

static void on_troubled(void *user, const char *detail) {
  struct world *world = user;
  (void)detail;
  world->troubled_count++;
}

static bool open_store(struct world *world, char *detail) {
  world->is_closed = false;
  world->store = store_open(world->rig.loop, &world->options, detail);
  return world->store != NULL;
}

static void reopen(struct world *world) {
  char detail[STORE_DETAIL_CAP];
  if (!open_store(world, detail))
    fail_msg("%s", detail);
}

static void world_init(struct world *world) {
  memset(world, 0, sizeof *world);
  world->wall_ms = 1000;
  rig_init(&world->rig);
  rig_start_ticking(&world->rig);
  uv_ref((uv_handle_t *)&world->rig.tick); /* the loop goes on while only the store works */
  world->options = (struct store_options){
      .path = path, .max_conversations = 100, .troubled = on_troubled, .user = world};
  reopen(world);
}

static void on_closed(void *user) {
  struct world *world = user;
  world->is_closed = true;
}

static void close_store(struct world *world) {
  store_close(world->store, on_closed, world);
  rig_until(&world->rig, &world->is_closed);
}

static void remove_files(void) {
  static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    char name[80];
    (void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
    (void)unlink(name);
  }
}

static void world_deinit(struct world *world) {
  close_store(world);
  uv_unref((uv_handle_t *)&world->rig.tick);
  rig_deinit(&world->rig);
  remove_files();
}

static void on_appended(struct store_append *done, enum store_result result, const char *detail) {
  struct append *append = (struct append *)done;
  append->result = result;
  append->number = done->message.sequence_number;
  append->done_at = ++append->world->done_count;
  (void)snprintf(append->sender, sizeof append->sender, "%s", done->message.sender_id);
  (void)snprintf(append->plaintext, sizeof append->plaintext, "%s", done->message.plaintext);
  (void)snprintf(append->detail, sizeof append->detail, "%s", detail);
}

static void begin_in_line(struct world *world, struct append *append, struct store_line *line,
                          const char *conversation, const char *id, const char *plaintext) {
  *append = (struct append){.world = world, .result = (enum store_result) - 1};
  append->append.message = (struct store_message){.id = id,
                                                  .conversation_id = conversation,
                                                  .sender_id = "ann",
                                                  .plaintext = plaintext,
                                                  .created_at_ms = world->wall_ms};
  append->append.line = line;
  append->append.done = on_appended;
  store_append(world->store, &append->append);
}

static void begin_append(struct world *world, struct append *append, const char *conversation,
                         const char *id, const char *plaintext) {
  begin_in_line(world, append, NULL, conversation, id, plaintext);
}

static void until(struct world *world, const unsigned *done_at) {
  while (*done_at == 0)
    rig_turn(&world->rig);
}

/* Appends and waits; the number, or 0 if it was refused. */
static int64_t append_now(struct world *world, const char *conversation, const char *id) {
  struct append append;
  begin_append(world, &append, conversation, id, "text");
  until(world, &append.done_at);
  return append.result == STORE_OK ? append.number : 0;
}

static void on_read(struct store_read *done, enum store_result result,
                    const struct store_page *page, const char *detail) {
  struct read *read = (struct read *)done;
  (void)detail;
  read->result = result;
  read->count = page->count;
  read->has_more = page->has_more;
  read->last = page->last;
  read->gone = page->gone;
  read->done_at = ++read->world->done_count;
  for (size_t i = 1; i < page->count; i++)
    assert_int_equal(page->messages[i].sequence_number, page->messages[i - 1].sequence_number + 1);
  if (page->count > 0) {
    read->first = page->messages[0].sequence_number;
    read->last_read = page->messages[page->count - 1].sequence_number;
    assert_string_equal(page->messages[0].conversation_id, done->conversation_id);
    assert_string_equal(page->messages[0].sender_id, "ann");
  }
}

static void begin_read(struct world *world, struct read *read, const char *conversation,
                       int64_t after, unsigned limit) {
  *read = (struct read){.world = world};
  read->read = (struct store_read){.conversation_id = conversation,
                                   .after = after,
                                   .limit = limit,
                                   .max_bytes = 1 << 20,
                                   .done = on_read};
  store_read(world->store, &read->read);
}

static struct read read_now(struct world *world, const char *conversation, int64_t after,
                            unsigned limit) {
  struct read read;
  begin_read(world, &read, conversation, after, limit);
  until(world, &read.done_at);
  assert_int_equal(read.result, STORE_OK);
  return read;
}

/* ---- the promises ---- */

static void test_numbers(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  assert_int_equal(append_now(&world, "tea", "a"), 1);
  assert_int_equal(append_now(&world, "tea", "b"), 2);
  assert_int_equal(append_now(&world, "coffee", "a"), 1);
  assert_int_equal(append_now(&world, "tea", "a"), 0);
  assert_int_equal(append_now(&world, "tea", "c"), 3);
  close_store(&world);
  reopen(&world);
  assert_int_equal(append_now(&world, "tea", "a"), 0); /* [S3] also later */
  assert_int_equal(append_now(&world, "tea", "d"), 4);
  world_deinit(&world);
}

static void test_known_id_gives_the_first_message(void **state) {
  (void)state;
  struct world world;
  struct append first, second;
  world_init(&world);
  begin_append(&world, &first, "tea", "a", "one");
  begin_append(&world, &second, "tea", "a", "two"); /* most likely in the same commit */
  until(&world, &second.done_at);
  assert_int_equal(second.result, STORE_KNOWN);
  assert_int_equal(second.number, first.number);
  assert_string_equal(second.plaintext, "one");
  assert_string_equal(second.sender, "ann");
  world_deinit(&world);
}

static void test_pages(void **state) {
  (void)state;
  static const struct {
    int64_t after;
    unsigned limit;
    size_t count;
    int64_t first;
    bool has_more;
  } cases[] = {{0, 10, 10, 1, false}, {0, 1000, 10, 1, false}, {0, 9, 9, 1, true},
               {0, 1, 1, 1, true},    {9, 1, 1, 10, false},    {9, 5, 1, 10, false},
               {10, 5, 0, 0, false},  {99, 5, 0, 0, false},    {4, 3, 3, 5, true},
               {0, 0, 0, 0, false}};
  struct world world;
  char ids[10][8];
  world_init(&world);
  for (int i = 0; i < 10; i++) {
    (void)snprintf(ids[i], sizeof ids[i], "m%d", i);
    assert_int_equal(append_now(&world, "tea", ids[i]), i + 1);
  }
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct read read = read_now(&world, "tea", cases[i].after, cases[i].limit);
    assert_int_equal(read.count, cases[i].count);
    assert_int_equal(read.first, cases[i].first);
    assert_int_equal(read.has_more, cases[i].has_more);
    assert_int_equal(read.last, 10);
    assert_int_equal(read.gone, 0);
  }
  const struct read nothing = read_now(&world, "never", 5, 5);
  assert_int_equal(nothing.last, 0);
  world_deinit(&world);
}

static void test_pages_are_bounded_by_bytes(void **state) {
  (void)state;
  struct world world;
  struct read read;
  world_init(&world);
  for (int i = 0; i < 5; i++) {
    char id[8];
    (void)snprintf(id, sizeof id, "m%d", i);
    (void)append_now(&world, "tea", id);
  }
  begin_read(&world, &read, "tea", 0, 5);
  until(&world, &read.done_at);
  const size_t all = read.count;
  read = (struct read){.world = &world};
  read.read =
      (struct store_read){.conversation_id = "tea", .limit = 5, .max_bytes = 1, .done = on_read};
  store_read(world.store, &read.read);
  until(&world, &read.done_at);
  assert_int_equal(all, 5);
  assert_int_equal(read.count, 1);
  assert_true(read.has_more);
  world_deinit(&world);
}

/* [S4]: results come in the order of the requests, and a read shows just what was asked before. */
static void test_order(void **state) {
  (void)state;
  enum { ROUNDS = 200 };
  struct world world;
  static struct append appends[ROUNDS];
  static struct read reads[ROUNDS];
  static char ids[ROUNDS][8];
  world_init(&world);
  for (int i = 0; i < ROUNDS; i++) {
    (void)snprintf(ids[i], sizeof ids[i], "m%d", i);
    begin_append(&world, &appends[i], "tea", ids[i], "x");
    begin_read(&world, &reads[i], "tea", 0, STORE_PAGE_MAX);
  }
  until(&world, &reads[ROUNDS - 1].done_at);
  for (int i = 0; i < ROUNDS; i++) {
    assert_int_equal(appends[i].done_at, 2 * i + 1);
    assert_int_equal(reads[i].done_at, 2 * i + 2);
    assert_int_equal(reads[i].last_read, i + 1);
    assert_int_equal(reads[i].count, i + 1);
  }
  world_deinit(&world);
}

/* What was asked for before the end is done before it. */
static void test_close_carries_out(void **state) {
  (void)state;
  struct world world;
  struct append append;
  world_init(&world);
  begin_append(&world, &append, "tea", "a", "x");
  close_store(&world);
  assert_int_equal(append.result, STORE_OK);
  reopen(&world);
  assert_int_equal(read_now(&world, "tea", 0, 1).count, 1);
  world_deinit(&world);
}

/* ---- limits and failures ---- */

static void test_conversations_are_bounded(void **state) {
  (void)state;
  struct world world;
  struct append append;
  world_init(&world);
  close_store(&world);
  world.options.max_conversations = 2;
  reopen(&world);
  assert_int_equal(append_now(&world, "one", "a"), 1);
  assert_int_equal(append_now(&world, "two", "a"), 1);
  begin_append(&world, &append, "three", "a", "x");
  until(&world, &append.done_at);
  assert_int_equal(append.result, STORE_TOO_MANY);
  assert_int_equal(append_now(&world, "one", "b"), 2);
  world_deinit(&world);
}

/* Somebody else holds the file: refused, nothing shown, no number spent; then it goes on. */
static void test_failed_append(void **state) {
  (void)state;
  struct world world;
  struct append append;
  sqlite3 *other;
  world_init(&world);
  assert_int_equal(append_now(&world, "tea", "a"), 1);
  assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
  assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
  begin_append(&world, &append, "tea", "b", "x");
  until(&world, &append.done_at);
  assert_int_equal(append.result, STORE_FAILED);
  assert_non_null(strstr(append.detail, "in use"));
  assert_int_equal(read_now(&world, "tea", 0, 10).count, 1);
  assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_close(other), SQLITE_OK);
  assert_int_equal(append_now(&world, "tea", "b"), 2);
  world_deinit(&world);
}

static enum store_result append_in_line(struct world *world, struct store_line *line,
                                        const char *conversation, const char *id) {
  struct append append;
  begin_in_line(world, &append, line, conversation, id, "text");
  until(world, &append.done_at);
  assert_true(append.result == STORE_OK || append.detail[0] != '\0');
  return append.result;
}

/* [S5] Those on their way when it failed, and those that come later; nobody else's. */
static void test_line_behind_a_failure(void **state) {
  (void)state;
  static const enum store_result expected[] = {STORE_FAILED, STORE_BEHIND, STORE_BEHIND};
  static const char *const ids[] = {"b", "c", "d"};
  struct world world;
  struct append appends[3];
  struct store_line *line = store_line_new(), *other_line = store_line_new();
  sqlite3 *other;
  world_init(&world);
  assert_int_equal(append_in_line(&world, line, "tea", "a"), STORE_OK);
  assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
  assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
  begin_in_line(&world, &appends[0], line, "tea", ids[0], "x");
  until(&world, &appends[0].done_at);
  assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_close(other), SQLITE_OK);
  for (int i = 1; i < 3; i++)
    begin_in_line(&world, &appends[i], line, "tea", ids[i], "x");
  until(&world, &appends[2].done_at);
  for (int i = 0; i < 3; i++)
    assert_int_equal(appends[i].result, expected[i]);
  assert_int_equal(append_in_line(&world, line, "coffee", "a"), STORE_BEHIND);
  store_line_release(line);
  assert_int_equal(append_in_line(&world, other_line, "tea", "b"), STORE_OK);
  assert_int_equal(append_now(&world, "tea", "c"), 3);
  store_line_release(other_line);
  world_deinit(&world);
}

/* A conversation beyond the limit is no failure; a line outlives its owner. */
static void test_line_goes_on(void **state) {
  (void)state;
  struct world world;
  struct append append;
  struct store_line *line = store_line_new();
  world_init(&world);
  close_store(&world);
  world.options.max_conversations = 1;
  reopen(&world);
  assert_int_equal(append_in_line(&world, line, "one", "a"), STORE_OK);
  begin_in_line(&world, &append, line, "one", "a", "x");
  until(&world, &append.done_at);
  assert_int_equal(append.result, STORE_KNOWN);
  begin_in_line(&world, &append, line, "two", "a", "x");
  until(&world, &append.done_at);
  assert_int_equal(append.result, STORE_TOO_MANY);
  begin_in_line(&world, &append, line, "one", "b", "x");
  store_line_release(line);
  until(&world, &append.done_at);
  assert_int_equal(append.result, STORE_OK);
  assert_int_equal(append.number, 2);
  world_deinit(&world);
}

/* Page by page, the same messages would be read for ever. */
static void test_messages_out_of_order(void **state) {
  (void)state;
  static const char *const ids[] = {"a", "b", "c"};
  struct world world;
  struct read read;
  world_init(&world);
  for (int i = 0; i < 3; i++)
    assert_int_equal(append_now(&world, "tea", ids[i]), i + 1);
  close_store(&world);
  damage_order(path, "messages_by_number");
  reopen(&world);
  begin_read(&world, &read, "tea", 0, 10);
  until(&world, &read.done_at);
  assert_int_equal(read.result, STORE_FAILED);
  assert_int_equal(read.count, 0);
  world_deinit(&world);
}

static void test_unusable_files(void **state) {
  (void)state;
  struct world world;
  char detail[STORE_DETAIL_CAP], other[80];
  world_init(&world);
  struct store *first = world.store;
  assert_false(open_store(&world, detail)); /* it has an owner */
  assert_non_null(strstr(detail, "in use"));
  (void)snprintf(other, sizeof other, "%s.other", path);
  FILE *file = fopen(other, "w");
  for (int i = 0; i < 1000; i++)
    (void)fputs("this is no database ", file);
  (void)fclose(file);
  world.options.path = other;
  assert_false(open_store(&world, detail));
  assert_non_null(strstr(detail, "something else"));
  world.options.path = "/nonexistent/folder/file";
  assert_false(open_store(&world, detail));
  assert_non_null(strstr(detail, "cannot be opened"));
  (void)unlink(other);
  (void)strcat(other, "-lock");
  (void)unlink(other);
  world.store = first;
  world_deinit(&world);
}

static void test_in_memory(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  close_store(&world);
  world.options.path = NULL;
  reopen(&world);
  assert_int_equal(append_now(&world, "tea", "a"), 1);
  close_store(&world);
  reopen(&world);
  assert_int_equal(append_now(&world, "tea", "a"), 1);
  world_deinit(&world);
}

/* ---- what is no longer kept ---- */

/* Opening looks for old messages at once. */
static void test_old_messages_go(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  assert_int_equal(append_now(&world, "tea", "a"), 1); /* made in 1970 */
  assert_int_equal(append_now(&world, "tea", "b"), 2);
  assert_int_equal(append_now(&world, "coffee", "a"), 1);
  close_store(&world);
  world.options.keep_age_ms = 1000;
  reopen(&world);
  struct read read;
  do
    read = read_now(&world, "tea", 0, 10);
  while (read.count > 0);
  assert_int_equal(read.last, 2);
  assert_int_equal(read.gone, 2);
  assert_int_equal(read_now(&world, "coffee", 0, 1).gone, 1);
  assert_int_equal(append_now(&world, "tea", "c"), 3); /* [S2] */
  assert_int_equal(append_now(&world, "tea", "a"), 4); /* forgotten with its message */
  assert_int_equal(world.troubled_count, 0);
  world_deinit(&world);
}

/* One made while the clock was ahead, by as much as it may be, is as old as those behind it. */
static void test_messages_of_the_future_keep_none(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  world.wall_ms = INT64_MAX;
  assert_int_equal(append_now(&world, "tea", "a"), 1);
  world.wall_ms = 1000;
  assert_int_equal(append_now(&world, "tea", "b"), 2);
  world.wall_ms = INT64_MAX;
  assert_int_equal(append_now(&world, "tea", "c"), 3);
  close_store(&world);
  world.options.keep_age_ms = 1000;
  reopen(&world);
  struct read read;
  for (int turns = 0; turns < 1000; turns++) {
    read = read_now(&world, "tea", 0, 10);
    if (read.gone)
      break;
  }
  assert_int_equal(read.gone, 2);
  assert_int_equal(read_now(&world, "tea", 0, 10).first, 3);
  world_deinit(&world);
}

/* The size is bounded; the newest stay. */
static void test_size_is_bounded(void **state) {
  (void)state;
  enum { COUNT = 600, TEXT_LEN = 2000 };
  struct world world;
  static struct append appends[COUNT];
  static char ids[COUNT][8], text[TEXT_LEN];
  world_init(&world);
  memset(text, 'x', sizeof text - 1);
  for (int i = 0; i < COUNT; i++) {
    (void)snprintf(ids[i], sizeof ids[i], "m%d", i);
    begin_append(&world, &appends[i], "tea", ids[i], text);
  }
  until(&world, &appends[COUNT - 1].done_at);
  close_store(&world);
  world.options.keep_bytes = 400000; /* of 1.4 million */
  reopen(&world);
  struct read read;
  do
    read = read_now(&world, "tea", 0, STORE_PAGE_MAX);
  while (read.count > 200);
  assert_in_range(read.count, 50, 200);
  assert_int_equal(read.last_read, COUNT);
  assert_int_equal(read.gone, read.first - 1);
  world_deinit(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_known_id_gives_the_first_message),
      cmocka_unit_test(test_pages),
      cmocka_unit_test(test_pages_are_bounded_by_bytes),
      cmocka_unit_test(test_order),
      cmocka_unit_test(test_close_carries_out),
      cmocka_unit_test(test_conversations_are_bounded),
      cmocka_unit_test(test_failed_append),
      cmocka_unit_test(test_line_behind_a_failure),
      cmocka_unit_test(test_line_goes_on),
      cmocka_unit_test(test_messages_out_of_order),
      cmocka_unit_test(test_unusable_files),
      cmocka_unit_test(test_in_memory),
      cmocka_unit_test(test_old_messages_go),
      cmocka_unit_test(test_messages_of_the_future_keep_none),
      cmocka_unit_test(test_size_is_bounded),
  };
  if (!mkdtemp(folder))
    return 1;
  (void)snprintf(path, sizeof path, "%s/store.db", folder);
  const int failed_count = cmocka_run_group_tests(tests, NULL, NULL);
  (void)rmdir(folder);
  return failed_count;
}
