#include "dial.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { V6, V4, FAMILY_COUNT };
static const int families[FAMILY_COUNT] = {AF_INET6, AF_INET};

struct attempt {
  uv_poll_t poll; /* first: a handle is its attempt */
  struct dial *dial;
  struct attempt *next;
  struct net_loop *loop; /* retained until the handle is closed */
  struct address address;
  int fd;
};

/* The look-up of one family and what it found. */
struct side {
  struct dial *dial;
  struct lookup *lookup; /* NULL: answered */
  size_t next;           /* of answer.addresses */
  struct resolve_answer answer;
};

struct dial {
  struct net_loop *loop;
  struct dial_target target;
  uint32_t attempt_delay_ms;
  dial_done *done;
  void *user;
  struct net_timer head_start; /* set: the next attempt waits */
  struct attempt *attempts;    /* under way, newest first */
  struct side sides[FAMILY_COUNT];
  int next_family;
  unsigned tried_count;
  bool has_failure;
  struct dial_failure failure;
};

static void advance(struct dial *dial);

/* ---- the failure worth telling ---- */

/* How much a failure says about the other end; our own troubles come first. */
static int weight(enum link_end_kind kind) {
  switch (kind) {
  case LINK_END_NO_MEMORY:
    return 6;
  case LINK_END_SYSTEM:
    return 5;
  case LINK_END_REFUSED:
    return 4;
  case LINK_END_LOST:
    return 3;
  case LINK_END_TIMEOUT:
    return 2;
  case LINK_END_UNREACHABLE:
    return 1;
  default:
    return 0;
  }
}

static bool outweighs(const struct dial *dial, enum link_end_kind kind) {
  return !dial->has_failure || weight(kind) > weight(dial->failure.kind);
}

static void note_connect_failure(struct dial *dial, const struct address *address, int error) {
  enum link_end_kind kind = sock_error_kind(error);
  if (!outweighs(dial, kind))
    return;
  char text[ADDRESS_TEXT_CAP];
  address_print(address, text);
  dial->has_failure = true;
  dial->failure.kind = kind;
  snprintf(dial->failure.detail, sizeof dial->failure.detail, "connect to %s: %s", text,
           sock_error_text(error));
}

/* One family without addresses is told only if the other says nothing better; a look-up that may
   work later says more than one without result. */
static void note_lookup_failure(struct dial *dial, const struct resolve_answer *answer) {
  enum link_end_kind kind = resolve_error_kind(answer);
  bool is_again = answer->error == EAI_AGAIN && dial->failure.kind == LINK_END_DNS;
  if (!outweighs(dial, kind) && !is_again)
    return;
  dial->has_failure = true;
  dial->failure.kind = kind;
  snprintf(dial->failure.detail, sizeof dial->failure.detail, "look-up of %s: %s",
           dial->target.host, resolve_error_text(answer));
}

static void note_no_memory(struct dial *dial) {
  dial->has_failure = true;
  dial->failure.kind = LINK_END_NO_MEMORY;
  snprintf(dial->failure.detail, sizeof dial->failure.detail, "no memory to dial");
}

/* ---- life ---- */

struct dial *dial_new(struct net_loop *loop, const struct dial_target *target,
                      uint32_t attempt_delay_ms, dial_done *done, void *user) {
  struct dial *dial = memory_alloc_zeroed(net_loop_memory(loop), sizeof *dial);
  if (!dial)
    return NULL;
  dial->loop = loop;
  dial->target = *target;
  dial->attempt_delay_ms = attempt_delay_ms;
  dial->done = done;
  dial->user = user;
  for (int i = 0; i < FAMILY_COUNT; i++)
    dial->sides[i].dial = dial;
  return dial;
}

static void on_attempt_closed(uv_handle_t *handle) {
  struct attempt *attempt = (struct attempt *)handle;
  struct net_loop *loop = attempt->loop;
  memory_free(net_loop_memory(loop), attempt);
  net_loop_release(loop);
}

/* Leaves the descriptor open. */
static void end_attempt(struct dial *dial, struct attempt *attempt) {
  struct attempt **place = &dial->attempts;
  while (*place != attempt)
    place = &(*place)->next;
  *place = attempt->next;
  uv_close((uv_handle_t *)&attempt->poll, on_attempt_closed);
}

void dial_cancel(struct dial *dial) {
  net_timer_unset(dial->loop, &dial->head_start);
  for (int i = 0; i < FAMILY_COUNT; i++)
    if (dial->sides[i].lookup)
      resolve_cancel(dial->sides[i].lookup);
  while (dial->attempts) {
    int fd = dial->attempts->fd;
    end_attempt(dial, dial->attempts);
    close(fd);
  }
  memory_free(net_loop_memory(dial->loop), dial);
}

static void succeed(struct dial *dial, int fd, const struct address *peer) {
  dial_done *done = dial->done;
  void *user = dial->user;
  struct address address = *peer;
  dial_cancel(dial);
  done(user, fd, &address, NULL);
}

static void fail(struct dial *dial) {
  dial_done *done = dial->done;
  void *user = dial->user;
  struct dial_failure failure = dial->failure;
  if (dial->tried_count > 1) {
    size_t len = strlen(failure.detail);
    snprintf(failure.detail + len, sizeof failure.detail - len, " (%u addresses tried)",
             dial->tried_count);
  }
  dial_cancel(dial);
  done(user, -1, NULL, &failure);
}

/* ---- attempts ---- */

static void on_writable(uv_poll_t *handle, int status, int events) {
  (void)status;
  (void)events;
  struct attempt *attempt = (struct attempt *)handle;
  struct dial *dial = attempt->dial;
  struct address address = attempt->address;
  int fd = attempt->fd;
  int error = sock_take_error(fd);
  end_attempt(dial, attempt);
  if (!error) {
    succeed(dial, fd, &address);
    return;
  }
  close(fd);
  note_connect_failure(dial, &address, error);
  net_timer_unset(dial->loop, &dial->head_start);
  advance(dial);
}

static int watch(struct dial *dial, int fd, const struct address *address) {
  struct attempt *attempt = memory_alloc(net_loop_memory(dial->loop), sizeof *attempt);
  if (!attempt)
    return ENOMEM;
  int error = uv_poll_init(net_loop_uv(dial->loop), &attempt->poll, fd);
  if (error) {
    memory_free(net_loop_memory(dial->loop), attempt);
    return -error;
  }
  attempt->loop = dial->loop;
  net_loop_retain(dial->loop);
  attempt->dial = dial;
  attempt->fd = fd;
  attempt->address = *address;
  attempt->next = dial->attempts;
  dial->attempts = attempt;
  uv_poll_start(&attempt->poll, UV_WRITABLE, on_writable);
  return 0;
}

/* Returns 0 connected, EINPROGRESS, or the error. */
static int try_address(struct dial *dial, const struct address *address, int *connected) {
  dial->tried_count++;
  int fd = sock_open(address->as.any.sa_family);
  if (fd < 0)
    return errno;
  int error = sock_connect(fd, address);
  if (!error) {
    *connected = fd;
    return 0;
  }
  if (error == EINPROGRESS) {
    int trouble = watch(dial, fd, address);
    if (!trouble)
      return EINPROGRESS;
    error = trouble;
  }
  close(fd);
  return error;
}

/* Families take turns, beginning with IPv6 (RFC 8305 section 4). */
static bool pick(struct dial *dial, struct address *address) {
  for (int i = 0; i < FAMILY_COUNT; i++) {
    int family = (dial->next_family + i) % FAMILY_COUNT;
    struct side *side = &dial->sides[family];
    if (side->lookup || side->next >= side->answer.count)
      continue;
    *address = side->answer.addresses[side->next++];
    address_set_port(address, dial->target.port);
    dial->next_family = (family + 1) % FAMILY_COUNT;
    return true;
  }
  return false;
}

static void on_head_start_over(struct net_timer *timer) {
  struct dial *dial = (struct dial *)((char *)timer - offsetof(struct dial, head_start));
  advance(dial);
}

static void set_head_start(struct dial *dial, uint32_t delay_ms) {
  dial->head_start.fire = on_head_start_over;
  uint64_t at_ms = net_loop_now_ms(dial->loop) + delay_ms;
  net_timer_set(dial->loop, &dial->head_start, at_ms); /* no memory: no head start */
}

/* Starts the next attempt, unless one has a head start; a failed one is followed at once. */
static void advance(struct dial *dial) {
  struct address address;
  while (!dial->head_start.slot && pick(dial, &address)) {
    int fd = -1;
    int error = try_address(dial, &address, &fd);
    if (!error) {
      succeed(dial, fd, &address);
      return;
    }
    if (error == EINPROGRESS)
      set_head_start(dial, dial->attempt_delay_ms);
    else
      note_connect_failure(dial, &address, error);
  }
  if (!dial->head_start.slot && !dial->attempts && !dial->sides[V6].lookup &&
      !dial->sides[V4].lookup)
    fail(dial);
}

/* ---- look-ups ---- */

/* False: the dial is gone. */
static bool tell_found(struct dial *dial, const struct resolve_answer *answer) {
  return answer->count == 0 || !dial->target.found || dial->target.found(dial->user, answer);
}

static void on_answer(void *user, const struct resolve_answer *answer) {
  struct side *side = user;
  struct dial *dial = side->dial;
  int family = (int)(side - dial->sides);
  side->lookup = NULL;
  side->answer = *answer;
  if (answer->count == 0)
    note_lookup_failure(dial, answer);
  if (!tell_found(dial, answer))
    return;
  if (family == V4 && answer->count > 0 && dial->sides[V6].lookup && dial->tried_count == 0) {
    set_head_start(dial, DIAL_RESOLUTION_DELAY_MS);
    return;
  }
  if (dial->tried_count == 0)
    net_timer_unset(dial->loop, &dial->head_start);
  advance(dial);
}

/* The path was checked when the URL was parsed. A Unix socket connects at once or not at all. */
static void begin_unix(struct dial *dial) {
  struct address address;
  bool fits = address_from_path(&address, dial->target.unix_path);
  assert(fits);
  (void)fits;
  int fd = -1;
  int error = try_address(dial, &address, &fd);
  if (!error) {
    succeed(dial, fd, &address);
  } else if (error != EINPROGRESS) {
    note_connect_failure(dial, &address, error);
    fail(dial);
  }
}

static void begin_lookups(struct dial *dial) {
  for (int i = 0; i < FAMILY_COUNT; i++) {
    struct side *side = &dial->sides[i];
    side->lookup = resolve_start(dial->loop, dial->target.host, families[i], on_answer, side);
    if (!side->lookup) {
      note_no_memory(dial);
      fail(dial);
      return;
    }
  }
}

void dial_begin(struct dial *dial) {
  if (dial->target.unix_path) {
    begin_unix(dial);
  } else if (resolve_is_known(dial->target.host, AF_INET6, &dial->sides[V6].answer)) {
    resolve_is_known(dial->target.host, AF_INET, &dial->sides[V4].answer);
    if (tell_found(dial, &dial->sides[V6].answer) && tell_found(dial, &dial->sides[V4].answer))
      advance(dial);
  } else {
    begin_lookups(dial);
  }
}

void dial_describe(const struct dial *dial, char *text, size_t cap) {
  char address[ADDRESS_TEXT_CAP];
  if (dial->attempts) {
    address_print(&dial->attempts->address, address);
    snprintf(text, cap, "%s", address);
  } else {
    snprintf(text, cap, "the look-up of %s", dial->target.host ? dial->target.host : "?");
  }
}
