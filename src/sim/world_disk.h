/*
 * The client's outbox as a model: rows in the order of their numbers, each pending until a commit
 * that may come late, fail, or be forestalled by a crash.
 */
#ifndef SIM_WORLD_DISK_H
#define SIM_WORLD_DISK_H

#include <stdbool.h>
#include <stdint.h>

#define DISK_ROWS 160
#define DISK_RETRY_MS 1000 /* until a removal that failed is tried again */

struct disk_row {
  uint64_t number;
  int64_t expires_at_wall_ms; /* INT64_MAX: never */
  uint32_t len;
  bool is_committed;
  bool is_going;  /* to be removed with the next commit */
  bool is_handed; /* to the session, since the last rewind */
};

struct disk {
  struct disk_row rows[DISK_ROWS];
  uint32_t count;
  uint64_t due_at_ms;  /* the next commit */
  uint64_t cursor;     /* rows up to this number were handed out */
  uint32_t credit;     /* rows that the session has room for */
  uint32_t fail_count; /* commits that will fail */
  uint32_t latency_ms;
  bool is_fed; /* a link is open */
};

struct world;

/** False: full, or the client has no room to keep it. */
bool world_disk_put(struct world *w, uint64_t number, uint32_t len, int64_t expires_at_wall_ms);
void world_disk_remove(struct world *w, uint64_t number);
void world_disk_link_opened(struct world *w);
void world_disk_link_ended(struct world *w);
/** When world_disk_run() is due. */
uint64_t world_disk_next_at(const struct world *w);
/** Commits, drops what has expired, tells, and hands out. */
void world_disk_run(struct world *w);
/** What was not committed is lost. */
void world_disk_crash(struct world *w);
/** All that is pending is done before the client ends. */
void world_disk_finish(struct world *w);

#endif
