/* An outbox seen from outside. What is read is read in pages, each in a transaction of its own: one
   that stays open while its reader pauses would keep the owner's log from ever starting anew. */
#include "owner.h"
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_COUNT 256

static enum db_result keep_detail(const struct db *db, char *detail) {
  memcpy(detail, db_error_detail(db), OUTBOX_DETAIL_CAP);
  return db_error(db);
}

enum outbox_result outbox_read_count(const char *path, uint64_t *count, uint64_t *bytes,
                                     char detail[OUTBOX_DETAIL_CAP]) {
  struct db *db;
  struct rows rows;
  *count = *bytes = 0;
  enum db_result result = rows_open(path, NULL, true, &db, detail);
  if (result != DB_OK)
    return result_of(result);
  if (rows_init(&rows, db) == DB_OK) {
    *count = rows.sums.count;
    *bytes = rows.sums.bytes;
  } else {
    result = keep_detail(db, detail);
  }
  db_close(db);
  return result_of(result);
}

/* ---- listing ---- */

struct listed {
  struct outbox_item item;
  char id[OUTBOX_ID_MAX + 1];
};

struct listing {
  struct db *db;
  struct db_statement page;
  int64_t position; /* of the last one told */
  size_t count;
  struct listed listed[PAGE_COUNT];
};

static enum db_result take_item(struct listing *l, sqlite3_stmt *row) {
  struct listed *const into = &l->listed[l->count++];
  const char *id = (const char *)sqlite3_column_text(row, 2);
  const int64_t position = sqlite3_column_int64(row, 0);
  if (position <= l->position)
    return rows_refuse_order(l->db);
  (void)snprintf(into->id, sizeof into->id, "%s", id ? id : "");
  l->position = position;
  const bool expires = sqlite3_column_type(row, 6) != SQLITE_NULL;
  into->item = (struct outbox_item){.number = (uint64_t)sqlite3_column_int64(row, 1),
                                    .id = into->id,
                                    .len = (uint64_t)sqlite3_column_int64(row, 3),
                                    .attempts = (uint32_t)sqlite3_column_int64(row, 4),
                                    .stored_at_wall_ms = sqlite3_column_int64(row, 5),
                                    .expires_at_wall_ms =
                                        expires ? sqlite3_column_int64(row, 6) : INT64_MAX};
  return DB_OK;
}

static enum db_result read_items(struct listing *l) {
  sqlite3_stmt *ready = db_ready(l->db, &l->page);
  bool has_row;
  enum db_result result;
  l->count = 0;
  db_bind_int(ready, 1, l->position);
  db_bind_int(ready, 2, PAGE_COUNT);
  while ((result = db_step(l->db, ready, &has_row)) == DB_OK && has_row)
    if ((result = take_item(l, ready)) != DB_OK)
      break;
  return result;
}

static enum db_result
list_all(struct listing *l, bool (*each)(const struct outbox_item *item, void *user), void *user) {
  do {
    const enum db_result result = read_items(l);
    if (result != DB_OK)
      return result;
    for (size_t i = 0; i < l->count; i++)
      if (!each(&l->listed[i].item, user))
        return DB_OK;
  } while (l->count == PAGE_COUNT);
  return DB_OK;
}

enum outbox_result outbox_list(const char *path,
                               bool (*each)(const struct outbox_item *item, void *user), void *user,
                               char detail[OUTBOX_DETAIL_CAP]) {
  struct listing *l = calloc(1, sizeof *l);
  if (!l) {
    (void)snprintf(detail, OUTBOX_DETAIL_CAP, "%s", result_sentence(OUTBOX_NO_MEMORY));
    return OUTBOX_NO_MEMORY;
  }
  l->page.sql = "SELECT position, number, id, length(payload), attempts, stored_at_ms,"
                " expires_at_ms FROM message WHERE position > ?1 ORDER BY position LIMIT ?2";
  enum db_result result = rows_open(path, NULL, true, &l->db, detail);
  if (result == DB_OK && list_all(l, each, user) != DB_OK)
    result = keep_detail(l->db, detail);
  db_close(l->db);
  free(l);
  return result_of(result);
}

/* ---- purging ---- */

static enum db_result purge_rows(struct db *db, uint64_t *removed) {
  struct rows rows;
  if (rows_init(&rows, db) != DB_OK || db_begin(db, false) != DB_OK)
    return db_error(db);
  *removed = rows.sums.count;
  rows.sums.count = rows.sums.bytes = 0;
  if (db_execute(db, "DELETE FROM message") == DB_OK && rows_save(&rows) == DB_OK)
    return db_commit(db);
  db_rollback(db);
  return db_error(db);
}

/* The space is given back too; where that fails, the messages are gone all the same. */
static enum db_result purge_file(const char *path, uint64_t *removed, char *detail) {
  struct db *db;
  enum db_result result = rows_open(path, NULL, false, &db, detail);
  if (result != DB_OK)
    return result;
  result = purge_rows(db, removed);
  if (result == DB_OK)
    (void)db_execute(db, "VACUUM");
  else
    result = keep_detail(db, detail);
  db_close(db);
  return result;
}

enum outbox_result outbox_purge(const char *path, uint64_t *removed,
                                char detail[OUTBOX_DETAIL_CAP]) {
  struct owner *owner;
  uint64_t count, bytes;
  *removed = 0;
  const enum outbox_result looked = outbox_read_count(path, &count, &bytes, detail);
  if (looked != OUTBOX_OK) /* nothing is made, also no side file, where there is no outbox */
    return looked;
  enum db_result result = owner_take(path, &owner, detail);
  if (result == DB_OK)
    result = purge_file(owner_path(owner), removed, detail);
  owner_release(owner);
  return result_of(result);
}
