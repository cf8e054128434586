/*
 * A disk that fails as it is told, for SQLite: a VFS named DISK_NAME on top of the default one. It
 * counts, fails, has limited room, and can lose its power: then what was not synced is lost, kept
 * or torn, and everything fails until the power is back. Real files hold what the program would
 * see; what a real disk would hold is kept beside them in memory. Syncs are only counted, so it is
 * fast.
 *
 * One disk for the process; thread-safe.
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stdint.h>

#define DISK_NAME "test-disk"

enum disk_kind {
  DISK_OPEN = 1,
  DISK_WRITE = 2,
  DISK_SYNC = 4,
  DISK_TRUNCATE = 8,
  DISK_DELETE = 16,
  DISK_READ = 32
};
/* What changes something. */
#define DISK_CHANGES (DISK_WRITE | DISK_SYNC | DISK_TRUNCATE | DISK_DELETE)

enum disk_loss {
  DISK_KEEPS_ALL, /* as after the death of the program alone */
  DISK_LOSES_ALL, /* all that was not synced */
  DISK_TEARS /* each write by chance: kept, lost, or some of its sectors; so the order of writes is
                lost too */
};

struct disk_fault {
  unsigned kinds; /* of operations that count and fail */
  unsigned at;    /* the first that fails, from 1; 0: none */
  bool for_good;  /* all after it fail too */
  int code;       /* as SQLITE_FULL */
  bool is_short;  /* a write that fails has written half */
};

/** Forgets all files, counts and faults; registers the VFS at the first call. */
void disk_reset(uint64_t seed);
void disk_fail(const struct disk_fault *fault);
/** Operations of these kinds since disk_reset(). */
unsigned disk_count(unsigned kinds);
/** Bytes that all files may have; UINT64_MAX: no limit. */
void disk_set_room(uint64_t bytes);
/** The power goes at this changing operation, from 1. */
void disk_cut_at(unsigned operation);
bool disk_is_off(void);
/** Power on, after all files were closed: they hold what the disk has kept. */
void disk_power_on(enum disk_loss loss);

#endif
