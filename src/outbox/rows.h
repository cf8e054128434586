/*
 * The tables of an outbox and what is done with their rows. Nothing here knows of threads, events
 * or credit.
 *
 * `message` is in the order of positions. `state` is one row with the sums over all messages, so
 * that opening counts nothing; rows_save() writes it in the same transaction.
 */
#ifndef OUTBOX_ROWS_H
#define OUTBOX_ROWS_H

#include "db.h"
#include "outbox.h"

#define ROWS_NEVER INT64_MAX

struct rows_sums {
  uint64_t count, bytes;
  uint64_t last_number; /* of all that were ever stored */
};

struct rows {
  struct db *db;
  struct rows_sums sums; /* with what the present transaction has done */
  struct {
    struct db_statement insert, find_key, replace, find_number, remove, next, expired, tried, save,
        touch, oldest, newest, first_expiry;
  } sql;
};

/** A row without its payload. */
struct row {
  int64_t position;
  uint64_t number;
  char id[OUTBOX_ID_MAX + 1];
  uint64_t len;
  uint32_t attempts;
  uint8_t opcode;
  int64_t expires_at_wall_ms;
};

/* ---- result.c ---- */
enum outbox_result result_of(enum db_result result);
const char *result_sentence(enum outbox_result result);

/* ---- rows.c ---- */
extern const char *const rows_steps[];
extern const size_t rows_steps_count;

enum db_result rows_open(const char *path, const char *vfs, bool is_read_only, struct db **db,
                         char detail[DB_DETAIL_CAP]);
/** Prepares `rows` for use on `db`, and reads the sums. */
enum db_result rows_init(struct rows *rows, struct db *db);

/** Behind all others. `*is_duplicate`: the id is taken; nothing was changed. */
enum db_result rows_insert(struct rows *rows, const struct outbox_put *put, uint64_t number,
                           int64_t now_wall_ms, bool *is_duplicate);
/** The newest with this key behind `position`; position 0: none. */
enum db_result rows_find_key(struct rows *rows, const char *key, int64_t position, struct row *row);
/** In the place of `old`. */
enum db_result rows_replace(struct rows *rows, const struct row *old, const struct outbox_put *put,
                            uint64_t number, int64_t now_wall_ms, bool *is_duplicate);
/** Unknown numbers are fine. */
enum db_result rows_remove_number(struct rows *rows, uint64_t number);
enum db_result rows_remove(struct rows *rows, const struct row *row);
/** One attempt more for those up to `position` with a number up to `number`. */
enum db_result rows_count_attempt(struct rows *rows, int64_t position, uint64_t number);
/** Writes the sums: the last thing in a transaction. */
enum db_result rows_save(struct rows *rows);
/** Changes a byte, so that its synced commit syncs what came before. */
enum db_result rows_touch(struct rows *rows);

/** For rows that are not where the order of positions has them: who goes on from one to the next
    would go round in a circle. Answers DB_CORRUPT. */
enum db_result rows_refuse_order(struct db *db);
/** The first behind `position`, position 0 if there is none. `*payload` stays until
    rows_next_done(). */
enum db_result rows_next(struct rows *rows, int64_t position, struct row *row,
                         const void **payload);
void rows_next_done(struct rows *rows);
/** One that is behind `position` and expired by `now_wall_ms`; position 0: none. */
enum db_result rows_next_expired(struct rows *rows, int64_t position, int64_t now_wall_ms,
                                 struct row *row);
/** When the first behind `position` expires; ROWS_NEVER. */
enum db_result rows_first_expiry(struct rows *rows, int64_t position, int64_t *at_wall_ms);
/** The lowest number above `behind`; UINT64_MAX if there is none. */
enum db_result rows_oldest(struct rows *rows, int64_t behind, uint64_t *number);
/** The last position; 0. */
enum db_result rows_newest(struct rows *rows, int64_t *position);

#endif
