/*
 * bench-outbox: what it costs to keep messages on this disk. Stored messages a second by how many
 * are put in a turn, the syncs they take, the opening of an outbox by its backlog, and the drain of
 * a large one with the memory that it takes. Each part is a process of its own.
 *
 *   bench-outbox [FOLDER [COUNT]]     a table; COUNT: of the large backlog
 */
#include "common.h"

#include "outbox.h"

#include <inttypes.h>
#include <mntent.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_COUNT 1000000
#define PAYLOAD_LEN 64
#define ROW_NS 3000000000u /* a row of the first table takes so long */
#define BACKLOG_TURN 500
#define WINDOW 256
#define OPENINGS 5
#define PATH_CAP 4096
#define VFS_NAME "counting"

static char path[PATH_CAP];
static uint64_t backlog = DEFAULT_COUNT;

/* ---- syncs, counted below SQLite ---------------------------------------------------------- */

#define METHODS_MAX 4 /* the default VFS has other ones for the log than for the file */

static sqlite3_vfs *beneath, counting;
static struct methods {
  sqlite3_io_methods ours; /* first: a file's methods are its struct methods */
  const sqlite3_io_methods *real;
} methods[METHODS_MAX];
static atomic_uint_fast64_t syncs;

static int counted_sync(sqlite3_file *file, int flags) {
  atomic_fetch_add(&syncs, 1);
  return ((const struct methods *)file->pMethods)->real->xSync(file, flags);
}

static const sqlite3_io_methods *counted(const sqlite3_io_methods *real) {
  struct methods *m = methods;
  while (m->real && m->real != real)
    if (++m == methods + METHODS_MAX)
      die("the default VFS has more kinds of files than expected");
  m->real = real;
  m->ours = *real;
  m->ours.xSync = counted_sync;
  return &m->ours;
}

static int counting_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                         int *out_flags) {
  (void)vfs;
  const int code = beneath->xOpen(beneath, name, file, flags, out_flags);
  if (file->pMethods)
    file->pMethods = counted(file->pMethods);
  return code;
}

static void count_syncs(void) {
  sqlite3_initialize();
  beneath = sqlite3_vfs_find(NULL);
  counting = *beneath;
  counting.zName = VFS_NAME;
  counting.xOpen = counting_open;
  sqlite3_vfs_register(&counting, 0);
}

/* ---- an outbox ---------------------------------------------------------------------------- */

struct box {
  struct outbox *outbox;
  pthread_mutex_t lock;
  pthread_cond_t woken;
  bool is_woken;
  uint64_t id; /* of the next message */
};

static void on_wake(void *user) {
  struct box *const box = user;
  pthread_mutex_lock(&box->lock);
  box->is_woken = true;
  pthread_cond_signal(&box->woken);
  pthread_mutex_unlock(&box->lock);
}

static void box_open(struct box *box, uint32_t durability_ms) {
  char detail[OUTBOX_DETAIL_CAP];
  *box = (struct box){.lock = PTHREAD_MUTEX_INITIALIZER, .woken = PTHREAD_COND_INITIALIZER};
  const struct outbox_config config = {.path = path,
                                       .vfs = VFS_NAME,
                                       .limit_count = 2 * backlog + 1000000000,
                                       .limit_bytes = UINT64_MAX / 2,
                                       .durability_ms = durability_ms,
                                       .wake = on_wake,
                                       .user = box};
  if (outbox_open(&config, &box->outbox, detail) != OUTBOX_OK)
    die(detail);
  box->id = outbox_fresh_number(box->outbox);
}

static enum outbox_event_kind box_next(struct box *box, struct outbox_event *event) {
  while (!outbox_next(box->outbox, event)) {
    pthread_mutex_lock(&box->lock);
    while (!box->is_woken)
      pthread_cond_wait(&box->woken, &box->lock);
    box->is_woken = false;
    pthread_mutex_unlock(&box->lock);
  }
  if (event->kind == OUTBOX_REFUSED || event->kind == OUTBOX_TROUBLE)
    die(event->detail);
  return event->kind;
}

static void box_close(struct box *box) {
  struct outbox_event event;
  outbox_close(box->outbox);
  while (box_next(box, &event) != OUTBOX_IS_CLOSED) {
  }
  outbox_free(box->outbox);
}

static void remove_files(void) {
  static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
  char name[PATH_CAP + 8];
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    (void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
    (void)unlink(name);
  }
}

/* Puts `count` messages, then waits until all are stored: one turn of a loop. */
static void store_turn(struct box *box, unsigned count) {
  static const char payload[PAYLOAD_LEN] = "bench";
  struct outbox_event event;
  uint64_t number;
  for (unsigned i = 0; i < count; i++) {
    char id[37];
    (void)snprintf(id, sizeof id, "01939c5e-0000-7000-8000-%012" PRIx64,
                   box->id++ & 0xffffffffffff);
    const struct outbox_put put = {.opcode = 1,
                                   .data = payload,
                                   .len = sizeof payload,
                                   .id = id,
                                   .expires_at_wall_ms = INT64_MAX};
    if (outbox_put(box->outbox, &put, &number) != OUTBOX_OK)
      die("a put was refused");
  }
  for (unsigned i = 0; i < count; i++)
    (void)box_next(box, &event);
}

/* ---- the parts ---------------------------------------------------------------------------- */

static void store(unsigned turn, uint32_t durability_ms) {
  struct box box;
  uint64_t count = 0;
  remove_files();
  box_open(&box, durability_ms);
  store_turn(&box, turn); /* the log has begun */
  const uint64_t begin_ns = clock_ns(), begin_syncs = atomic_load(&syncs);
  for (; clock_ns() - begin_ns < ROW_NS; count += turn)
    store_turn(&box, turn);
  const double seconds = (double)(clock_ns() - begin_ns) / 1e9;
  const double all_syncs = (double)(atomic_load(&syncs) - begin_syncs);
  char durability[32] = "each commit";
  if (durability_ms)
    (void)snprintf(durability, sizeof durability, "each %" PRIu32 " ms", durability_ms);
  printf("| %4u | %-11s | %9.0f | %9.2f | %8.4f |\n", turn, durability, (double)count / seconds,
         seconds * 1e3 * turn / (double)count, all_syncs / (double)count);
  box_close(&box);
}

static double open_once_ms(void) {
  struct box box;
  const uint64_t begin_ns = clock_ns();
  box_open(&box, 0);
  const double ms = (double)(clock_ns() - begin_ns) / 1e6;
  box_close(&box);
  return ms;
}

static void open_often(const char *what) {
  double best = 1e9, worst = 0;
  for (unsigned i = 0; i < OPENINGS; i++) {
    const double ms = open_once_ms();
    best = ms < best ? ms : best;
    worst = ms > worst ? ms : worst;
  }
  printf("| open, %-31s | %8.2f ms | worst %.2f ms |\n", what, best, worst);
}

static void open_empty(void) {
  remove_files();
  open_often("empty");
}

static void fill(void) {
  struct box box;
  remove_files();
  box_open(&box, 0);
  for (uint64_t left = backlog; left > 0;) {
    const unsigned turn = left < BACKLOG_TURN ? (unsigned)left : BACKLOG_TURN;
    store_turn(&box, turn);
    left -= turn;
  }
  box_close(&box);
}

static void open_full(void) {
  open_often("with the backlog");
}

/* A window of messages is out; each that comes is confirmed at once. */
static void drain(void) {
  struct box box;
  struct outbox_event event;
  struct rusage usage;
  box_open(&box, 0);
  const uint64_t begin_ns = clock_ns();
  outbox_want(box.outbox, WINDOW, UINT64_MAX);
  for (uint64_t i = 0; i < backlog; i++) {
    if (box_next(&box, &event) != OUTBOX_MESSAGE)
      die("something else came than a message");
    outbox_remove(box.outbox, event.number);
    outbox_want(box.outbox, 1, 0);
    free(event.memory);
  }
  while (outbox_oldest(box.outbox) != UINT64_MAX) {
    struct timespec pause = {.tv_nsec = 1000000};
    nanosleep(&pause, NULL);
  }
  const double seconds = (double)(clock_ns() - begin_ns) / 1e9;
  box_close(&box);
  getrusage(RUSAGE_SELF, &usage);
  printf("| drain, %-30s | %6.0f K/s   | resident %.1f MiB |\n", "reading and removing",
         (double)backlog / seconds / 1e3, (double)usage.ru_maxrss / 1024);
}

/* ---- the run ------------------------------------------------------------------------------ */

static const char *file_system(const char *folder) {
  static char name[64] = "unknown";
  char real[PATH_CAP];
  size_t best_len = 0;
  FILE *mounts = setmntent("/proc/self/mounts", "r");
  if (!mounts || !realpath(folder, real))
    return name;
  for (const struct mntent *m = getmntent(mounts); m; m = getmntent(mounts)) {
    const size_t len = strlen(m->mnt_dir);
    if (strncmp(real, m->mnt_dir, len) == 0 && len >= best_len) {
      best_len = len;
      (void)snprintf(name, sizeof name, "%s", m->mnt_type);
    }
  }
  endmntent(mounts);
  return name;
}

/* A process of its own, so that one part's memory is not counted to another. */
static void part(void (*run)(void)) {
  int status;
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    count_syncs();
    run();
    fflush(stdout);
    _exit(0);
  }
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
    die("a part failed");
}

static void store_by_one(void) {
  store(1, 0);
}

static void store_by_20(void) {
  store(20, 0);
}

static void store_by_500(void) {
  store(500, 0);
}

static void store_by_one_relaxed(void) {
  store(1, 100);
}

int main(int argc, char **argv) {
  const char *folder = argc > 1 ? argv[1] : ".";
  if (argc > 3 || (argc == 3 && (backlog = strtoull(argv[2], NULL, 10)) == 0))
    die("usage: bench-outbox [FOLDER [COUNT]]");
  (void)snprintf(path, sizeof path, "%s/bench-outbox.box", folder);
  printf("Messages of %d bytes on %s\n\n", PAYLOAD_LEN, file_system(folder));
  printf("| turn | synced      | stored /s | ms a turn | syncs each |\n"
         "| ---: | ----------- | --------: | --------: | ---------: |\n");
  part(store_by_one);
  part(store_by_20);
  part(store_by_500);
  part(store_by_one_relaxed);
  printf("\nA backlog of %" PRIu64 "\n\n| what | | |\n| --- | --- | --- |\n", backlog);
  part(open_empty);
  part(fill);
  part(open_full);
  part(drain);
  remove_files();
  return 0;
}
