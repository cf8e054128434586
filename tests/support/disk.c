#define _GNU_SOURCE
#include "disk.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 8
#define SECTOR_LEN ((size_t)512)
#define KINDS_COUNT 6

/* A write or truncation that was not synced. */
struct change {
  struct change *next;
  bool is_truncation;
  size_t at, len; /* a truncation: `at` is the length */
  uint8_t bytes[];
};

struct bytes {
  uint8_t *data;
  size_t len, cap;
};

/* What the disk holds of a file. */
struct image {
  char path[512];
  struct bytes synced;
  struct change *first, **end;
  size_t visible_len;
  bool is_deleted; /* and the folder not synced since, unless `synced` is empty */
  bool is_new;     /* its first sync is one of the folder too, as SQLite does it on Unix */
};

struct disk_file {
  sqlite3_file base;
  struct image *image; /* NULL: not a file that lasts */
  sqlite3_file real[]; /* the default VFS's, longer than that */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sqlite3_vfs vfs, *beneath;
static struct {
  struct image images[FILES_MAX];
  unsigned images_count, open_count;
  unsigned counts[KINDS_COUNT];
  struct disk_fault fault;
  unsigned fault_seen;
  uint64_t room;
  unsigned cut_at;
  bool is_off;
  uint64_t random;
} disk;

static uint64_t chance(void) { /* xorshift64* */
  disk.random ^= disk.random >> 12;
  disk.random ^= disk.random << 25;
  disk.random ^= disk.random >> 27;
  return disk.random * UINT64_C(0x2545f4914f6cdd1d) >> 33;
}

/* ---- images ---- */

static void must(bool is_so) {
  if (!is_so)
    abort(); /* the test's own machine failed */
}

/* Doubled, since files grow by pages: each growth copies, and under AddressSanitizer slowly. */
static void reserve(struct bytes *b, size_t len) {
  if (len <= b->cap)
    return;
  b->cap = 2 * len;
  b->data = realloc(b->data, b->cap);
  must(b->data != NULL);
}

static void apply(struct bytes *b, const struct change *c, size_t from, size_t len) {
  const size_t end = c->is_truncation ? c->at : c->at + from + len;
  if (end > b->len) {
    reserve(b, end);
    memset(b->data + b->len, 0, end - b->len);
    b->len = end;
  }
  if (c->is_truncation)
    b->len = c->at;
  else if (len)
    memcpy(b->data + c->at + from, c->bytes + from, len);
}

static void apply_torn(struct bytes *b, const struct change *c) {
  const uint64_t lot = chance() % 3;
  if (lot == 0)
    return;
  if (lot == 1 || c->is_truncation) {
    apply(b, c, 0, c->len);
    return;
  }
  for (size_t from = 0; from < c->len; from += SECTOR_LEN)
    if (chance() & 1)
      apply(b, c, from, c->len - from < SECTOR_LEN ? c->len - from : SECTOR_LEN);
}

static void settle(struct image *image, enum disk_loss loss) {
  while (image->first) {
    struct change *const c = image->first;
    image->first = c->next;
    if (loss == DISK_KEEPS_ALL)
      apply(&image->synced, c, 0, c->len);
    else if (loss == DISK_TEARS)
      apply_torn(&image->synced, c);
    free(c);
  }
  image->end = &image->first;
}

static void note(struct image *image, bool is_truncation, const void *data, size_t at, size_t len) {
  struct change *c = malloc(sizeof *c + len);
  must(c != NULL);
  *c = (struct change){.is_truncation = is_truncation, .at = at, .len = len};
  if (len)
    memcpy(c->bytes, data, len);
  *image->end = c;
  image->end = &c->next;
  const size_t end = at + len;
  if (is_truncation || end > image->visible_len)
    image->visible_len = end;
}

static void load(struct image *image) {
  struct stat status;
  const int descriptor = open(image->path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return;
  must(fstat(descriptor, &status) == 0);
  image->synced.len = image->visible_len = (size_t)status.st_size;
  reserve(&image->synced, image->synced.len + 1);
  must(read(descriptor, image->synced.data, image->synced.len) == (ssize_t)image->synced.len);
  close(descriptor);
}

static struct image *find_image(const char *path) {
  for (unsigned i = 0; i < disk.images_count; i++)
    if (strcmp(disk.images[i].path, path) == 0)
      return &disk.images[i];
  return NULL;
}

static struct image *take_image(const char *path) {
  struct image *image = find_image(path);
  if (!image) {
    must(disk.images_count < FILES_MAX && strlen(path) < sizeof image->path);
    image = &disk.images[disk.images_count++];
    memset(image, 0, sizeof *image);
    strcpy(image->path, path);
    image->end = &image->first;
    image->is_new = true;
    load(image);
  } else if (image->is_deleted) { /* made anew: the old one cannot come back under its name */
    image->is_deleted = false;
    image->is_new = true;
    image->synced.len = 0;
  }
  return image;
}

static void store(const struct image *image) {
  const int descriptor = open(image->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  must(descriptor >= 0);
  must(write(descriptor, image->synced.data, image->synced.len) == (ssize_t)image->synced.len);
  close(descriptor);
}

/* ---- what each operation meets ---- */

static unsigned index_of(unsigned kind) {
  return (unsigned)__builtin_ctz(kind);
}

static unsigned count(unsigned kinds) {
  unsigned sum = 0;
  for (unsigned i = 0; i < KINDS_COUNT; i++)
    if (kinds & 1u << i)
      sum += disk.counts[i];
  return sum;
}

/* SQLITE_OK, or how it fails. `*is_last`: the power goes, and what this operation changes may still
 * be kept. */
static int meet(unsigned kind, int off_code, bool *is_last) {
  *is_last = false;
  if (disk.is_off)
    return off_code;
  disk.counts[index_of(kind)]++;
  if (disk.cut_at && (kind & DISK_CHANGES) && count(DISK_CHANGES) == disk.cut_at) {
    disk.is_off = *is_last = true;
    return off_code;
  }
  const struct disk_fault *fault = &disk.fault;
  if (!(fault->kinds & kind) || fault->at == 0)
    return SQLITE_OK;
  disk.fault_seen++;
  if (disk.fault_seen == fault->at || (fault->for_good && disk.fault_seen > fault->at))
    return fault->code;
  return SQLITE_OK;
}

static bool has_room(const struct image *image, size_t end) {
  uint64_t all = end > image->visible_len ? end - image->visible_len : 0;
  for (unsigned i = 0; i < disk.images_count; i++)
    all += disk.images[i].visible_len;
  return all <= disk.room || end <= image->visible_len;
}

/* ---- files ---- */

static struct disk_file *own(sqlite3_file *file) {
  return (struct disk_file *)file;
}

static int disk_close(sqlite3_file *file) {
  sqlite3_file *real = own(file)->real;
  pthread_mutex_lock(&lock);
  disk.open_count--;
  pthread_mutex_unlock(&lock);
  return real->pMethods ? real->pMethods->xClose(real) : SQLITE_OK;
}

static int disk_read(sqlite3_file *file, void *into, int len, sqlite3_int64 at) {
  sqlite3_file *real = own(file)->real;
  bool is_last;
  pthread_mutex_lock(&lock);
  const int code = meet(DISK_READ, SQLITE_IOERR_READ, &is_last);
  pthread_mutex_unlock(&lock);
  return code != SQLITE_OK ? code : real->pMethods->xRead(real, into, len, at);
}

static int write_all(struct disk_file *file, const void *data, int len, sqlite3_int64 at) {
  if (file->image)
    note(file->image, false, data, (size_t)at, (size_t)len);
  return file->real->pMethods->xWrite(file->real, data, len, at);
}

static int disk_write(sqlite3_file *base, const void *data, int len, sqlite3_int64 at) {
  struct disk_file *file = own(base);
  bool is_last;
  pthread_mutex_lock(&lock);
  int code = meet(DISK_WRITE, SQLITE_IOERR_WRITE, &is_last);
  if (code == SQLITE_OK && file->image && !has_room(file->image, (size_t)at + (size_t)len))
    code = SQLITE_FULL;
  if (code == SQLITE_OK)
    code = write_all(file, data, len, at);
  else if (is_last && file->image)
    note(file->image, false, data, (size_t)at, (size_t)len);
  else if (!disk.is_off && disk.fault.is_short)
    (void)write_all(file, data, len / 2, at);
  pthread_mutex_unlock(&lock);
  return code;
}

static int disk_truncate(sqlite3_file *base, sqlite3_int64 len) {
  struct disk_file *file = own(base);
  bool is_last;
  pthread_mutex_lock(&lock);
  int code = meet(DISK_TRUNCATE, SQLITE_IOERR_TRUNCATE, &is_last);
  if ((code == SQLITE_OK || is_last) && file->image)
    note(file->image, true, NULL, (size_t)len, 0);
  if (code == SQLITE_OK)
    code = file->real->pMethods->xTruncate(file->real, len);
  pthread_mutex_unlock(&lock);
  return code;
}

/* What was deleted stays so. */
static void sync_folder(void) {
  for (unsigned i = 0; i < disk.images_count; i++)
    if (disk.images[i].is_deleted)
      disk.images[i].synced.len = 0;
}

static void sync_file(struct image *image) {
  settle(image, DISK_KEEPS_ALL);
  if (image->is_new)
    sync_folder();
  image->is_new = false;
}

static int disk_sync(sqlite3_file *base, int flags) {
  struct disk_file *file = own(base);
  bool is_last;
  (void)flags;
  pthread_mutex_lock(&lock);
  const int code = meet(DISK_SYNC, SQLITE_IOERR_FSYNC, &is_last);
  if (code == SQLITE_OK && file->image)
    sync_file(file->image);
  else if (file->image &&
           !disk.is_off) /* as Linux does: what could not be written counts as clean */
    settle(file->image, DISK_TEARS);
  pthread_mutex_unlock(&lock);
  return code;
}

static int disk_file_size(sqlite3_file *file, sqlite3_int64 *len) {
  sqlite3_file *real = own(file)->real;
  return real->pMethods->xFileSize(real, len);
}

static int disk_lock(sqlite3_file *file, int level) {
  sqlite3_file *real = own(file)->real;
  return real->pMethods->xLock(real, level);
}

static int disk_unlock(sqlite3_file *file, int level) {
  sqlite3_file *real = own(file)->real;
  return real->pMethods->xUnlock(real, level);
}

static int disk_check_lock(sqlite3_file *file, int *result) {
  sqlite3_file *real = own(file)->real;
  return real->pMethods->xCheckReservedLock(real, result);
}

static int disk_control(sqlite3_file *file, int op, void *argument) {
  sqlite3_file *real = own(file)->real;
  if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE)
    return SQLITE_OK; /* would change the file behind our back */
  return real->pMethods->xFileControl(real, op, argument);
}

static int disk_sector_size(sqlite3_file *file) {
  sqlite3_file *real = own(file)->real;
  return real->pMethods->xSectorSize(real);
}

static int disk_characteristics(sqlite3_file *file) {
  sqlite3_file *real = own(file)->real;
  return real->pMethods->xDeviceCharacteristics(real);
}

static int disk_shm_map(sqlite3_file *file, int region, int len, int extend, void volatile **at) {
  sqlite3_file *real = own(file)->real;
  return real->pMethods->xShmMap(real, region, len, extend, at);
}

static int disk_shm_lock(sqlite3_file *file, int offset, int n, int flags) {
  sqlite3_file *real = own(file)->real;
  return real->pMethods->xShmLock(real, offset, n, flags);
}

static void disk_shm_barrier(sqlite3_file *file) {
  sqlite3_file *real = own(file)->real;
  real->pMethods->xShmBarrier(real);
}

static int disk_shm_unmap(sqlite3_file *file, int delete) {
  sqlite3_file *real = own(file)->real;
  return real->pMethods->xShmUnmap(real, delete);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = disk_close,
    .xRead = disk_read,
    .xWrite = disk_write,
    .xTruncate = disk_truncate,
    .xSync = disk_sync,
    .xFileSize = disk_file_size,
    .xLock = disk_lock,
    .xUnlock = disk_unlock,
    .xCheckReservedLock = disk_check_lock,
    .xFileControl = disk_control,
    .xSectorSize = disk_sector_size,
    .xDeviceCharacteristics = disk_characteristics,
    .xShmMap = disk_shm_map,
    .xShmLock = disk_shm_lock,
    .xShmBarrier = disk_shm_barrier,
    .xShmUnmap = disk_shm_unmap,
};

static int disk_open(sqlite3_vfs *self, const char *name, sqlite3_file *base, int flags,
                     int *out_flags) {
  struct disk_file *file = own(base);
  bool is_last;
  (void)self;
  file->base.pMethods = NULL;
  pthread_mutex_lock(&lock);
  int code = meet(DISK_OPEN, SQLITE_CANTOPEN, &is_last);
  if (code == SQLITE_OK)
    code = beneath->xOpen(beneath, name, file->real, flags, out_flags);
  if (code == SQLITE_OK) {
    const bool lasts = flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL);
    file->image = lasts ? take_image(name) : NULL;
    file->base.pMethods = &methods;
    disk.open_count++;
  }
  pthread_mutex_unlock(&lock);
  return code;
}

static int disk_delete(sqlite3_vfs *self, const char *name, int is_synced) {
  bool is_last;
  (void)self;
  pthread_mutex_lock(&lock);
  int code = meet(DISK_DELETE, SQLITE_IOERR_DELETE, &is_last);
  struct image *image = find_image(name);
  if (code == SQLITE_OK)
    code = beneath->xDelete(beneath, name, 0);
  if (image && (code == SQLITE_OK || is_last)) {
    image->is_deleted = true;
    image->visible_len = 0;
    settle(image, DISK_KEEPS_ALL); /* if it comes back: then as it was last seen */
    if (is_synced)
      image->synced.len = 0;
  }
  pthread_mutex_unlock(&lock);
  return code;
}

static void register_vfs(void) {
  beneath = sqlite3_vfs_find(NULL);
  vfs = *beneath;
  vfs.pNext = NULL;
  vfs.zName = DISK_NAME;
  vfs.szOsFile = (int)sizeof(struct disk_file) + beneath->szOsFile;
  vfs.xOpen = disk_open;
  vfs.xDelete = disk_delete;
  must(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
}

/* ---- for the test ---- */

void disk_reset(uint64_t seed) {
  pthread_mutex_lock(&lock);
  must(disk.open_count == 0); /* a thread that was left behind would write what is freed here */
  for (unsigned i = 0; i < disk.images_count; i++) {
    settle(&disk.images[i], DISK_LOSES_ALL);
    free(disk.images[i].synced.data);
  }
  memset(&disk, 0, sizeof disk);
  disk.room = UINT64_MAX;
  disk.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
  if (!beneath)
    register_vfs();
  pthread_mutex_unlock(&lock);
}

void disk_fail(const struct disk_fault *fault) {
  pthread_mutex_lock(&lock);
  disk.fault = *fault;
  disk.fault_seen = 0;
  pthread_mutex_unlock(&lock);
}

unsigned disk_count(unsigned kinds) {
  pthread_mutex_lock(&lock);
  const unsigned sum = count(kinds);
  pthread_mutex_unlock(&lock);
  return sum;
}

void disk_set_room(uint64_t bytes) {
  pthread_mutex_lock(&lock);
  disk.room = bytes;
  pthread_mutex_unlock(&lock);
}

void disk_cut_at(unsigned operation) {
  pthread_mutex_lock(&lock);
  disk.cut_at = operation;
  pthread_mutex_unlock(&lock);
}

bool disk_is_off(void) {
  pthread_mutex_lock(&lock);
  const bool is_off = disk.is_off;
  pthread_mutex_unlock(&lock);
  return is_off;
}

/* The index of the log lives in memory: it is gone. */
static void restore(struct image *image, enum disk_loss loss) {
  char index[sizeof image->path + 8];
  settle(image, loss);
  const bool comes_back = image->synced.len > 0 && loss == DISK_TEARS && (chance() & 1);
  const bool is_back = !image->is_deleted || comes_back;
  if (is_back)
    store(image);
  else
    (void)unlink(image->path);
  image->is_deleted = !is_back;
  image->visible_len = is_back ? image->synced.len : 0;
  (void)snprintf(index, sizeof index, "%s-shm", image->path);
  (void)unlink(index);
}

void disk_power_on(enum disk_loss loss) {
  pthread_mutex_lock(&lock);
  for (unsigned i = 0; i < disk.images_count; i++)
    restore(&disk.images[i], loss);
  disk.is_off = false;
  disk.cut_at = 0;
  pthread_mutex_unlock(&lock);
}
