#define _GNU_SOURCE
#include "web.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_CAP 256
#define DEPTH_MAX 16

/* A type that is not known is bytes to keep, never something to run or show. */
static const struct type {
  const char *suffix, *content_type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".txt", "text/plain; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/vnd.microsoft.icon"},
    {".wasm", "application/wasm"},
    {".woff2", "font/woff2"},
    {"", "application/octet-stream"},
};

static const char *find_type(const char *name) {
  const struct type *type = types;
  const char *dot = strrchr(name, '.');
  while (*type->suffix && (!dot || strcmp(dot, type->suffix) != 0))
    type++;
  return type->content_type;
}

/* ---- names ---- */

static bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

/* Takes "/name" off the path; "/" at its end is index.html. */
static bool take_name(struct url_slice *path, char name[NAME_CAP]) {
  size_t len = 0;
  if (path->len == 0 || *path->text != '/')
    return false;
  path->text++;
  path->len--;
  if (path->len == 0) {
    memcpy(name, "index.html", sizeof "index.html");
    return true;
  }
  for (; path->len > 0 && *path->text != '/'; path->text++, path->len--) {
    if (!is_plain(*path->text) || len + 1 == NAME_CAP)
      return false;
    name[len++] = *path->text;
  }
  name[len] = '\0';
  return len > 0 && name[0] != '.';
}

/* One component at a time and never through a link, so that the file is within the folder whatever
   is renamed meanwhile. A FIFO does not block, and is refused afterwards. */
static int open_below(int folder, struct url_slice path, char name[NAME_CAP]) {
  int at = folder;
  for (int depth = 0; depth < DEPTH_MAX && at >= 0; depth++) {
    const bool is_named = take_name(&path, name);
    const int kind = path.len > 0 ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK;
    const int below = is_named ? openat(at, name, kind | O_NOFOLLOW | O_CLOEXEC) : -1;
    close(at);
    at = below;
    if (path.len == 0 || !is_named)
      return at;
  }
  if (at >= 0)
    close(at);
  return -1;
}

/* ---- files ---- */

/* Time and size: what a build tool writes anew is another file. */
static void describe(struct web_file *file, const char *name, const struct stat *status) {
  file->content_type = find_type(name);
  file->is_page = file->content_type == types[0].content_type;
  file->len = (size_t)status->st_size;
  (void)snprintf(file->tag, sizeof file->tag, "W/\"%jx.%lx-%jx\"",
                 (uintmax_t)status->st_mtim.tv_sec, (unsigned long)status->st_mtim.tv_nsec,
                 (uintmax_t)status->st_size);
}

enum web_result web_open(const char *folder, struct url_slice path, struct web_file *file) {
  char name[NAME_CAP];
  struct stat status;
  const int root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  file->fd = root >= 0 ? open_below(root, path, name) : -1;
  if (file->fd < 0)
    return WEB_NOT_FOUND;
  const bool is_file = fstat(file->fd, &status) == 0 && S_ISREG(status.st_mode);
  if (is_file && status.st_size <= (off_t)WEB_FILE_MAX) {
    describe(file, name, &status);
    return WEB_FOUND;
  }
  web_close(file);
  return is_file ? WEB_TOO_BIG : WEB_NOT_FOUND;
}

static bool read_whole(int fd, char *out, size_t len) {
  size_t done = 0;
  while (done < len) {
    const ssize_t count = pread(fd, out + done, len - done, (off_t)done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return false;
    done += (size_t)count;
  }
  return true;
}

char *web_read(const struct web_file *file, enum web_result *result) {
  char *content = malloc(file->len + 1);
  *result = content ? WEB_NOT_FOUND : WEB_NO_MEMORY;
  if (content && !read_whole(file->fd, content, file->len)) {
    free(content);
    content = NULL;
  }
  return content;
}

void web_close(const struct web_file *file) {
  close(file->fd);
}

/* RFC 9110 section 13.1.2: a weak comparison. The tag is found with its quotes, so never within
   another one. */
bool web_is_known(const struct web_file *file, const char *if_none_match) {
  const char *opaque = strchr(file->tag, '"');
  return if_none_match && (strcmp(if_none_match, "*") == 0 || strstr(if_none_match, opaque));
}

bool web_check(const char *folder, char *detail, size_t detail_cap) {
  struct web_file file;
  const int root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) {
    (void)snprintf(detail, detail_cap, "--web: %.200s: %s", folder, strerror(errno));
    return false;
  }
  close(root);
  if (web_open(folder, (struct url_slice){"/", 1}, &file) == WEB_FOUND) {
    web_close(&file);
    return true;
  }
  (void)snprintf(detail, detail_cap, "--web: %.200s has no index.html that can be served", folder);
  return false;
}
