#include "damage.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static long read_number(sqlite3 *db, const char *sql, const char *value) {
  sqlite3_stmt *statement;
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
  if (value)
    assert_int_equal(sqlite3_bind_text(statement, 1, value, -1, SQLITE_STATIC), SQLITE_OK);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  const long number = (long)sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  return number;
}

/* Where its page begins. */
static long find_page(const char *path, const char *table) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  const long number = read_number(db, "SELECT rootpage FROM sqlite_master WHERE name = ?1", table);
  const long size = read_number(db, "PRAGMA page_size", NULL);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  return (number - 1) * size;
}

/* https://sqlite.org/fileformat2.html 1.6: the header of a leaf has 8 bytes, among them the number
   of its cells; then come their places in order. */
void damage_order(const char *path, const char *table) {
  const long at = find_page(path, table);
  FILE *file = fopen(path, "r+be");
  uint8_t header[8], places[4], swapped[4];
  assert_non_null(file);
  assert_int_equal(fseek(file, at, SEEK_SET), 0);
  assert_int_equal(fread(header, sizeof header, 1, file), 1);
  assert_true(header[0] == 10 || header[0] == 13); /* a leaf */
  assert_true(header[4] >= 3);
  const long at_second = at + 8 + 2;
  assert_int_equal(fseek(file, at_second, SEEK_SET), 0);
  assert_int_equal(fread(places, sizeof places, 1, file), 1);
  memcpy(swapped, places + 2, 2);
  memcpy(swapped + 2, places, 2);
  assert_int_equal(fseek(file, at_second, SEEK_SET), 0);
  assert_int_equal(fwrite(swapped, sizeof swapped, 1, file), 1);
  assert_int_equal(fclose(file), 0);
}
