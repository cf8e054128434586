/* Standard output. */
#include "printer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK ((size_t)64 * 1024) /* so much is not kept for the end of the turn */
#define FULL ((size_t)16 * 1024 * 1024)

/* ---- what is gathered ---- */

static bool make_room(struct printer *printer, size_t len) {
  if (printer->cap - printer->end >= len)
    return true;
  if (printer->begin > 0)
    memmove(printer->bytes, printer->bytes + printer->begin, printer->end - printer->begin);
  printer->end -= printer->begin;
  printer->begin = 0;
  const size_t cap = 2 * (printer->end + len);
  char *grown = cap > printer->cap ? realloc(printer->bytes, cap) : printer->bytes;
  if (!grown) {
    errno = ENOMEM;
    return false;
  }
  printer->cap = cap > printer->cap ? cap : printer->cap;
  printer->bytes = grown;
  return true;
}

static void put(struct printer *printer, const void *data, size_t len) {
  if (len > 0)
    memcpy(printer->bytes + printer->end, data, len);
  printer->end += len;
}

bool printer_put(struct printer *printer, const void *data, size_t len) {
  if (!make_room(printer, len))
    return false;
  put(printer, data, len);
  return true;
}

bool printer_message(struct printer *printer, bool is_binary, const void *data, size_t len) {
  const unsigned char prefix[4] = {(unsigned char)(len >> 24), (unsigned char)(len >> 16),
                                   (unsigned char)(len >> 8), (unsigned char)len};
  if (!make_room(printer, sizeof prefix + len))
    return false;
  if (is_binary)
    put(printer, prefix, sizeof prefix);
  put(printer, data, len);
  if (!is_binary)
    put(printer, "\n", 1);
  return printer->end - printer->begin < CHUNK || printer_flush(printer);
}

/* ---- to the descriptor ---- */

static void set_blocked(struct printer *printer, bool is_blocked);

static void on_writable(uv_poll_t *poll, int status, int events) {
  struct printer *printer = poll->data;
  (void)status; /* write() will say what is wrong */
  (void)events;
  set_blocked(printer, false);
  printer->unblocked(printer->user);
}

static void set_blocked(struct printer *printer, bool is_blocked) {
  if (printer->is_blocked == is_blocked)
    return;
  printer->is_blocked = is_blocked;
  if (is_blocked)
    uv_poll_start(&printer->poll, UV_WRITABLE, on_writable);
  else
    uv_poll_stop(&printer->poll);
}

bool printer_flush(struct printer *printer) {
  while (!printer->is_blocked && printer->begin < printer->end) {
    const ssize_t len =
        write(printer->fd, printer->bytes + printer->begin, printer->end - printer->begin);
    if (len >= 0) {
      printer->begin += (size_t)len;
    } else if (errno == EAGAIN && printer->is_pollable) {
      set_blocked(printer, true);
    } else if (errno != EINTR) {
      const int error = errno;
      printer_drop(printer);
      errno = error;
      return false;
    }
  }
  if (printer->begin == printer->end)
    printer->begin = printer->end = 0;
  return true;
}

bool printer_is_blocked(const struct printer *printer) {
  return printer->is_blocked;
}

bool printer_is_full(const struct printer *printer) {
  return printer->is_blocked && printer->end - printer->begin >= FULL;
}

void printer_drop(struct printer *printer) {
  set_blocked(printer, false);
  printer->begin = printer->end = 0;
}

/* ---- life ---- */

/* A descriptor of our own, as for standard input: that it does not block must not reach those who
   share it. A socket cannot be opened anew. */
static int open_own(void) {
  struct stat facts;
  const int flags = fcntl(STDOUT_FILENO, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || fstat(STDOUT_FILENO, &facts) != 0)
    return -1; /* writing will say what is wrong */
  if (S_ISFIFO(facts.st_mode) || S_ISCHR(facts.st_mode))
    return open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  return -1;
}

void printer_start(struct printer *printer, uv_loop_t *loop, void (*unblocked)(void *user),
                   void *user) {
  const int own = open_own();
  *printer = (struct printer){.fd = own >= 0 ? own : STDOUT_FILENO,
                              .owns_fd = own >= 0,
                              .unblocked = unblocked,
                              .user = user};
  struct stat facts;
  const bool is_socket = fstat(printer->fd, &facts) == 0 && S_ISSOCK(facts.st_mode);
  printer->is_pollable =
      (own >= 0 || is_socket) && uv_poll_init(loop, &printer->poll, printer->fd) == 0;
  printer->poll.data = printer;
}

void printer_deinit(struct printer *printer) {
  printer_drop(printer);
  if (printer->is_pollable)
    uv_close((uv_handle_t *)&printer->poll, NULL);
  if (printer->owns_fd)
    close(printer->fd);
  free(printer->bytes);
  printer->bytes = NULL;
}
