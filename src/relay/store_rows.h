/* The store's tables and what is done with their rows, on the thread that owns the db. */
#ifndef RELAY_STORE_ROWS_H
#define RELAY_STORE_ROWS_H

#include "db.h"
#include "store.h"

#define STORE_ROWS_SWEEP_MAX 1000 /* rows removed in one transaction */

extern const char *const store_steps[];
extern const size_t store_steps_count;

struct store_rows {
  struct db_statement find_conversation, count_conversations, add_conversation, number, find_id;
  struct db_statement insert, last, after, oldest, mark_gone, remove, used;
  int64_t conversations_count; /* -1: not counted yet */
};

/** All texts of a page, and the rows that point into them. */
struct store_rows_page {
  struct store_page page;
  struct store_message *messages;
  char *texts;
  size_t cap, len;
};

void store_rows_init(struct store_rows *rows);
/** Appends inside a transaction. With STORE_KNOWN `*first` holds the first one. */
enum db_result store_rows_append(struct store_rows *rows, struct db *db,
                                 struct store_message *message, uint64_t max_conversations,
                                 enum store_result *outcome, struct store_rows_page *first);
enum db_result store_rows_read(struct store_rows *rows, struct db *db,
                               const struct store_read *read, struct store_rows_page *page);
void store_rows_page_deinit(struct store_rows_page *page);
/** Removes some of the oldest messages, in a transaction of its own: those made before `before_ms`
    (one made after `now_ms` goes with those behind it; INT64_MIN: none), and some whatever their
   age while the file uses more than `keep_bytes` (0: no limit). `*has_more`: it is worth going on.
 */
enum db_result store_rows_sweep(struct store_rows *rows, struct db *db, int64_t before_ms,
                                int64_t now_ms, uint64_t keep_bytes, bool *has_more);

#endif
