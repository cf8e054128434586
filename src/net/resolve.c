/*
 * Look-ups belong to loops, jobs to threads. A job answers all look-ups that wait for it; each
 * answer travels to its loop as a posted task. All lists are under one lock, also while an answer
 * is posted, so a look-up is either cancelled before (and its loop is never touched) or its task
 * runs and finds it cancelled.
 *
 * Jobs outlive loops, so their memory is the C library's, not a loop's.
 */
#define _GNU_SOURCE
#include "resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#define THREAD_STACK_LEN ((size_t)512 * 1024)

struct job {
  struct job *next;
  struct lookup *waiting;
  uint64_t started_ms;
  int family;
  char host[URL_HOST_CAP];
  struct resolve_answer answer;
};

struct lookup {
  struct net_task task; /* first: a task is its look-up */
  struct lookup *next;
  struct job *job; /* NULL once the answer was posted */
  struct net_loop *loop;
  lookup_done *done;
  void *user;
  bool is_cancelled;
  struct resolve_answer answer;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct job *running;
static struct job *queued;
static unsigned thread_count;
static resolve_function *replacement;

/* ---- answers ---- */

static void take_address(struct resolve_answer *answer, const struct addrinfo *info) {
  struct address *address = &answer->addresses[answer->count];
  if (answer->count == RESOLVE_ADDRESSES_MAX || info->ai_addrlen > sizeof address->as)
    return;
  memset(address, 0, sizeof *address);
  memcpy(&address->as, info->ai_addr, info->ai_addrlen);
  address->len = info->ai_addrlen;
  answer->count++;
}

/* Without AI_ADDRCONFIG: its idea of "configured" leaves out the loopback, and an address of a
   family that this machine lacks fails at once when it is dialed. */
static void ask_system(const char *host, int family, struct resolve_answer *answer) {
  struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  answer->error = getaddrinfo(host, NULL, &hints, &found);
  answer->system_error = answer->error == EAI_SYSTEM ? errno : 0;
  if (answer->error)
    return;
  for (const struct addrinfo *info = found; info; info = info->ai_next)
    take_address(answer, info);
  freeaddrinfo(found);
}

static bool is_local_name(const char *host) {
  size_t len = strlen(host);
  if (len > 0 && host[len - 1] == '.')
    len--;
  const size_t local_len = sizeof "localhost" - 1;
  if (len < local_len || strncasecmp(host + len - local_len, "localhost", local_len) != 0)
    return false;
  return len == local_len || host[len - local_len - 1] == '.';
}

bool resolve_is_known(const char *host, int family, struct resolve_answer *answer) {
  if (is_local_name(host))
    host = family == AF_INET6 ? "::1" : "127.0.0.1";
  answer->count = 0;
  answer->error = 0;
  answer->system_error = 0;
  if (!address_from_ip(&answer->addresses[0], host))
    return false;
  answer->is_known = true;
  if (answer->addresses[0].as.any.sa_family == family)
    answer->count = 1;
  return true;
}

enum link_end_kind resolve_error_kind(const struct resolve_answer *answer) {
  if (answer->error == EAI_MEMORY)
    return LINK_END_NO_MEMORY;
  return answer->error == EAI_SYSTEM ? LINK_END_SYSTEM : LINK_END_DNS;
}

const char *resolve_error_text(const struct resolve_answer *answer) {
  if (answer->error == EAI_SYSTEM)
    return sock_error_text(answer->system_error);
  return answer->error ? gai_strerror(answer->error) : "no address";
}

/* ---- threads ---- */

static void remove_job(struct job **list, const struct job *job) {
  while (*list != job)
    list = &(*list)->next;
  *list = job->next;
}

/* With the lock held. */
static void deliver(struct job *job) {
  while (job->waiting) {
    struct lookup *lookup = job->waiting;
    job->waiting = lookup->next;
    lookup->job = NULL;
    lookup->answer = job->answer;
    net_loop_post(lookup->loop, &lookup->task);
  }
  memory_free(&memory_default, job);
}

/* With the lock held. */
static struct job *take_job(void) {
  struct job *job = queued;
  if (!job)
    return NULL;
  queued = job->next;
  job->next = running;
  running = job;
  return job;
}

static void *work(void *nothing) {
  (void)nothing;
  pthread_mutex_lock(&lock);
  for (struct job *job = take_job(); job; job = take_job()) {
    resolve_function *ask = replacement ? replacement : ask_system;
    pthread_mutex_unlock(&lock);
    ask(job->host, job->family, &job->answer);
    pthread_mutex_lock(&lock);
    remove_job(&running, job);
    deliver(job);
  }
  thread_count--;
  pthread_mutex_unlock(&lock);
  return NULL;
}

/* The program's signals are not for these threads. */
static int start_thread(void) {
  pthread_t thread;
  pthread_attr_t attributes;
  sigset_t all, before;
  int error = pthread_attr_init(&attributes);
  if (error)
    return error;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, THREAD_STACK_LEN);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(&thread, &attributes, work, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return error;
}

/* ---- look-ups ---- */

static bool is_same(const struct job *job, const char *host, int family) {
  return job->family == family && strcmp(job->host, host) == 0;
}

/* A job whose askers all gave up may hang for ever: it is not joined. */
static struct job *find_job(const char *host, int family, uint64_t now_ms) {
  for (struct job *job = queued; job; job = job->next)
    if (is_same(job, host, family))
      return job;
  for (struct job *job = running; job; job = job->next)
    if (is_same(job, host, family) && job->waiting && now_ms - job->started_ms < RESOLVE_SHARED_MS)
      return job;
  return NULL;
}

static struct job *add_job(const char *host, int family, uint64_t now_ms) {
  struct job *job = memory_alloc_zeroed(&memory_default, sizeof *job);
  size_t len = strlen(host);
  if (!job || len >= sizeof job->host) {
    memory_free(&memory_default, job);
    return NULL;
  }
  memcpy(job->host, host, len + 1);
  job->family = family;
  job->started_ms = now_ms;
  struct job **end = &queued;
  while (*end)
    end = &(*end)->next;
  *end = job;
  return job;
}

static void run_lookup(struct net_task *task) {
  struct lookup *lookup = (struct lookup *)task;
  if (!lookup->is_cancelled)
    lookup->done(lookup->user, &lookup->answer);
  memory_free(net_loop_memory(lookup->loop), lookup);
}

/* With the lock held: one thread more, if there is work for it. With none at all to do it, the
   look-ups fail. */
static void provide_thread(void) {
  if (!queued || thread_count == RESOLVE_THREADS_MAX)
    return;
  int error = start_thread();
  if (!error) {
    thread_count++;
  } else if (thread_count == 0) {
    struct job *job = queued;
    queued = job->next;
    job->answer.error = EAI_SYSTEM;
    job->answer.system_error = error;
    deliver(job);
  }
}

static bool join(struct lookup *lookup, const char *host, int family) {
  uint64_t now_ms = uv_hrtime() / 1000000;
  bool is_new = false;
  struct job *job = find_job(host, family, now_ms);
  if (!job) {
    job = add_job(host, family, now_ms);
    is_new = true;
  }
  if (!job)
    return false;
  lookup->job = job;
  lookup->next = job->waiting;
  job->waiting = lookup;
  if (is_new)
    provide_thread();
  return true;
}

struct lookup *resolve_start(struct net_loop *loop, const char *host, int family, lookup_done *done,
                             void *user) {
  struct lookup *lookup = memory_alloc_zeroed(net_loop_memory(loop), sizeof *lookup);
  if (!lookup)
    return NULL;
  lookup->task.run = run_lookup;
  lookup->loop = loop;
  lookup->done = done;
  lookup->user = user;
  pthread_mutex_lock(&lock);
  bool joined = join(lookup, host, family);
  pthread_mutex_unlock(&lock);
  if (joined)
    return lookup;
  memory_free(net_loop_memory(loop), lookup);
  return NULL;
}

static bool is_queued(const struct job *job) {
  for (const struct job *q = queued; q; q = q->next)
    if (q == job)
      return true;
  return false;
}

/* With the lock held. */
static void leave(struct lookup *lookup) {
  struct job *job = lookup->job;
  struct lookup **place = &job->waiting;
  while (*place != lookup)
    place = &(*place)->next;
  *place = lookup->next;
  if (!job->waiting && is_queued(job)) {
    remove_job(&queued, job);
    memory_free(&memory_default, job);
  }
}

void resolve_cancel(struct lookup *lookup) {
  pthread_mutex_lock(&lock);
  bool is_waiting = lookup->job != NULL;
  if (is_waiting)
    leave(lookup);
  lookup->is_cancelled = true;
  pthread_mutex_unlock(&lock);
  if (is_waiting)
    memory_free(net_loop_memory(lookup->loop), lookup);
}

void resolve_use(resolve_function *function) {
  pthread_mutex_lock(&lock);
  replacement = function;
  pthread_mutex_unlock(&lock);
}
