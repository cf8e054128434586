/*
 * An outbox that somebody has damaged: bytes of the file or of its log changed, cut short, made up
 * altogether, or rows with senseless values. It is counted, listed, opened, delivered, added to and
 * purged: each time with a clear error or with what is there, and an untouched one with all of it.
 */
#include "fuzz.h"

#include "outbox.h"

#include <errno.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum kind { KIND_FILE, KIND_LOG, KIND_MADE_UP, KIND_ROWS, KINDS_COUNT };

#define PATIENCE_S 50
#define MESSAGES_COUNT 6
#define EDITS_MAX 40

struct image {
  uint8_t *data;
  size_t len;
};

static char folder[32];
static char path[48], log_path[64], lock_path[64], shared_path[64];
static struct image whole;          /* an outbox that was closed */
static struct image file, file_log; /* one whose owner died */

/* ---- files ---- */

static struct image read_image(const char *from) {
  struct image image = {fuzz_alloc(1 << 20), 0};
  FILE *in = fopen(from, "rbe");
  FUZZ_CHECK(in != NULL);
  image.len = fread(image.data, 1, 1 << 20, in);
  (void)fclose(in);
  return image;
}

static void write_image(const char *to, const uint8_t *data, size_t len) {
  FILE *out = fopen(to, "wbe");
  FUZZ_CHECK(out != NULL && fwrite(data, 1, len, out) == len && fclose(out) == 0);
}

static void remove_files(void) {
  (void)unlink(path);
  (void)unlink(log_path);
  (void)unlink(shared_path);
}

static void remove_folder(void) {
  remove_files();
  (void)unlink(lock_path);
  (void)rmdir(folder);
}

/* Memory where there is some to be had as files: nobody needs this disk's syncs. */
static void make_folder(void) {
  const bool has_memory = access("/dev/shm", W_OK) == 0;
  (void)snprintf(folder, sizeof folder, "%s/fuzz-XXXXXX", has_memory ? "/dev/shm" : "/tmp");
  FUZZ_CHECK(mkdtemp(folder) != NULL);
  (void)snprintf(path, sizeof path, "%s/outbox", folder);
  (void)snprintf(log_path, sizeof log_path, "%s-wal", path);
  (void)snprintf(shared_path, sizeof shared_path, "%s-shm", path);
  (void)snprintf(lock_path, sizeof lock_path, "%s-lock", path);
  (void)atexit(remove_folder);
}

/* ---- an outbox ---- */

static sem_t woken;

static void on_wake(void *user) {
  (void)user;
  (void)sem_post(&woken);
}

static void await(void) {
  struct timespec until;
  (void)clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += PATIENCE_S;
  while (sem_timedwait(&woken, &until) != 0)
    FUZZ_CHECK(errno == EINTR);
}

static void check_detail(enum outbox_result result, const char *detail) {
  FUZZ_CHECK(strcmp(outbox_result_name(result), "ok") != 0);
  FUZZ_CHECK(memchr(detail, '\0', OUTBOX_DETAIL_CAP) != NULL && strstr(detail, path) != NULL);
}

static struct outbox *open_outbox(void) {
  const struct outbox_config config = {
      .path = path, .limit_count = 1000, .limit_bytes = 1 << 20, .wake = on_wake};
  struct outbox *outbox;
  char detail[OUTBOX_DETAIL_CAP] = "";
  const enum outbox_result result = outbox_open(&config, &outbox, detail);
  FUZZ_CHECK((result == OUTBOX_OK) == (outbox != NULL));
  if (result != OUTBOX_OK)
    check_detail(result, detail);
  return outbox;
}

/* What has come up to an event of that kind, the number of messages among it. */
struct taken {
  unsigned messages_count, expected_count;
  enum outbox_event_kind kind;
};

static void check_expected(struct taken *t, const struct outbox_event *event) {
  char text[16], id[16];
  (void)snprintf(text, sizeof text, "text %u", t->messages_count);
  (void)snprintf(id, sizeof id, "id-%u", t->messages_count);
  t->expected_count += event->len == strlen(text) && memcmp(event->data, text, event->len) == 0 &&
                       strcmp(event->id, id) == 0 && event->opcode == 1;
}

static void take(struct taken *t, const struct outbox_event *event) {
  t->kind = event->kind;
  FUZZ_CHECK(memchr(event->id, '\0', sizeof event->id) != NULL);
  if (event->kind == OUTBOX_REFUSED || event->kind == OUTBOX_TROUBLE)
    check_detail(event->result, event->detail);
  if (event->kind != OUTBOX_MESSAGE)
    return;
  free(fuzz_copy(event->data, event->len)); /* all of it is there */
  check_expected(t, event);
  t->messages_count++;
  free(event->memory);
}

static void take_until(struct outbox *outbox, struct taken *t, enum outbox_event_kind kind,
                       enum outbox_event_kind other) {
  static struct outbox_event event;
  do {
    if (outbox_next(outbox, &event))
      take(t, &event);
    else
      await();
  } while (t->kind != kind && t->kind != other);
}

static void close_outbox(struct outbox *outbox, struct taken *t) {
  outbox_close(outbox);
  take_until(outbox, t, OUTBOX_IS_CLOSED, OUTBOX_IS_CLOSED);
  outbox_free(outbox);
}

/* False: the sums, which may lie, leave no room. */
static bool put(struct outbox *outbox, unsigned index) {
  char text[16], id[16];
  uint64_t number;
  const struct outbox_put message = {.opcode = 1,
                                     .data = text,
                                     .len = (size_t)snprintf(text, sizeof text, "text %u", index),
                                     .id = id,
                                     .expires_at_wall_ms =
                                         index == 2 ? INT64_C(4102444800000) : INT64_MAX,
                                     .replace_key = index == 3 ? "key" : NULL};
  (void)snprintf(id, sizeof id, "id-%u", index);
  const enum outbox_result result = outbox_put(outbox, &message, &number);
  FUZZ_CHECK(result == OUTBOX_OK || result == OUTBOX_OVERFLOW);
  return result == OUTBOX_OK;
}

/* Both images: with its log, as one whose owner died leaves it, and closed. */
static void make_images(void) {
  struct taken t = {0};
  struct outbox *outbox = open_outbox();
  FUZZ_CHECK(outbox != NULL);
  for (unsigned i = 0; i < MESSAGES_COUNT; i++) {
    FUZZ_CHECK(put(outbox, i));
    t.kind = OUTBOX_MESSAGE;
    take_until(outbox, &t, OUTBOX_STORED, OUTBOX_STORED);
  }
  file = read_image(path);
  file_log = read_image(log_path);
  close_outbox(outbox, &t);
  whole = read_image(path);
}

/* ---- damage ---- */

/* Bytes at places; the last ones may be gone. */
static bool damage(struct image image, struct fuzz_input *in, const char *to) {
  uint8_t *copy = fuzz_copy(image.data, image.len);
  const uint16_t cut = fuzz_pair(in);
  const bool is_cut = cut > 0 && cut < image.len;
  bool is_changed = is_cut;
  for (unsigned i = 0; i < EDITS_MAX && in->len > 2; i++) {
    const size_t at = fuzz_pair(in) % image.len;
    const uint8_t byte = fuzz_byte(in);
    is_changed = is_changed || byte != 0;
    copy[at] ^= byte;
  }
  write_image(to, copy, is_cut ? image.len - cut : image.len);
  free(copy);
  return is_changed;
}

static void bind(sqlite3_stmt *statement, struct fuzz_input value) {
  const uint8_t kind = fuzz_byte(&value);
  int64_t number = 0;
  for (size_t i = 0; i < value.len && i < 8; i++)
    number = (int64_t)((uint64_t)number << 8 | value.data[i]);
  if (kind % 4 == 0)
    (void)sqlite3_bind_null(statement, 1);
  else if (kind % 4 == 1)
    (void)sqlite3_bind_int64(statement, 1, number);
  else if (kind % 4 == 2)
    (void)sqlite3_bind_text(statement, 1, (const char *)value.data, (int)value.len,
                            SQLITE_TRANSIENT);
  else
    (void)sqlite3_bind_zeroblob(statement, 1, (int)(number & 0xFFFFF));
}

/* What a stranger with SQLite may write; what the tables do not let him is no matter. */
static void edit_row(sqlite3 *db, uint8_t which, struct fuzz_input value) {
  static const char *const columns[] = {
      "position",    "number",  "id",    "opcode", "attempts",    "stored_at_ms", "expires_at_ms",
      "replace_key", "payload", "count", "bytes",  "last_number", "touched"};
  const unsigned column = which % 13;
  sqlite3_stmt *statement = NULL;
  char sql[160];
  if (column < 9)
    (void)snprintf(sql, sizeof sql,
                   "UPDATE OR REPLACE message SET %s = ?1 WHERE rowid IN"
                   " (SELECT rowid FROM message LIMIT 1 OFFSET %u)",
                   columns[column], which / 13 % MESSAGES_COUNT);
  else
    (void)snprintf(sql, sizeof sql, "UPDATE state SET %s = ?1", columns[column]);
  if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK) {
    bind(statement, value);
    (void)sqlite3_step(statement);
  }
  (void)sqlite3_finalize(statement);
}

static bool edit_rows(struct fuzz_input *in) {
  sqlite3 *db;
  bool is_changed = false;
  write_image(path, whole.data, whole.len);
  FUZZ_CHECK(sqlite3_open(path, &db) == SQLITE_OK);
  for (unsigned i = 0; i < EDITS_MAX && in->len > 1; i++) {
    const uint8_t which = fuzz_byte(in);
    edit_row(db, which, fuzz_take(in, fuzz_byte(in) % 16 + 1u));
    is_changed = true;
  }
  (void)sqlite3_close(db);
  return is_changed;
}

static bool prepare(enum kind kind, struct fuzz_input *in) {
  switch (kind) {
  case KIND_FILE:
    return damage(whole, in, path);
  case KIND_LOG:
    write_image(path, file.data, file.len);
    return damage(file_log, in, log_path);
  case KIND_ROWS:
    return edit_rows(in);
  default:
    write_image(path, in->data, in->len);
    return true;
  }
}

/* ---- what is done with it ---- */

struct seen {
  uint64_t count, stop_at;
};

static bool see(const struct outbox_item *item, void *user) {
  struct seen *seen = user;
  FUZZ_CHECK(strlen(item->id) <= OUTBOX_ID_MAX);
  return ++seen->count < seen->stop_at;
}

static void look(bool is_changed) {
  char detail[OUTBOX_DETAIL_CAP] = "";
  uint64_t count, bytes;
  struct seen seen = {.stop_at = 10000};
  enum outbox_result result = outbox_read_count(path, &count, &bytes, detail);
  FUZZ_CHECK(is_changed || (result == OUTBOX_OK && count == MESSAGES_COUNT && bytes == 36));
  if (result != OUTBOX_OK)
    check_detail(result, detail);
  result = outbox_list(path, see, &seen, detail);
  FUZZ_CHECK(is_changed || (result == OUTBOX_OK && seen.count == MESSAGES_COUNT));
  FUZZ_CHECK(seen.count < seen.stop_at); /* no loop in what cannot have so many */
  if (result != OUTBOX_OK)
    check_detail(result, detail);
}

static void deliver(bool is_changed) {
  struct taken t = {.kind = OUTBOX_MESSAGE};
  struct outbox *outbox = open_outbox();
  FUZZ_CHECK(is_changed || outbox != NULL);
  if (outbox == NULL)
    return;
  outbox_want(outbox, 100, 1 << 20);
  if (put(outbox, MESSAGES_COUNT))
    take_until(outbox, &t, OUTBOX_STORED, OUTBOX_REFUSED);
  if (!is_changed) {
    while (t.messages_count < MESSAGES_COUNT + 1)
      take_until(outbox, &t, OUTBOX_MESSAGE, OUTBOX_MESSAGE);
    FUZZ_CHECK(t.expected_count == MESSAGES_COUNT + 1);
  }
  outbox_remove(outbox, outbox_oldest(outbox));
  outbox_rewind(outbox, UINT64_MAX);
  outbox_want(outbox, 2, 1 << 20);
  close_outbox(outbox, &t);
}

static void purge(bool is_changed) {
  char detail[OUTBOX_DETAIL_CAP] = "";
  uint64_t count, bytes;
  const enum outbox_result result = outbox_purge(path, &count, detail);
  FUZZ_CHECK(is_changed || result == OUTBOX_OK);
  if (result != OUTBOX_OK) {
    check_detail(result, detail);
    return;
  }
  FUZZ_CHECK(outbox_read_count(path, &count, &bytes, detail) == OUTBOX_OK);
  FUZZ_CHECK(count == 0 && bytes == 0);
}

void fuzz_one(const uint8_t *data, size_t len) {
  struct fuzz_input in = {data, len};
  if (folder[0] == '\0') {
    make_folder();
    FUZZ_CHECK(sem_init(&woken, 0, 0) == 0);
    make_images();
  }
  remove_files();
  const uint8_t flags = fuzz_byte(&in);
  const bool is_changed = prepare((enum kind)(flags % KINDS_COUNT), &in);
  const unsigned what = flags / KINDS_COUNT % 4; /* one of them, or all: each takes milliseconds */
  if (what == 0 || what == 1)
    look(is_changed);
  if (what == 0 || what == 2)
    deliver(is_changed);
  if (what == 0 || what == 3)
    purge(is_changed);
}
