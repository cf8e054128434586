/*
 * bench-idle: what an idle connection costs. COUNT clients on one loop connect to the peer and stay
 * silent; then the heap is measured twice: by the library's own allocator hook, counting what the C
 * library really set aside for each block, and by the C library's books, which hold libuv's share
 * too. Memory of the kernel is not counted. Resident memory is told beside, as bench-lws and its
 * neighbours tell it.
 *
 *   bench-idle [--tls CA.PEM] PORT [COUNT]     one line of JSON
 */
#include "common.h"

#include <inttypes.h>
#include <limpet/limpet.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define DEFAULT_COUNT 10000
#define DIALS_AT_ONCE 64

struct fleet {
  uv_loop_t loop;
  uv_timer_t settle;
  limpet_options options;
  limpet_client **clients;
  size_t count, started_count, open_count;
  size_t hook_bytes; /* by malloc_usable_size() */
  size_t hook_blocks;
  size_t before_bytes; /* the C library's books before the first client */
  size_t first_bytes;  /* resident, when the first client was open */
  struct stopwatch watch;
};

/* ---- the allocator hook ------------------------------------------------------------------- */

static void count_block(struct fleet *fleet, void *memory, bool is_new) {
  if (memory == NULL)
    return;
  const size_t size = malloc_usable_size(memory) + sizeof(size_t); /* with its header */
  fleet->hook_bytes = is_new ? fleet->hook_bytes + size : fleet->hook_bytes - size;
  fleet->hook_blocks = is_new ? fleet->hook_blocks + 1 : fleet->hook_blocks - 1;
}

static void *counted_alloc(size_t size, void *context) {
  void *const memory = malloc(size);
  count_block(context, memory, true);
  return memory;
}

static void *counted_realloc(void *memory, size_t size, void *context) {
  count_block(context, memory, false);
  void *const moved = realloc(memory, size);
  count_block(context, moved != NULL ? moved : memory, true);
  return moved;
}

static void counted_free(void *memory, void *context) {
  count_block(context, memory, false);
  free(memory);
}

static size_t books_bytes(void) {
  const struct mallinfo2 books = mallinfo2();
  return books.uordblks + books.hblkhd;
}

/* ---- clients ------------------------------------------------------------------------------ */

static void report(struct fleet *fleet) {
  const size_t books = books_bytes() - fleet->before_bytes;
  printf("{\"clients\":%zu,\"hook_bytes_each\":%zu,\"hook_blocks_each\":%.2f,"
         "\"books_bytes_each\":%zu,\"bytes_each\":%zu,\"open_ns_each\":%" PRIu64 "}\n",
         fleet->count, fleet->hook_bytes / fleet->count,
         (double)fleet->hook_blocks / (double)fleet->count, books / fleet->count,
         (resident_bytes() - fleet->first_bytes) / fleet->count,
         fleet->watch.wall_ns / fleet->count);
}

static void settled(uv_timer_t *timer) {
  struct fleet *const fleet = timer->data;
  report(fleet);
  uv_close((uv_handle_t *)timer, NULL);
  for (size_t i = 0; i < fleet->count; i++)
    limpet_stop(fleet->clients[i], 0);
}

static void start_one(struct fleet *fleet) {
  limpet_client **const client = &fleet->clients[fleet->started_count];
  char detail[LIMPET_DETAIL_CAP] = "";
  if (limpet_new(&fleet->options, &fleet->loop, client, detail) != LIMPET_OK)
    die(detail);
  if (limpet_connect(*client) != LIMPET_OK)
    die("limpet_connect");
  fleet->started_count++;
}

static void on_open(limpet_client *client, void *user) {
  struct fleet *const fleet = user;
  (void)client;
  if (fleet->open_count++ == 0)
    fleet->first_bytes = resident_bytes();
  while (fleet->started_count < fleet->count &&
         fleet->started_count < fleet->open_count + DIALS_AT_ONCE)
    start_one(fleet);
  if (fleet->open_count < fleet->count)
    return;
  stopwatch_stop(&fleet->watch);
  uv_timer_start(&fleet->settle, settled, SETTLE_MS, 0);
}

static void on_error(limpet_client *client, const limpet_error *error, void *user) {
  (void)client;
  (void)user;
  fprintf(stderr, "bench: %s: %s\n", error->message, error->detail);
  exit(1);
}

static void options_fill(struct fleet *fleet, const char *url, const char *ca_file) {
  limpet_options_init(&fleet->options, sizeof fleet->options);
  fleet->options.tls_ca_file = ca_file;
  fleet->options.url = url;
  fleet->options.user = fleet;
  fleet->options.callbacks.on_open = on_open;
  fleet->options.callbacks.on_error = on_error;
  fleet->options.allocator =
      (limpet_allocator){counted_alloc, counted_realloc, counted_free, fleet};
}

int main(int argc, char **argv) {
  static struct fleet fleet; /* outlives the library's last free() */
  const char *ca_file = NULL;
  char url[80];
  if (argc > 2 && strcmp(argv[1], "--tls") == 0) {
    ca_file = argv[2];
    argv += 2;
    argc -= 2;
  }
  if (argc < 2 || argc > 3)
    die("usage: bench-idle [--tls CA.PEM] PORT [COUNT]");
  fleet.count = argc == 3 ? strtoul(argv[2], NULL, 10) : DEFAULT_COUNT;
  if (fleet.count == 0)
    die("COUNT is not a number above 0");
  descriptors_reserve(fleet.count + 64);
  snprintf(url, sizeof url, "%s://127.0.0.1:%s/hold/ascii/1/1", ca_file != NULL ? "wss" : "ws",
           argv[1]);
  options_fill(&fleet, url, ca_file);
  fleet.clients = must_alloc(fleet.count * sizeof(limpet_client *));
  uv_loop_init(&fleet.loop);
  uv_timer_init(&fleet.loop, &fleet.settle);
  fleet.settle.data = &fleet;
  fleet.before_bytes = books_bytes();
  stopwatch_start(&fleet.watch);
  while (fleet.started_count < fleet.count && fleet.started_count < DIALS_AT_ONCE)
    start_one(&fleet);
  uv_run(&fleet.loop, UV_RUN_DEFAULT);
  uv_loop_close(&fleet.loop);
  free(fleet.clients);
  return 0;
}
