/*
 * Stands in front of the C library (LD_PRELOAD) and makes system calls fail, for the tests of this
 * folder. What the environment says:
 *
 *   LIMPET_FAULT=NAME:FIRST:COUNT:ERRNO   calls FIRST to FIRST + COUNT - 1 of NAME (counted from 1,
 * over all threads) fail with that errno, a number. ERRNO 0: read and write only half of what they
 * are asked to LIMPET_FAULT=clock:FIRST:MS:0         from call FIRST on the monotonic clock stands
 * still for MS milliseconds, and then shows the right time LIMPET_FAULT_COUNTS=FILE where calls are
 * counted, even if the program is killed: one `struct counter` for each name
 *
 * "malloc" stands for malloc, calloc and realloc; "read_inner" and "write_inner" for what libuv
 * reads and writes in the pipes and event descriptors of this very process, which can be
 * interrupted but not broken. Several names of one call (open, open64, ...) are one. Calls that the
 * C library makes itself (standard output, look-ups) are not seen.
 */
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS /* both of each pair are wanted: open and open64 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NAMES(X)                                                                                   \
  X(accept4)                                                                                       \
  X(bind)                                                                                          \
  X(clock)                                                                                         \
  X(connect)                                                                                       \
  X(dup3)                                                                                          \
  X(epoll_create1)                                                                                 \
  X(epoll_ctl)                                                                                     \
  X(epoll_wait)                                                                                    \
  X(eventfd)                                                                                       \
  X(fcntl)                                                                                         \
  X(fdatasync)                                                                                     \
  X(flock)                                                                                         \
  X(fstat)                                                                                         \
  X(fsync)                                                                                         \
  X(ftruncate)                                                                                     \
  X(getaddrinfo)                                                                                   \
  X(getpeername)                                                                                   \
  X(getrandom)                                                                                     \
  X(getsockname)                                                                                   \
  X(getsockopt)                                                                                    \
  X(ioctl)                                                                                         \
  X(listen)                                                                                        \
  X(lstat)                                                                                         \
  X(malloc)                                                                                        \
  X(mmap)                                                                                          \
  X(open)                                                                                          \
  X(pipe2)                                                                                         \
  X(pread)                                                                                         \
  X(pthread_create)                                                                                \
  X(pwrite)                                                                                        \
  X(read)                                                                                          \
  X(read_inner)                                                                                    \
  X(readv)                                                                                         \
  X(recv)                                                                                          \
  X(recvmsg)                                                                                       \
  X(send)                                                                                          \
  X(sendmsg)                                                                                       \
  X(setsockopt)                                                                                    \
  X(shutdown)                                                                                      \
  X(socket)                                                                                        \
  X(splice)                                                                                        \
  X(stat)                                                                                          \
  X(unlink)                                                                                        \
  X(write)                                                                                         \
  X(write_inner)                                                                                   \
  X(writev)

#define AS_INDEX(name) AT_##name,
enum index { NAMES(AS_INDEX) NAMES_COUNT };

#define AS_TEXT(name) #name,
static const char *const names[NAMES_COUNT] = {NAMES(AS_TEXT)};

struct counter {
  char name[24];
  _Atomic uint64_t calls;
};

/* Less is a number or a signal's, which the kernel hands over whole. */
#define HALVED_MIN 16
#define FDS_MAX 65536

static struct counter own_counters[NAMES_COUNT];
static struct counter *counters = own_counters;
static int fault_index = -1, fault_errno;
static uint64_t fault_first, fault_count;
static atomic_bool is_armed;

#define REAL(name) ((__typeof__(&(name)))real_of(#name, &place))

static void *real_of(const char *name, _Atomic(void *) *place) {
  void *found = atomic_load_explicit(place, memory_order_relaxed);
  if (!found) {
    found = dlsym(RTLD_NEXT, name);
    atomic_store_explicit(place, found, memory_order_relaxed);
  }
  return found;
}

static uint64_t count(enum index at) {
  return atomic_load_explicit(&is_armed, memory_order_relaxed)
             ? atomic_fetch_add_explicit(&counters[at].calls, 1, memory_order_relaxed) + 1
             : 0;
}

static bool is_hit(enum index at) {
  const uint64_t call = count(at);
  return (int)at == fault_index && call >= fault_first && call - fault_first < fault_count;
}

/* True: the call fails, and errno says how. */
static bool fails(enum index at) {
  if (!is_hit(at) || !fault_errno)
    return false;
  errno = fault_errno;
  return true;
}

/* How much of `len` a call may move. */
static bool fails_or_halves(enum index at, size_t *len) {
  if (!is_hit(at))
    return false;
  errno = fault_errno;
  if (!fault_errno && *len > HALVED_MIN)
    *len /= 2;
  return fault_errno != 0;
}

static void map_counters(const char *path) {
  static _Atomic(void *) place;
  const size_t size = NAMES_COUNT * sizeof *counters;
  const int fd = path ? REAL(open)(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
  if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
    return;
  void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (shared == MAP_FAILED)
    abort();
  counters = shared;
  for (int i = 0; i < NAMES_COUNT; i++)
    (void)snprintf(counters[i].name, sizeof counters[i].name, "%s", names[i]);
  close(fd);
}

static void take_fault(const char *text) {
  char name[32];
  unsigned long long first, number;
  if (!text)
    return;
  if (sscanf(text, "%31[^:]:%llu:%llu:%d", name, &first, &number, &fault_errno) != 4)
    abort();
  for (int i = 0; i < NAMES_COUNT; i++)
    if (strcmp(names[i], name) == 0)
      fault_index = i;
  if (fault_index < 0)
    abort();
  fault_first = first;
  fault_count = number;
}

/* What the program starts itself (a shell, another of its kind) is left alone. */
__attribute__((constructor)) static void arm(void) {
  map_counters(getenv("LIMPET_FAULT_COUNTS"));
  take_fault(getenv("LIMPET_FAULT"));
  unsetenv("LD_PRELOAD");
  atomic_store(&is_armed, true);
}

/* ---- pipes and event descriptors of our own ---- */

static atomic_bool is_inner[FDS_MAX];

static void note(int fd, bool is_ours) {
  if (fd >= 0 && fd < FDS_MAX)
    atomic_store_explicit(&is_inner[fd], is_ours, memory_order_relaxed);
}

static bool is_ours(int fd) {
  return fd >= 0 && fd < FDS_MAX && atomic_load_explicit(&is_inner[fd], memory_order_relaxed);
}

int close(int fd) {
  static _Atomic(void *) place;
  note(fd, false);
  return REAL(close)(fd);
}

int eventfd(unsigned initial, int flags) {
  static _Atomic(void *) place;
  const int fd = fails(AT_eventfd) ? -1 : REAL(eventfd)(initial, flags);
  note(fd, true);
  return fd;
}

int pipe2(int fds[2], int flags) {
  static _Atomic(void *) place;
  if (fails(AT_pipe2) || REAL(pipe2)(fds, flags) != 0)
    return -1;
  note(fds[0], true);
  note(fds[1], true);
  return 0;
}

/* ---- memory ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

void *malloc(size_t size) {
  return fails(AT_malloc) ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  return fails(AT_malloc) ? NULL : __libc_calloc(number, size);
}

void *realloc(void *block, size_t size) {
  return fails(AT_malloc) ? NULL : __libc_realloc(block, size);
}

/* ---- calls that are made or fail ---- */

#define PASSING(type, name, at, failed, parameters, arguments)                                     \
  type name parameters {                                                                           \
    static _Atomic(void *) place;                                                                  \
    return fails(AT_##at) ? (failed) : REAL(name) arguments;                                       \
  }

PASSING(int, accept4, accept4, -1, (int fd, struct sockaddr *a, socklen_t *len, int flags),
        (fd, a, len, flags))
PASSING(int, bind, bind, -1, (int fd, const struct sockaddr *a, socklen_t len), (fd, a, len))
PASSING(int, connect, connect, -1, (int fd, const struct sockaddr *a, socklen_t len), (fd, a, len))
PASSING(int, dup3, dup3, -1, (int old, int fd, int flags), (old, fd, flags))
PASSING(int, epoll_create1, epoll_create1, -1, (int flags), (flags))
PASSING(int, epoll_ctl, epoll_ctl, -1, (int at, int op, int fd, struct epoll_event *event),
        (at, op, fd, event))
PASSING(int, epoll_wait, epoll_wait, -1, (int at, struct epoll_event *event, int max, int timeout),
        (at, event, max, timeout))
PASSING(int, epoll_pwait, epoll_wait, -1,
        (int at, struct epoll_event *event, int max, int timeout, const sigset_t *set),
        (at, event, max, timeout, set))
PASSING(int, fdatasync, fdatasync, -1, (int fd), (fd))
PASSING(int, flock, flock, -1, (int fd, int operation), (fd, operation))
PASSING(int, fstat, fstat, -1, (int fd, struct stat *s), (fd, s))
PASSING(int, fstat64, fstat, -1, (int fd, struct stat64 *s), (fd, s))
PASSING(int, fsync, fsync, -1, (int fd), (fd))
PASSING(int, ftruncate, ftruncate, -1, (int fd, off_t len), (fd, len))
PASSING(int, ftruncate64, ftruncate, -1, (int fd, off64_t len), (fd, len))
PASSING(int, getaddrinfo, getaddrinfo, EAI_SYSTEM,
        (const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **to),
        (host, service, hints, to))
PASSING(int, getpeername, getpeername, -1, (int fd, struct sockaddr *a, socklen_t *len),
        (fd, a, len))
PASSING(ssize_t, getrandom, getrandom, -1, (void *to, size_t len, unsigned flags), (to, len, flags))
PASSING(int, getentropy, getrandom, -1, (void *to, size_t len), (to, len))
PASSING(int, getsockname, getsockname, -1, (int fd, struct sockaddr *a, socklen_t *len),
        (fd, a, len))
PASSING(int, getsockopt, getsockopt, -1, (int fd, int level, int name, void *to, socklen_t *len),
        (fd, level, name, to, len))
PASSING(int, listen, listen, -1, (int fd, int backlog), (fd, backlog))
PASSING(int, lstat, lstat, -1, (const char *path, struct stat *s), (path, s))
PASSING(int, lstat64, lstat, -1, (const char *path, struct stat64 *s), (path, s))
PASSING(void *, mmap, mmap, MAP_FAILED, (void *at, size_t len, int p, int flags, int fd, off_t o),
        (at, len, p, flags, fd, o))
PASSING(void *, mmap64, mmap, MAP_FAILED,
        (void *at, size_t len, int p, int flags, int fd, off64_t o), (at, len, p, flags, fd, o))
PASSING(int, pthread_create, pthread_create, errno,
        (pthread_t * thread, const pthread_attr_t *how, void *(*run)(void *), void *argument),
        (thread, how, run, argument))
PASSING(ssize_t, readv, readv, -1, (int fd, const struct iovec *to, int number), (fd, to, number))
PASSING(ssize_t, recvmsg, recvmsg, -1, (int fd, struct msghdr *message, int flags),
        (fd, message, flags))
PASSING(ssize_t, sendmsg, sendmsg, -1, (int fd, const struct msghdr *message, int flags),
        (fd, message, flags))
PASSING(int, setsockopt, setsockopt, -1,
        (int fd, int level, int name, const void *value, socklen_t len),
        (fd, level, name, value, len))
PASSING(int, shutdown, shutdown, -1, (int fd, int how), (fd, how))
PASSING(int, socket, socket, -1, (int family, int type, int protocol), (family, type, protocol))
PASSING(ssize_t, splice, splice, -1,
        (int in, off64_t *in_at, int out, off64_t *out_at, size_t len, unsigned flags),
        (in, in_at, out, out_at, len, flags))
PASSING(int, stat, stat, -1, (const char *path, struct stat *s), (path, s))
PASSING(int, stat64, stat, -1, (const char *path, struct stat64 *s), (path, s))
PASSING(int, unlink, unlink, -1, (const char *path), (path))
PASSING(ssize_t, writev, writev, -1, (int fd, const struct iovec *from, int number),
        (fd, from, number))

/* ---- calls that also do half ---- */

#define MOVING_AS(name, index, parameters, arguments)                                              \
  ssize_t name parameters {                                                                        \
    static _Atomic(void *) place;                                                                  \
    return fails_or_halves(index, &len) ? -1 : REAL(name) arguments;                               \
  }
#define MOVING(name, at, parameters, arguments) MOVING_AS(name, AT_##at, parameters, arguments)

MOVING(pread, pread, (int fd, void *to, size_t len, off_t at), (fd, to, len, at))
MOVING(pread64, pread, (int fd, void *to, size_t len, off64_t at), (fd, to, len, at))
MOVING(pwrite, pwrite, (int fd, const void *from, size_t len, off_t at), (fd, from, len, at))
MOVING(pwrite64, pwrite, (int fd, const void *from, size_t len, off64_t at), (fd, from, len, at))
MOVING_AS(read, is_ours(fd) ? AT_read_inner : AT_read, (int fd, void *to, size_t len),
          (fd, to, len))
MOVING(recv, recv, (int fd, void *to, size_t len, int flags), (fd, to, len, flags))
MOVING(send, send, (int fd, const void *from, size_t len, int flags), (fd, from, len, flags))
MOVING_AS(write, is_ours(fd) ? AT_write_inner : AT_write, (int fd, const void *from, size_t len),
          (fd, from, len))

/* ---- calls with more or fewer arguments ---- */

#define OPENING(name)                                                                              \
  int name(const char *path, int flags, ...) {                                                     \
    static _Atomic(void *) place;                                                                  \
    va_list more;                                                                                  \
    va_start(more, flags);                                                                         \
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                  \
    va_end(more);                                                                                  \
    return fails(AT_open) ? -1 : REAL(name)(path, flags, mode);                                    \
  }

OPENING(open)
OPENING(open64)

/* Letting go of a lock cannot fail for want of anything. */
static bool is_letting_go(int what, const void *argument) {
  return (what == F_SETLK || what == F_OFD_SETLK) &&
         ((const struct flock *)argument)->l_type == F_UNLCK;
}

#define CONTROLLING(name, type, at, is_sure)                                                       \
  int name(int fd, type what, ...) {                                                               \
    static _Atomic(void *) place;                                                                  \
    va_list more;                                                                                  \
    va_start(more, what);                                                                          \
    void *argument = va_arg(more, void *);                                                         \
    va_end(more);                                                                                  \
    return !(is_sure) && fails(AT_##at) ? -1 : REAL(name)(fd, what, argument);                     \
  }

CONTROLLING(fcntl, int, fcntl, is_letting_go(what, argument))
CONTROLLING(fcntl64, int, fcntl, is_letting_go(what, argument))
CONTROLLING(ioctl, unsigned long, ioctl, false)

/* ---- time ---- */

static bool is_monotonic(clockid_t which) {
  return which == CLOCK_MONOTONIC || which == CLOCK_MONOTONIC_COARSE;
}

static int64_t ns_of(const struct timespec *t) {
  return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

/* Both clocks stand at one moment, that of the first call; two threads that come at once may see
   two, a little apart, as from a clock that has not stopped yet. */
static void stand_still(struct timespec *now) {
  static _Atomic int64_t stands_at_ns;
  int64_t at_ns = 0;
  if (atomic_compare_exchange_strong(&stands_at_ns, &at_ns, ns_of(now)))
    at_ns = ns_of(now);
  if (ns_of(now) - at_ns >= (int64_t)fault_count * 1000000)
    return;
  now->tv_sec = (time_t)(at_ns / 1000000000);
  now->tv_nsec = (long)(at_ns % 1000000000);
}

int clock_gettime(clockid_t which, struct timespec *now) {
  static _Atomic(void *) place;
  const int result = REAL(clock_gettime)(which, now);
  if (result == 0 && is_monotonic(which) && count(AT_clock) >= fault_first && fault_first &&
      fault_index == AT_clock)
    stand_still(now);
  return result;
}
