#include "on_open.h"

#include "utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAME_HEAD_MAX 14 /* RFC 6455 section 5.2, masked */

/* ---- the file ---- */

struct content {
  char *bytes;
  size_t len;
};

static bool fail(const struct on_open *o, const char *why, char *error) {
  (void)snprintf(error, ON_OPEN_ERROR_CAP, "the file '%.300s' %s", o->path, why);
  return false;
}

static bool fail_by_system(const struct on_open *o, int number, char *error) {
  char why[128];
  (void)snprintf(why, sizeof why, "cannot be read: %s", strerror(number));
  return fail(o, why, error);
}

/* 0 or an errno. One byte more than is allowed shows that there is more. */
static int read_all(int fd, struct content *content) {
  while (content->len <= ON_OPEN_BYTES_MAX) {
    const ssize_t n = read(fd, content->bytes + content->len, ON_OPEN_BYTES_MAX + 1 - content->len);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return n < 0 ? errno : 0;
    content->len += (size_t)n;
  }
  return 0;
}

/* A pipe could be read only once, and might never end. */
static int read_file(const char *path, struct content *content, bool *is_file) {
  struct stat facts;
  const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return errno;
  int error = fstat(fd, &facts) == 0 ? 0 : errno;
  *is_file = error || S_ISREG(facts.st_mode);
  content->bytes = malloc(ON_OPEN_BYTES_MAX + 1);
  if (!error && !content->bytes)
    error = ENOMEM;
  if (!error && *is_file)
    error = read_all(fd, content);
  close(fd);
  return error;
}

/* ---- its messages ---- */

struct walk {
  const struct on_open *on_open;
  const struct content *content;
  size_t at;
  unsigned long long number; /* of the message found, from 1 */
  struct piece piece;
};

static enum split next_message(struct walk *walk) {
  walk->at += walk->piece.used;
  walk->number++;
  return split_first(&walk->on_open->splitter, walk->content->bytes + walk->at,
                     walk->content->len - walk->at, true, &walk->piece);
}

static bool fail_at(const struct walk *walk, const char *why, char *error) {
  (void)snprintf(error, ON_OPEN_ERROR_CAP, "%s %llu of the file '%.300s' %s",
                 split_unit(&walk->on_open->splitter), walk->number, walk->on_open->path, why);
  return false;
}

static bool fail_to_send(const struct walk *walk, limpet_result result, char *error) {
  char why[128];
  (void)snprintf(why, sizeof why, "was not sent: %s", limpet_result_text(result));
  return fail_at(walk, why, error);
}

static bool check_content(const struct on_open *o, const struct content *content, char *error) {
  struct walk walk = {.on_open = o, .content = content};
  size_t total = 0;
  enum split found;
  while ((found = next_message(&walk)) == SPLIT_FOUND) {
    if (!o->splitter.is_binary && !utf8_is_valid((const uint8_t *)walk.piece.data, walk.piece.len))
      return fail_at(&walk, "is not valid UTF-8", error);
    total += walk.piece.len + FRAME_HEAD_MAX;
    if (total > ON_OPEN_BYTES_MAX)
      return fail(o, "is longer than 1000000 bytes, 14 for each message included", error);
  }
  return found == SPLIT_PART || fail_at(&walk, split_error(found), error);
}

/* To be freed either way. */
static bool load(const struct on_open *o, struct content *content, char *error) {
  bool is_file = true;
  const int number = read_file(o->path, content, &is_file);
  if (number)
    return fail_by_system(o, number, error);
  if (!is_file)
    return fail(o, "is not a regular file; it is read anew for each link", error);
  return check_content(o, content, error);
}

bool on_open_check(const struct on_open *o, char error[ON_OPEN_ERROR_CAP]) {
  struct content content = {NULL, 0};
  const bool is_fine = load(o, &content, error);
  free(content.bytes);
  return is_fine;
}

static bool send_all(const struct on_open *o, const struct content *content, limpet_client *client,
                     unsigned *count, char *error) {
  const limpet_send_options how = {.promise = LIMPET_PROMISE_NOW};
  struct walk walk = {.on_open = o, .content = content};
  while (next_message(&walk) == SPLIT_FOUND) {
    const limpet_result result =
        o->splitter.is_binary
            ? limpet_send_binary(client, walk.piece.data, walk.piece.len, &how, NULL)
            : limpet_send_text(client, walk.piece.data, walk.piece.len, &how, NULL);
    if (result != LIMPET_OK)
      return fail_to_send(&walk, result, error);
    ++*count;
  }
  return true;
}

bool on_open_send(const struct on_open *o, limpet_client *client, unsigned *count,
                  char error[ON_OPEN_ERROR_CAP]) {
  struct content content = {NULL, 0};
  *count = 0;
  const bool is_sent = load(o, &content, error) && send_all(o, &content, client, count, error);
  free(content.bytes);
  return is_sent;
}
