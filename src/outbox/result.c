/* Results: names, sentences, and what those of a db are here. */
#include "rows.h"

static const struct {
  const char *name, *sentence;
} words[] = {
    [OUTBOX_OK] = {"ok", "No error"},
    [OUTBOX_OVERFLOW] = {"overflow", "The outbox is full"},
    [OUTBOX_DISK_FULL] = {"disk_full", "The disk is full"},
    [OUTBOX_READ_ONLY] = {"read_only", "The outbox cannot be written"},
    [OUTBOX_LOCKED] = {"locked", "The outbox is in use"},
    [OUTBOX_CORRUPT] = {"corrupt", "The outbox is damaged"},
    [OUTBOX_NEWER] = {"newer", "The outbox has a newer format"},
    [OUTBOX_NOT_OURS] = {"not_ours", "The file is no outbox"},
    [OUTBOX_IO] = {"io", "The disk failed"},
    [OUTBOX_NO_MEMORY] = {"no_memory", "Out of memory"},
    [OUTBOX_CANNOT_OPEN] = {"cannot_open", "The outbox cannot be opened"},
    [OUTBOX_CLOSED] = {"closed", "The outbox was closed first"},
    [OUTBOX_DUPLICATE] = {"duplicate", "The outbox holds a message with this id"},
};

const char *outbox_result_name(enum outbox_result result) {
  return words[result].name;
}

enum outbox_result result_of(enum db_result result) {
  static const enum outbox_result results[] = {
      [DB_OK] = OUTBOX_OK,
      [DB_DISK_FULL] = OUTBOX_DISK_FULL,
      [DB_READ_ONLY] = OUTBOX_READ_ONLY,
      [DB_LOCKED] = OUTBOX_LOCKED,
      [DB_CORRUPT] = OUTBOX_CORRUPT,
      [DB_NEWER] = OUTBOX_NEWER,
      [DB_NOT_OURS] = OUTBOX_NOT_OURS,
      [DB_IO] = OUTBOX_IO,
      [DB_NO_MEMORY] = OUTBOX_NO_MEMORY,
      [DB_CANNOT_OPEN] = OUTBOX_CANNOT_OPEN,
      [DB_CLOSED] = OUTBOX_CLOSED,
  };
  return results[result];
}

const char *result_sentence(enum outbox_result result) {
  return words[result].sentence;
}
