/* The thread that owns a db: order, shared commits, failures, turns, endings. */
#include "disk.h"
#include "folder.h"
#include "worker.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define PATIENCE_S 60
#define JOBS_MAX 3000
#define LATE 2500

static const char *const steps[] = {"CREATE TABLE thing (a INTEGER PRIMARY KEY);"};

struct job {
  struct worker_job job;
  struct fixture *fixture;
  struct db_statement insert;
  int value;     /* to be inserted; a second time fails */
  bool is_gate;  /* waits until the gate is open */
  bool is_twice; /* inserts another row before the one that fails */
  bool has_late; /* another is handed in while it runs */
  unsigned order;
  enum db_result result;
  char detail[DB_DETAIL_CAP];
};

struct fixture {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool gate_is_open, is_at_gate, has_ended;
  unsigned done_count, turns_count, commits_count;
  uint64_t next_turn_ms;
  enum db_result commit_answer;
  struct worker *worker;
  struct db_config config;
  struct job jobs[JOBS_MAX];
  char folder[FOLDER_CAP];
  char path[FOLDER_CAP + 16];
};

static void wait_change(struct fixture *f) {
  struct timespec until;
  (void)clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += PATIENCE_S;
  if (pthread_cond_timedwait(&f->changed, &f->lock, &until) != 0)
    fail_msg("nothing happened");
}

static enum db_result insert(struct job *j, struct db *db, int value) {
  sqlite3_stmt *ready = db_ready(db, &j->insert);
  db_bind_int(ready, 1, value);
  const enum db_result result = db_run(db, ready);
  sqlite3_finalize(j->insert.prepared);
  j->insert.prepared = NULL;
  return result;
}

static struct job *submit(struct fixture *f, unsigned index, struct job job);

static enum db_result run(struct worker_job *job, struct db *db) {
  struct job *const j = (struct job *)job;
  struct fixture *const f = j->fixture;
  if (j->has_late)
    submit(f, LATE, (struct job){.value = LATE});
  pthread_mutex_lock(&f->lock);
  if (j->is_gate) {
    f->is_at_gate = true;
    pthread_cond_signal(&f->changed);
  }
  while (j->is_gate && !f->gate_is_open)
    wait_change(f);
  pthread_mutex_unlock(&f->lock);
  if (j->job.kind == WORKER_READS)
    return DB_OK;
  if (j->is_twice && insert(j, db, j->value + 100000) != DB_OK)
    return db_error(db);
  return insert(j, db, j->value);
}

static void done(struct worker_job *job, enum db_result result, const char *detail) {
  struct job *const j = (struct job *)job;
  struct fixture *const f = j->fixture;
  pthread_mutex_lock(&f->lock);
  j->result = result;
  j->order = ++f->done_count;
  (void)snprintf(j->detail, sizeof j->detail, "%s", detail);
  pthread_cond_signal(&f->changed);
  pthread_mutex_unlock(&f->lock);
}

static enum db_result before_commit(void *user, struct db *db) {
  struct fixture *const f = user;
  pthread_mutex_lock(&f->lock);
  f->commits_count++;
  const enum db_result answer = f->commit_answer;
  pthread_mutex_unlock(&f->lock);
  return answer == DB_OK ? DB_OK : db_refuse(db, answer, "as the test wants it");
}

static uint64_t turn(void *user, struct db *db) {
  struct fixture *const f = user;
  (void)db;
  pthread_mutex_lock(&f->lock);
  f->turns_count++;
  const uint64_t next_ms = f->next_turn_ms;
  f->next_turn_ms = WORKER_NEVER;
  pthread_cond_signal(&f->changed);
  pthread_mutex_unlock(&f->lock);
  return next_ms;
}

static void ended(void *user) {
  struct fixture *const f = user;
  pthread_mutex_lock(&f->lock);
  f->has_ended = true;
  pthread_cond_signal(&f->changed);
  pthread_mutex_unlock(&f->lock);
}

static struct db *open_db(struct fixture *f) {
  struct db *db;
  char detail[DB_DETAIL_CAP];
  if (db_open(&f->config, &db, detail) != DB_OK)
    fail_msg("%s", detail);
  return db;
}

static int set_up(void **state) {
  static struct fixture fixture;
  struct fixture *const f = &fixture;
  memset(f, 0, sizeof *f);
  disk_reset(1);
  folder_make(f->folder);
  (void)snprintf(f->path, sizeof f->path, "%s/file", f->folder);
  f->config = (struct db_config){.path = f->path,
                                 .vfs = DISK_NAME,
                                 .application_id = 7,
                                 .what = "a test's file",
                                 .steps = steps,
                                 .steps_count = 1};
  pthread_mutex_init(&f->lock, NULL);
  pthread_cond_init(&f->changed, NULL);
  f->next_turn_ms = WORKER_NEVER;
  const struct worker_config config = {
      .db = open_db(f), .user = f, .before_commit = before_commit, .turn = turn, .ended = ended};
  f->worker = worker_start(&config);
  assert_non_null(f->worker);
  *state = f;
  return 0;
}

static void until(struct fixture *f, const bool *flag) {
  pthread_mutex_lock(&f->lock);
  while (!*flag)
    wait_change(f);
  pthread_mutex_unlock(&f->lock);
}

static void until_count(struct fixture *f, const unsigned *count, unsigned least) {
  pthread_mutex_lock(&f->lock);
  while (*count < least)
    wait_change(f);
  pthread_mutex_unlock(&f->lock);
}

static void open_gate(struct fixture *f) {
  pthread_mutex_lock(&f->lock);
  f->gate_is_open = true;
  pthread_cond_broadcast(&f->changed);
  pthread_mutex_unlock(&f->lock);
}

static void end(struct fixture *f) {
  if (f->worker)
    worker_close(f->worker);
  f->worker = NULL;
  until(f, &f->has_ended);
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  open_gate(f);
  end(f);
  folder_remove(f->folder);
  return 0;
}

static struct job *submit(struct fixture *f, unsigned index, struct job job) {
  job.fixture = f;
  job.insert.sql = "INSERT INTO thing VALUES (?1)";
  job.job.run = run;
  job.job.done = done;
  f->jobs[index] = job;
  worker_submit(f->worker, &f->jobs[index].job);
  return &f->jobs[index];
}

/* The thread stands in a batch of its own until the gate opens. */
static void hold(struct fixture *f) {
  submit(f, JOBS_MAX - 1, (struct job){.job.kind = WORKER_READS, .is_gate = true});
  until(f, &f->is_at_gate);
}

static int rows_count(struct fixture *f) {
  end(f);
  struct db *db = open_db(f);
  struct db_statement statement = {.sql = "SELECT count(*) FROM thing"};
  bool has_row;
  assert_int_equal(db_step(db, db_ready(db, &statement), &has_row), DB_OK);
  const int count = sqlite3_column_int(statement.prepared, 0);
  db_close(db);
  return count;
}

static void test_those_that_wait_share_a_commit(void **state) {
  struct fixture *f = *state;
  hold(f);
  for (int i = 0; i < 500; i++)
    submit(f, (unsigned)i, (struct job){.value = i + 1});
  const unsigned before = disk_count(DISK_SYNC);
  open_gate(f);
  until_count(f, &f->done_count, 501);
  assert_int_equal(f->commits_count, 1);
  assert_in_range(disk_count(DISK_SYNC) - before, 1, 2); /* two when the log begins */
  for (unsigned i = 0; i < 500; i++) {
    assert_int_equal(f->jobs[i].result, DB_OK);
    assert_int_equal(f->jobs[i].order, i + 2);
  }
  assert_int_equal(rows_count(f), 500);
}

static void test_batches_are_bounded(void **state) {
  struct fixture *f = *state;
  hold(f);
  for (int i = 0; i < WORKER_BATCH_MAX + 1; i++)
    submit(f, (unsigned)i, (struct job){.value = i + 1});
  for (int i = 0; i < 3; i++) /* the second is still light enough to be taken, the third is not */
    submit(f, 2000 + (unsigned)i,
           (struct job){.value = 5000 + i, .job.weight = WORKER_BATCH_WEIGHT - 1});
  open_gate(f);
  until_count(f, &f->done_count, 1 + WORKER_BATCH_MAX + 4);
  assert_int_equal(f->commits_count, 3);
}

static void test_relaxed_ones_cost_no_sync(void **state) {
  struct fixture *f = *state;
  submit(f, 0, (struct job){.value = 1}); /* the log has begun */
  until_count(f, &f->done_count, 1);
  const unsigned before = disk_count(DISK_SYNC);
  submit(f, 1, (struct job){.value = 2, .job.kind = WORKER_RELAXED});
  until_count(f, &f->done_count, 2);
  assert_int_equal(disk_count(DISK_SYNC), before);
  hold(f);
  submit(f, 2, (struct job){.value = 3, .job.kind = WORKER_RELAXED});
  submit(f, 3, (struct job){.value = 4});
  open_gate(f);
  until_count(f, &f->done_count, 5);
  assert_int_equal(disk_count(DISK_SYNC), before + 1);
}

/* One that fails is undone whole, and alone. */
static void test_failing_job(void **state) {
  struct fixture *f = *state;
  hold(f);
  submit(f, 0, (struct job){.value = 1});
  submit(f, 1, (struct job){.value = 1, .is_twice = true});
  submit(f, 2, (struct job){.value = 2});
  open_gate(f);
  until_count(f, &f->done_count, 4);
  assert_int_equal(f->jobs[0].result, DB_OK);
  assert_int_equal(f->jobs[1].result, DB_CORRUPT);
  assert_non_null(strstr(f->jobs[1].detail, f->path));
  assert_int_equal(f->jobs[2].result, DB_OK);
  assert_true(f->jobs[0].order < f->jobs[1].order && f->jobs[1].order < f->jobs[2].order);
  assert_int_equal(rows_count(f), 2);
}

/* What a failure puts off comes before what was handed in meanwhile. */
static void test_order_behind_a_failing_job(void **state) {
  struct fixture *f = *state;
  hold(f);
  submit(f, 0, (struct job){.value = 1, .has_late = true});
  submit(f, 1, (struct job){.value = 1});
  submit(f, 2, (struct job){.value = 2});
  open_gate(f);
  until_count(f, &f->done_count, 5);
  assert_int_equal(f->jobs[1].order, 3);
  assert_int_equal(f->jobs[2].order, 4);
  assert_int_equal(f->jobs[LATE].order, 5);
  assert_int_equal(rows_count(f), 3);
}

static void test_failing_commit(void **state) {
  struct fixture *f = *state;
  hold(f);
  submit(f, 0, (struct job){.value = 1});
  submit(f, 1, (struct job){.value = 2});
  disk_fail(&(struct disk_fault){.kinds = DISK_WRITE, .at = 1, .code = SQLITE_FULL});
  open_gate(f);
  until_count(f, &f->done_count, 3);
  for (unsigned i = 0; i < 2; i++) {
    assert_int_equal(f->jobs[i].result, DB_DISK_FULL);
    assert_non_null(strstr(f->jobs[i].detail, "The disk is full"));
  }
  submit(f, 2, (struct job){.value = 1});
  until_count(f, &f->done_count, 4);
  assert_int_equal(f->jobs[2].result, DB_OK);
  assert_int_equal(rows_count(f), 1);
}

static void test_hook_that_refuses(void **state) {
  struct fixture *f = *state;
  f->commit_answer = DB_IO;
  submit(f, 0, (struct job){.value = 1});
  until_count(f, &f->done_count, 1);
  assert_int_equal(f->jobs[0].result, DB_IO);
  assert_non_null(strstr(f->jobs[0].detail, "as the test wants it"));
  pthread_mutex_lock(&f->lock);
  f->commit_answer = DB_OK;
  pthread_mutex_unlock(&f->lock);
  assert_int_equal(rows_count(f), 0);
}

static void test_reads_are_not_in_transactions(void **state) {
  struct fixture *f = *state;
  hold(f);
  submit(f, 0, (struct job){.value = 1});
  submit(f, 1, (struct job){.job.kind = WORKER_READS});
  submit(f, 2, (struct job){.value = 2});
  open_gate(f);
  until_count(f, &f->done_count, 4);
  assert_int_equal(f->commits_count, 2);
}

static void test_turns(void **state) {
  struct fixture *f = *state;
  until_count(f, &f->turns_count, 1); /* the first comes by itself */
  worker_nudge(f->worker);
  until_count(f, &f->turns_count, 2);
  pthread_mutex_lock(&f->lock);
  f->next_turn_ms = worker_now_ms() + 30;
  const uint64_t due_ms = f->next_turn_ms;
  pthread_mutex_unlock(&f->lock);
  submit(f, 0, (struct job){.value = 1});
  until_count(f, &f->turns_count, 4);
  assert_true(worker_now_ms() >= due_ms);
}

static void test_closing_runs_what_waits(void **state) {
  struct fixture *f = *state;
  hold(f);
  for (int i = 0; i < 10; i++)
    submit(f, (unsigned)i, (struct job){.value = i + 1});
  worker_close(f->worker);
  f->worker = NULL;
  open_gate(f);
  assert_int_equal(rows_count(f), 10);
  assert_int_equal(f->done_count, 11);
}

/* The caller goes on though the thread hangs. */
static void test_abandoning(void **state) {
  struct fixture *f = *state;
  hold(f);
  submit(f, 0, (struct job){.value = 1});
  worker_close(f->worker);
  worker_abandon(f->worker);
  f->worker = NULL;
  assert_int_equal(f->done_count, 0);
  open_gate(f);
  until(f, &f->has_ended);
  assert_int_equal(f->jobs[0].result, DB_CLOSED);
  assert_int_equal(f->done_count, 2);
  assert_int_equal(rows_count(f), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_those_that_wait_share_a_commit),
      CASE(test_batches_are_bounded),
      CASE(test_relaxed_ones_cost_no_sync),
      CASE(test_failing_job),
      CASE(test_order_behind_a_failing_job),
      CASE(test_failing_commit),
      CASE(test_hook_that_refuses),
      CASE(test_reads_are_not_in_transactions),
      CASE(test_turns),
      CASE(test_closing_runs_what_waits),
      CASE(test_abandoning),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
