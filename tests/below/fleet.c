/*
 * fleet PROGRAM CLIENTS RESTARTS: many clients on one loop, and a relay (PROGRAM serve) that is
 * killed and started again on the same port, in turn by SIGKILL and by SIGTERM.
 *
 * After each restart all clients must be CONNECTED again within ALL_BACK_MS. At the start, which is
 * after the first loss (each client keeps what its last one was), and at the end each of them has a
 * message echoed; in between no heap may have grown and no descriptor stayed open. Heap is counted
 * twice: what the clients asked for, by their allocator, and what the whole process holds (libuv,
 * OpenSSL), by mallinfo2().
 */
#include <limpet/limpet.h>

#include <dirent.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#define ALL_BACK_MS 180000 /* a twentieth is usual, with ten thousand of them */
#define SETTLE_MS 3000     /* buffers are taken back after a second and a half of silence */
#define TICK_MS 10
#define SPARE_FILES 200
#define ADDRESS_CAP 64
/* Of the heap at the start; for what malloc itself rounds and keeps. */
#define HEAP_TOLERANCE_PERCENT 1

enum phase { GATHERING, SETTLING, ECHOING, DYING, LEAVING };

struct figures {
  long client_bytes, client_blocks;
  size_t heap_bytes;
  unsigned files_count;
  uint64_t at_ms;
};

struct fleet {
  uv_loop_t loop;
  uv_timer_t tick;
  uv_process_t relay;
  const char *program;
  char address[ADDRESS_CAP], url[ADDRESS_CAP + 16];
  limpet_client **clients;
  limpet_state *states;
  unsigned clients_count, restarts_count;
  unsigned connected_count, restarts_done, echoes_count;
  uint64_t opened_count, lost_count, slowest_ms, phase_began_ms;
  long bytes, blocks; /* what the clients hold */
  enum phase phase;
  bool is_last_round; /* of echoes: the figures at the end are to be taken */
  struct figures start, end;
};

static struct fleet fleet;

static void give_up(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void give_up(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  (void)fputs("fleet: ", stderr);
  (void)vfprintf(stderr, format, arguments);
  (void)fputc('\n', stderr);
  va_end(arguments);
  if (uv_is_active((uv_handle_t *)&fleet.relay))
    uv_process_kill(&fleet.relay, SIGKILL);
  _exit(1);
}

/* ---- memory that is counted ---- */

union head {
  size_t size;
  max_align_t align;
};

static void *counted_realloc(void *block, size_t size, void *context) {
  union head *old = block ? (union head *)block - 1 : NULL;
  const size_t old_size = old ? old->size : 0;
  union head *head = realloc(old, sizeof *head + size);
  (void)context;
  if (!head)
    return NULL;
  head->size = size;
  fleet.bytes += (long)size - (long)old_size;
  fleet.blocks += !block;
  return head + 1;
}

static void *counted_alloc(size_t size, void *context) {
  return counted_realloc(NULL, size, context);
}

static void counted_free(void *block, void *context) {
  (void)context;
  if (!block)
    return;
  union head *head = (union head *)block - 1;
  fleet.bytes -= (long)head->size;
  fleet.blocks--;
  free(head);
}

static unsigned files_count(void) {
  unsigned count = 0;
  DIR *dir = opendir("/proc/self/fd");
  if (!dir)
    give_up("/proc/self/fd cannot be read");
  while (readdir(dir))
    count++;
  closedir(dir);
  return count - 3; /* ".", ".." and the folder's own */
}

static struct figures take_figures(void) {
  return (struct figures){fleet.bytes, fleet.blocks, mallinfo2().uordblks, files_count(),
                          limpet_now_ms()};
}

/* ---- the relay ---- */

static void enter(enum phase phase) {
  fleet.phase = phase;
  fleet.phase_began_ms = limpet_now_ms();
}

static void start_relay(int out);

static void on_relay_gone(uv_handle_t *handle) {
  (void)handle;
  if (fleet.phase == LEAVING)
    return;
  fleet.restarts_done++;
  start_relay(-1);
  enter(GATHERING);
}

static void on_relay_exit(uv_process_t *process, int64_t status, int number) {
  if (fleet.phase != DYING && fleet.phase != LEAVING)
    give_up("the relay ended by itself, with status %d, signal %d", (int)status, number);
  if (number != SIGKILL && status != 0)
    give_up("the relay, asked to end, did so with status %d, signal %d", (int)status, number);
  uv_close((uv_handle_t *)process, on_relay_gone);
}

static void start_relay(int out) {
  char most[16];
  (void)snprintf(most, sizeof most, "%u", fleet.clients_count + 10);
  char *arguments[] = {(char *)(uintptr_t)fleet.program,
                       "serve",
                       "--listen",
                       fleet.address,
                       "--max-connections",
                       most,
                       NULL};
  uv_stdio_container_t streams[3] = {
      {.flags = UV_IGNORE}, {.flags = UV_IGNORE}, {.flags = UV_IGNORE}};
  if (out >= 0)
    streams[1] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = out};
  const uv_process_options_t options = {.file = fleet.program,
                                        .args = arguments,
                                        .exit_cb = on_relay_exit,
                                        .stdio = streams,
                                        .stdio_count = 3};
  const int error = uv_spawn(&fleet.loop, &fleet.relay, &options);
  if (error)
    give_up("%s cannot be started: %s", fleet.program, uv_strerror(error));
}

/* Its first line is the address, which it keeps from then on. */
static void start_first_relay(void) {
  char line[ADDRESS_CAP + 16] = "";
  int ends[2];
  if (pipe(ends) != 0)
    give_up("no pipe");
  (void)snprintf(fleet.address, sizeof fleet.address, "127.0.0.1:0");
  start_relay(ends[1]);
  close(ends[1]);
  FILE *out = fdopen(ends[0], "r");
  if (!out || !fgets(line, sizeof line, out) || sscanf(line, "http://%63s", fleet.address) != 1)
    give_up("the relay names no address, but: %s", line);
  (void)fclose(out);
  (void)snprintf(fleet.url, sizeof fleet.url, "ws://%s/echo", fleet.address);
}

/* ---- the clients ---- */

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  (void)client, (void)reason;
  *(limpet_state *)user = to;
  fleet.connected_count += to == LIMPET_CONNECTED;
  fleet.connected_count -= from == LIMPET_CONNECTED;
  fleet.opened_count += to == LIMPET_CONNECTED;
  fleet.lost_count += to == LIMPET_DISCONNECTED;
}

static void on_text(limpet_client *client, const char *data, size_t len, void *user) {
  (void)client, (void)user;
  if (len != 5 || memcmp(data, "hello", 5) != 0)
    give_up("an echo of something else");
  fleet.echoes_count++;
}

static void make_clients(void) {
  limpet_options options;
  char detail[LIMPET_DETAIL_CAP];
  limpet_options_init(&options, sizeof options);
  options.url = fleet.url;
  options.allocator = (limpet_allocator){counted_alloc, counted_realloc, counted_free, NULL};
  options.callbacks = (limpet_callbacks){.on_state = on_state, .on_text = on_text};
  options.max_retries = LIMPET_RETRY_FOREVER;
  options.initial_delay_ms = 50;
  options.max_delay_ms = 1000;
  options.connect_timeout_ms = 30000;
  for (unsigned i = 0; i < fleet.clients_count; i++) {
    options.user = &fleet.states[i];
    if (limpet_new(&options, (struct uv_loop_s *)&fleet.loop, &fleet.clients[i], detail) !=
        LIMPET_OK)
      give_up("client %u: %s", i, detail);
    limpet_connect(fleet.clients[i]);
  }
}

static void send_all(void) {
  fleet.echoes_count = 0;
  for (unsigned i = 0; i < fleet.clients_count; i++)
    if (limpet_send_text(fleet.clients[i], "hello", 5, NULL, NULL) != LIMPET_OK)
      give_up("client %u takes no message", i);
}

static void tell_who_is_stuck(void) {
  unsigned counts[16] = {0};
  for (unsigned i = 0; i < fleet.clients_count; i++)
    counts[fleet.states[i] & 15]++;
  for (unsigned state = 0; state < 16; state++)
    if (counts[state])
      (void)fprintf(stderr, "fleet: %u clients are %s\n", counts[state], limpet_state_name(state));
}

/* ---- the course of things ---- */

static void leave(void) {
  enter(LEAVING);
  uv_close((uv_handle_t *)&fleet.tick, NULL);
  for (unsigned i = 0; i < fleet.clients_count; i++)
    limpet_stop(fleet.clients[i], 5000);
  uv_process_kill(&fleet.relay, SIGTERM);
}

static void on_all_here(uint64_t took_ms) {
  if (took_ms > fleet.slowest_ms)
    fleet.slowest_ms = took_ms;
  if (fleet.restarts_done == 1 || fleet.restarts_done > fleet.restarts_count) {
    fleet.is_last_round = fleet.restarts_done > 1;
    enter(ECHOING);
    send_all();
    return;
  }
  uv_process_kill(&fleet.relay, fleet.restarts_done % 2 ? SIGTERM : SIGKILL);
  enter(DYING);
}

static void on_settled(void) {
  if (fleet.connected_count < fleet.clients_count)
    give_up("links were lost though nobody cut them");
  if (fleet.is_last_round) {
    fleet.end = take_figures();
    leave();
    return;
  }
  fleet.start = take_figures();
  uv_process_kill(&fleet.relay, SIGKILL);
  enter(DYING);
}

static void on_tick(uv_timer_t *timer) {
  const uint64_t took_ms = limpet_now_ms() - fleet.phase_began_ms;
  (void)timer;
  if (took_ms > ALL_BACK_MS) {
    tell_who_is_stuck();
    give_up("restart %u: no end of phase %d after %d ms", fleet.restarts_done, fleet.phase,
            ALL_BACK_MS);
  }
  if (fleet.phase == GATHERING && fleet.connected_count == fleet.clients_count)
    on_all_here(took_ms);
  else if (fleet.phase == ECHOING && fleet.echoes_count == fleet.clients_count)
    enter(SETTLING);
  else if (fleet.phase == SETTLING && took_ms >= SETTLE_MS)
    on_settled();
}

/* ---- the figures ---- */

static void print_figures(const char *when, const struct figures *f) {
  printf("%s: clients hold %ld bytes in %ld blocks, the heap %zu bytes, %u descriptors\n", when,
         f->client_bytes, f->client_blocks, f->heap_bytes, f->files_count);
}

static bool is_about(size_t end, size_t start) {
  return end <= start + start * HEAP_TOLERANCE_PERCENT / 100;
}

static bool judge(void) {
  const struct figures *start = &fleet.start, *end = &fleet.end;
  print_figures("at the start", start);
  print_figures("at the end", end);
  printf(
      "%u more restarts in %.0f s, %llu losses, %llu times connected, slowest gathering %.1f s\n",
      fleet.restarts_done - 1, (double)(end->at_ms - start->at_ms) / 1000,
      (unsigned long long)fleet.lost_count, (unsigned long long)fleet.opened_count,
      (double)fleet.slowest_ms / 1000);
  if (end->files_count != start->files_count)
    return printf("descriptors differ\n"), false;
  if (!is_about((size_t)end->client_bytes, (size_t)start->client_bytes) ||
      !is_about(end->heap_bytes, start->heap_bytes))
    return printf("the heap grew by more than %d %%\n", HEAP_TOLERANCE_PERCENT), false;
  if (fleet.lost_count < (uint64_t)fleet.restarts_count * fleet.clients_count)
    return printf("some clients never noticed\n"), false;
  if (fleet.bytes != 0 || fleet.blocks != 0)
    return printf("stopped, the clients left %ld bytes in %ld blocks\n", fleet.bytes, fleet.blocks),
           false;
  return true;
}

static void allow_files(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < fleet.clients_count + SPARE_FILES)
    give_up("%u clients need %u descriptors", fleet.clients_count,
            fleet.clients_count + SPARE_FILES);
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static bool take_arguments(int argc, char **argv) {
  if (argc != 4)
    return false;
  fleet.program = argv[1];
  fleet.clients_count = (unsigned)strtoul(argv[2], NULL, 10);
  fleet.restarts_count = (unsigned)strtoul(argv[3], NULL, 10);
  return fleet.clients_count > 0 && fleet.restarts_count > 0;
}

int main(int argc, char **argv) {
  if (!take_arguments(argc, argv))
    return fputs("usage: fleet PROGRAM CLIENTS RESTARTS\n", stderr), 2;
  allow_files();
  fleet.clients = calloc(fleet.clients_count, sizeof *fleet.clients);
  fleet.states = calloc(fleet.clients_count, sizeof *fleet.states);
  if (!fleet.clients || !fleet.states || uv_loop_init(&fleet.loop) != 0)
    give_up("no memory");
  start_first_relay();
  uv_timer_init(&fleet.loop, &fleet.tick);
  uv_timer_start(&fleet.tick, on_tick, TICK_MS, TICK_MS);
  enter(GATHERING);
  make_clients();
  uv_run(&fleet.loop, UV_RUN_DEFAULT);
  if (uv_loop_close(&fleet.loop) != 0)
    give_up("something of the loop is still open");
  free(fleet.clients);
  free(fleet.states);
  return judge() ? 0 : 1;
}
