/*
 * The store on SQLite: a thread that owns the file, jobs in order, those that wait together in one
 * commit. What is done is told on the loop's thread, after the commit [S1]; a failed commit fails
 * all of its appends, none of which was told or shown to anybody, so that numbers taken back with
 * it were never given [S2]. Reads run outside of transactions, in their place in the order [S4].
 * A line is broken where an append of it fails, on the thread: what runs after that, in this batch
 * or another, finds it so [S5].
 */
#include "owner.h"
#include "store_rows.h"
#include "worker.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define APPLICATION_ID 0x4c50524c /* "LPRL" */
#define SWEEP_EACH_MS 5000
#define PATH_IN_MEMORY ":memory:"

struct store {
  struct net_loop *loop;
  struct store_options options;
  struct owner *owner; /* NULL: in memory */
  struct db *db;
  struct worker *worker;
  struct store_rows rows; /* the thread's */
  void (*closed)(void *user);
  void *closed_user;
  struct net_task closed_task, trouble_task;
  atomic_bool is_trouble_posted;
  char trouble[STORE_DETAIL_CAP];
  uint64_t swept_at_ms; /* the thread's; 0: never */
};

struct store_line {
  unsigned users_count; /* the loop's: its owner, and appends on their way */
  atomic_bool is_broken;
};

/** An append or a read on its way to the thread and back. */
struct store_job {
  struct worker_job job; /* first: a job is its store_job */
  struct net_task task;
  struct store *store;
  struct store_line *line;     /* of the append; or NULL */
  struct store_append *append; /* one of the two is there */
  struct store_read *read;
  struct store_rows_page page;
  enum store_result result;
  char detail[STORE_DETAIL_CAP];
};

/* ---- lines ---- */

struct store_line *store_line_new(void) {
  struct store_line *line = calloc(1, sizeof *line);
  if (!line)
    return NULL;
  line->users_count = 1;
  atomic_init(&line->is_broken, false);
  return line;
}

static void retain(struct store_line *line) {
  if (line)
    line->users_count++;
}

void store_line_release(struct store_line *line) {
  if (line && --line->users_count == 0)
    free(line);
}

void store_line_break(struct store_line *line) {
  if (line)
    atomic_store(&line->is_broken, true);
}

static bool is_broken(struct store_line *line) {
  return line && atomic_load(&line->is_broken);
}

/* ---- jobs ---- */

static void finish(struct net_task *task) {
  struct store_job *job = (struct store_job *)((char *)task - offsetof(struct store_job, task));
  store_line_release(job->line);
  if (job->append) {
    if (job->result == STORE_KNOWN)
      job->append->message = job->page.messages[0];
    job->append->done(job->append, job->result, job->detail);
  } else {
    job->read->done(job->read, job->result, &job->page.page, job->detail);
  }
  store_rows_page_deinit(&job->page);
  free(job);
}

/* On the thread. */
static void on_done(struct worker_job *worker_job, enum db_result result, const char *detail) {
  struct store_job *job = (struct store_job *)worker_job;
  if (result != DB_OK) {
    job->result = STORE_FAILED;
    store_line_break(job->line);
    job->store->rows.conversations_count = -1;
    (void)snprintf(job->detail, sizeof job->detail, "%s",
                   result == DB_CLOSED ? "the store is closed" : detail);
  }
  job->task.run = finish;
  net_loop_post(job->store->loop, &job->task);
}

static enum db_result run_append(struct worker_job *worker_job, struct db *db) {
  struct store_job *job = (struct store_job *)worker_job;
  struct store *store = job->store;
  if (is_broken(job->line)) {
    job->result = STORE_BEHIND;
    (void)snprintf(job->detail, sizeof job->detail, "an append before it failed");
    return DB_OK;
  }
  return store_rows_append(&store->rows, db, &job->append->message,
                           store->options.max_conversations, &job->result, &job->page);
}

static enum db_result run_read(struct worker_job *worker_job, struct db *db) {
  struct store_job *job = (struct store_job *)worker_job;
  return store_rows_read(&job->store->rows, db, job->read, &job->page);
}

static size_t weight_of(const struct store_message *message) {
  return strlen(message->id) + strlen(message->sender_id) + strlen(message->plaintext) + 64;
}

void store_append(struct store *store, struct store_append *append) {
  struct store_job *job = calloc(1, sizeof *job);
  if (!job) {
    store_line_break(append->line);
    append->done(append, STORE_FAILED, "out of memory");
    return;
  }
  job->job = (struct worker_job){.kind = WORKER_WRITES,
                                 .weight = weight_of(&append->message),
                                 .run = run_append,
                                 .done = on_done};
  job->store = store;
  job->append = append;
  job->line = append->line;
  retain(job->line);
  worker_submit(store->worker, &job->job);
}

void store_read(struct store *store, struct store_read *read) {
  static const struct store_page nothing;
  struct store_job *job = calloc(1, sizeof *job);
  if (!job) {
    read->done(read, STORE_FAILED, &nothing, "out of memory");
    return;
  }
  job->job = (struct worker_job){
      .kind = WORKER_READS, .weight = read->max_bytes, .run = run_read, .done = on_done};
  job->store = store;
  job->read = read;
  worker_submit(store->worker, &job->job);
}

/* ---- old messages ---- */

static void tell_trouble(struct net_task *task) {
  struct store *store = (struct store *)((char *)task - offsetof(struct store, trouble_task));
  char detail[STORE_DETAIL_CAP];
  memcpy(detail, store->trouble, sizeof detail);
  atomic_store(&store->is_trouble_posted, false);
  if (store->options.troubled)
    store->options.troubled(store->options.user, detail);
}

static void post_trouble(struct store *store, const char *detail) {
  if (atomic_exchange(&store->is_trouble_posted, true))
    return;
  (void)snprintf(store->trouble, sizeof store->trouble, "%s", detail);
  store->trouble_task.run = tell_trouble;
  net_loop_post(store->loop, &store->trouble_task);
}

static int64_t wall_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Between batches, some rows at a time. */
static uint64_t on_turn(void *user, struct db *db) {
  struct store *store = user;
  const struct store_options *options = &store->options;
  bool has_more;
  if (options->keep_age_ms == 0 && options->keep_bytes == 0)
    return WORKER_NEVER;
  const uint64_t now_ms = worker_now_ms();
  if (store->swept_at_ms != 0 && now_ms < store->swept_at_ms + SWEEP_EACH_MS)
    return store->swept_at_ms + SWEEP_EACH_MS;
  const int64_t now_wall_ms = wall_ms();
  const int64_t before_ms =
      options->keep_age_ms > 0 ? now_wall_ms - (int64_t)options->keep_age_ms : INT64_MIN;
  if (store_rows_sweep(&store->rows, db, before_ms, now_wall_ms, options->keep_bytes, &has_more) !=
      DB_OK) {
    has_more = false;
    post_trouble(store, db_error_detail(db));
  }
  store->swept_at_ms = has_more ? 0 : now_ms;
  return has_more ? now_ms : now_ms + SWEEP_EACH_MS;
}

/* ---- life ---- */

static void tell_closed(struct net_task *task) {
  struct store *store = (struct store *)((char *)task - offsetof(struct store, closed_task));
  void (*closed)(void *user) = store->closed;
  void *user = store->closed_user;
  owner_release(store->owner);
  free(store);
  closed(user);
}

static void on_ended(void *user) {
  struct store *store = user;
  store->closed_task.run = tell_closed;
  net_loop_post(store->loop, &store->closed_task);
}

static enum db_result open_db(struct store *store, char *detail) {
  const struct store_options *options = &store->options;
  if (options->path && !options->vfs) {
    const enum db_result result = owner_take(options->path, &store->owner, detail);
    if (result != DB_OK)
      return result;
  }
  const struct db_config config = {
      .path = store->owner    ? owner_path(store->owner)
              : options->path ? options->path
                              : PATH_IN_MEMORY,
      .vfs = options->vfs,
      .application_id = APPLICATION_ID,
      .what = "a relay's store",
      .steps = store_steps,
      .steps_count = store_steps_count,
  };
  return db_open(&config, &store->db, detail);
}

static bool start_worker(struct store *store, char *detail) {
  const struct worker_config config = {
      .db = store->db, .user = store, .turn = on_turn, .ended = on_ended};
  store->worker = worker_start(&config);
  if (!store->worker)
    (void)snprintf(detail, STORE_DETAIL_CAP, "no thread for the store");
  return store->worker != NULL;
}

struct store *store_open(struct net_loop *loop, const struct store_options *options,
                         char detail[STORE_DETAIL_CAP]) {
  struct store *store = calloc(1, sizeof *store);
  if (!store) {
    (void)snprintf(detail, STORE_DETAIL_CAP, "out of memory");
    return NULL;
  }
  store->loop = loop;
  store->options = *options;
  store_rows_init(&store->rows);
  if (open_db(store, detail) == DB_OK && start_worker(store, detail))
    return store;
  db_close(store->db);
  owner_release(store->owner);
  free(store);
  return NULL;
}

void store_close(struct store *store, void (*closed)(void *user), void *user) {
  store->closed = closed;
  store->closed_user = user;
  worker_close(store->worker);
}
