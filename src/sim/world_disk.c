#include "world_disk.h"

#include "world.h"

#include <string.h>

/* Beyond the window, so that the next messages are there when it moves. */
#define WINDOWS_FED 2

static void plan(struct world *w, uint64_t in_ms) {
  if (w->disk.due_at_ms == NET_NEVER)
    w->disk.due_at_ms = w->now_ms + in_ms;
}

static void erase(struct disk *d, uint32_t at) {
  d->count--;
  memmove(d->rows + at, d->rows + at + 1, (d->count - at) * sizeof *d->rows);
}

/* ---- requests ---- */

bool world_disk_put(struct world *w, uint64_t number, uint32_t len, int64_t expires_at_wall_ms) {
  struct disk *d = &w->disk;
  if (d->count == DISK_ROWS || world_client_is_starved(w))
    return false;
  d->rows[d->count++] =
      (struct disk_row){.number = number, .len = len, .expires_at_wall_ms = expires_at_wall_ms};
  plan(w, d->latency_ms);
  return true;
}

void world_disk_remove(struct world *w, uint64_t number) {
  struct disk *d = &w->disk;
  for (uint32_t i = 0; i < d->count; i++)
    if (d->rows[i].number == number)
      d->rows[i].is_going = true;
  d->credit++;
  plan(w, d->latency_ms);
}

void world_disk_link_opened(struct world *w) {
  w->disk.is_fed = true;
  w->disk.credit = WINDOWS_FED * w->settings.session.in_flight;
  plan(w, w->disk.latency_ms);
}

/* The next link begins with the oldest again. */
void world_disk_link_ended(struct world *w) {
  struct disk *d = &w->disk;
  d->is_fed = false;
  d->cursor = d->credit = 0;
  for (uint32_t i = 0; i < d->count; i++)
    d->rows[i].is_handed = false;
}

/* ---- commits ---- */

static void tell_dropped(struct world *w, uint64_t number) {
  struct fact *fact = world_fact(w, number);
  CHECK(fact->ended_in != w->client.run, "a message ends once");
  fact->ended_in = w->client.run;
  fact->is_lost = true;
  session_dropped(&w->client.session, 1);
  w->client.dropped++;
  world_client_call_back(w);
}

/* Callbacks may put more, behind all others; nothing is erased meanwhile but here. */
static void refuse_all(struct world *w) {
  for (uint32_t i = 0; i < w->disk.count;) {
    const struct disk_row row = w->disk.rows[i];
    if (row.is_committed) {
      i++;
      continue;
    }
    erase(&w->disk, i);
    tell_dropped(w, row.number);
  }
  plan(w, DISK_RETRY_MS);
}

static void commit_row(struct world *w, struct disk_row *row) {
  struct fact *fact = world_fact(w, row->number);
  row->is_committed = fact->was_committed = fact->was_accepted = true;
  world_client_call_back(w);
}

/* One that was handed out is the session's to judge. */
static bool can_expire(const struct disk_row *row) {
  return row->is_committed && !row->is_handed && !row->is_going;
}

static bool is_expired(const struct world *w, const struct disk_row *row) {
  return can_expire(row) && row->expires_at_wall_ms <= world_client_wall(w);
}

uint64_t world_disk_next_at(const struct world *w) {
  const struct disk *d = &w->disk;
  int64_t first_wall_ms = INT64_MAX;
  if (w->client.is_over)
    return NET_NEVER;
  for (uint32_t i = 0; i < d->count; i++)
    if (can_expire(&d->rows[i]) && d->rows[i].expires_at_wall_ms < first_wall_ms)
      first_wall_ms = d->rows[i].expires_at_wall_ms;
  if (first_wall_ms == INT64_MAX)
    return d->due_at_ms;
  const int64_t left_ms = first_wall_ms - world_client_wall(w);
  const uint64_t expires_at_ms = w->now_ms + (left_ms > 0 ? (uint64_t)left_ms : 0);
  return expires_at_ms < d->due_at_ms ? expires_at_ms : d->due_at_ms;
}

static void commit_all(struct world *w) {
  for (uint32_t i = 0; i < w->disk.count;) {
    struct disk_row *row = &w->disk.rows[i];
    const uint64_t number = row->number;
    const bool expires = is_expired(w, row);
    if (row->is_going || expires)
      erase(&w->disk, i);
    else
      i++;
    if (expires)
      tell_dropped(w, number);
    else if (!row->is_committed && row->number == number)
      commit_row(w, row);
  }
}

static void feed(struct world *w) {
  struct disk *d = &w->disk;
  for (uint32_t i = 0; i < d->count && d->is_fed && d->credit; i++) {
    struct disk_row *row = &d->rows[i];
    if (row->number <= d->cursor || !can_expire(row) || is_expired(w, row))
      continue;
    d->cursor = row->number;
    d->credit--;
    row->is_handed = true;
    world_client_feed(w, row->number, row->len, row->expires_at_wall_ms);
  }
}

static void commit_or_fail(struct world *w) {
  struct disk *d = &w->disk;
  d->due_at_ms = NET_NEVER;
  if (!d->fail_count) {
    commit_all(w);
    return;
  }
  d->fail_count--;
  refuse_all(w);
}

void world_disk_run(struct world *w) {
  commit_or_fail(w);
  feed(w);
}

/* ---- the end of the process ---- */

/* A removal that was not committed is none ([D4] of src/outbox), though its message was told to
   have expired: with a wall clock that was set back it goes out after all. */
static void take_back_removal(struct world *w, struct disk_row *row) {
  if (!row->is_going)
    return;
  row->is_going = false;
  world_fact(w, row->number)->is_lost = false;
}

static void let_go(struct world *w) {
  world_disk_link_ended(w);
  for (uint32_t i = 0; i < w->disk.count; i++)
    take_back_removal(w, &w->disk.rows[i]);
  w->disk.due_at_ms = NET_NEVER;
}

void world_disk_crash(struct world *w) {
  for (uint32_t i = 0; i < w->disk.count;) {
    if (w->disk.rows[i].is_committed) {
      i++;
      continue;
    }
    world_fact(w, w->disk.rows[i].number)->is_lost = true;
    erase(&w->disk, i);
  }
  let_go(w);
}

void world_disk_finish(struct world *w) {
  commit_or_fail(w);
  let_go(w);
}
