/*
 * One owner for each file, over all processes and within one: a lock on a second file beside it,
 * named as it with "-lock" at the end, which the kernel drops when the owner dies. The second file
 * stays: to remove it would let two owners lock two files of the same name.
 */
#ifndef DB_OWNER_H
#define DB_OWNER_H

#include "db.h"

struct owner;

/** Makes itself the owner of the file at `path`, there or not there yet. Symbolic links are
   followed, so that a file has one owner whatever it is called. On failure `*owner` is NULL. */
enum db_result owner_take(const char *path, struct owner **owner, char detail[DB_DETAIL_CAP]);
/** The file's real path, for db_open(). */
const char *owner_path(const struct owner *owner);
void owner_release(struct owner *owner);

#endif
