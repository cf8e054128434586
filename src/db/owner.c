#define _GNU_SOURCE
#include "owner.h"
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define SUFFIX "-lock"

struct owner {
  int descriptor;
  char path[PATH_MAX];
};

/* What the symbolic link at `path` names takes its place. */
static bool follow(char path[PATH_MAX]) {
  char folder[PATH_MAX], target[PATH_MAX], named[2 * PATH_MAX];
  const ssize_t len = readlink(path, target, sizeof target - 1);
  if (len < 0)
    return false;
  target[len] = '\0';
  memcpy(folder, path, strlen(path) + 1);
  (void)snprintf(named, sizeof named, "%s/%s", dirname(folder), target);
  const char *found = target[0] == '/' ? target : named;
  if (strlen(found) >= PATH_MAX)
    return false;
  memcpy(path, found, strlen(found) + 1);
  return true;
}

/* A file that is not there yet has a folder that is. */
static bool resolve_name(const char *path, char real[PATH_MAX]) {
  char folder[PATH_MAX], name[PATH_MAX];
  memcpy(folder, path, strlen(path) + 1);
  memcpy(name, path, strlen(path) + 1);
  if (!realpath(dirname(folder), real))
    return false;
  const size_t len = strcmp(real, "/") == 0 ? 0 : strlen(real);
  const int written = snprintf(real + len, PATH_MAX - len, "/%s", basename(name));
  errno = ENAMETOOLONG;
  return written >= 0 && (size_t)written < PATH_MAX - len;
}

/* Nor need a link's file be there, which SQLite would make where the link points to. */
static bool resolve(const char *path, char real[PATH_MAX]) {
  char place[PATH_MAX];
  if (realpath(path, real))
    return true;
  if (errno != ENOENT || strlen(path) >= PATH_MAX)
    return false;
  memcpy(place, path, strlen(path) + 1);
  while (errno == ENOENT && follow(place))
    if (realpath(place, real))
      return true;
  return resolve_name(place, real);
}

static enum db_result kind_of(int error) {
  switch (error) {
  case EWOULDBLOCK:
    return DB_LOCKED;
  case EROFS:
  case EACCES:
  case EPERM:
    return DB_READ_ONLY;
  case ENOSPC:
  case EDQUOT:
    return DB_DISK_FULL;
  case ENOMEM:
    return DB_NO_MEMORY;
  case EIO:
    return DB_IO;
  default:
    return DB_CANNOT_OPEN;
  }
}

/* 0, or what the system said. */
static int lock_file(struct owner *owner) {
  char path[PATH_MAX + sizeof SUFFIX];
  (void)snprintf(path, sizeof path, "%s" SUFFIX, owner->path);
  owner->descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (owner->descriptor < 0)
    return errno;
  while (flock(owner->descriptor, LOCK_EX | LOCK_NB) != 0)
    if (errno != EINTR)
      return errno;
  return 0;
}

static enum db_result refuse(const char *path, int error, char *detail) {
  const enum db_result result = kind_of(error);
  error_write(detail, result, path,
              result == DB_LOCKED ? "another program, or another part of this one, owns it"
                                  : strerror(error));
  return result;
}

enum db_result owner_take(const char *path, struct owner **owner, char detail[DB_DETAIL_CAP]) {
  *owner = NULL;
  struct owner *taken = malloc(sizeof *taken);
  if (!taken)
    return refuse(path, ENOMEM, detail);
  taken->descriptor = -1;
  const int error = resolve(path, taken->path) ? lock_file(taken) : errno;
  if (error) {
    owner_release(taken);
    return refuse(path, error, detail);
  }
  *owner = taken;
  return DB_OK;
}

const char *owner_path(const struct owner *owner) {
  return owner->path;
}

void owner_release(struct owner *owner) {
  if (!owner)
    return;
  if (owner->descriptor >= 0)
    (void)close(owner->descriptor);
  free(owner);
}
