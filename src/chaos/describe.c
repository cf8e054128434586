#include "describe.h"

#include <stdio.h>

static json_t *kinds(uint32_t bits) {
  json_t *list = json_array();
  for (int kind = 0; kind < FAULT_KINDS_COUNT; kind++)
    if (bits & 1U << kind)
      (void)json_array_append_new(list, json_string(fault_kind_name((enum fault_kind)kind)));
  return list;
}

static const char *frozen_name(const struct chaos_connection *connection) {
  if (connection->is_frozen_up)
    return connection->is_frozen_down ? "both" : "up";
  return connection->is_frozen_down ? "down" : "";
}

static json_t *text_or_null(const char *text) {
  return *text ? json_string(text) : json_null();
}

json_t *describe_connection(const struct chaos_connection *connection, uint64_t now_ms) {
  static const char *const phases[] = {"dialing", "passing", "ending", "ended"};
  const uint64_t end_ms = connection->phase == CHAOS_ENDED ? connection->ended_ms : now_ms;
  return json_pack("{s:I,s:s,s:s,s:I,s:I,s:I,s:I,s:o,s:o,s:o}", "id", (json_int_t)connection->id,
                   "peer", connection->peer, "phase", phases[connection->phase], "opened_ms",
                   (json_int_t)connection->opened_ms, "age_ms",
                   (json_int_t)(end_ms - connection->opened_ms), "up_bytes",
                   (json_int_t)connection->up_len, "down_bytes", (json_int_t)connection->down_len,
                   "frozen", text_or_null(frozen_name(connection)), "faults",
                   kinds(connection->faults), "result", text_or_null(connection->result));
}

static json_t *describe_fault(const struct plan_fault *at) {
  char text[FAULT_TEXT_CAP];
  fault_print(&at->fault, text);
  return json_pack("{s:I,s:s,s:s,s:o,s:b}", "id", (json_int_t)at->id, "fault", text, "kind",
                   fault_kind_name(at->fault.kind), "connection",
                   at->connection ? json_integer((json_int_t)at->connection) : json_null(), "down",
                   at->is_down);
}

/* The seed as a string: not every reader of JSON has 64 bits. */
json_t *describe_faults(const struct chaos *chaos) {
  const struct plan *plan = chaos_plan(chaos);
  char seed[24];
  json_t *list = json_array();
  for (size_t i = 0; i < plan->count; i++)
    (void)json_array_append_new(list, describe_fault(&plan->faults[i]));
  (void)snprintf(seed, sizeof seed, "%llu", (unsigned long long)plan->seed);
  return json_pack("{s:I,s:s,s:s,s:s,s:o}", "now_ms", (json_int_t)chaos_now_ms(chaos), "listen",
                   chaos_address(chaos), "to", chaos_target_text(chaos), "seed", seed, "faults",
                   list);
}

struct listing {
  json_t *list;
  uint64_t now_ms;
};

static void add_connection(void *user, const struct chaos_connection *connection) {
  struct listing *listing = user;
  (void)json_array_append_new(listing->list, describe_connection(connection, listing->now_ms));
}

json_t *describe_connections(const struct chaos *chaos, size_t limit) {
  struct listing listing = {json_array(), chaos_now_ms(chaos)};
  const struct chaos_totals totals = chaos_totals(chaos);
  chaos_visit(chaos, limit, add_connection, &listing);
  return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "now_ms", (json_int_t)listing.now_ms, "open",
                   (json_int_t)chaos_open_count(chaos), "accepted", (json_int_t)totals.connections,
                   "refused", (json_int_t)totals.refused, "up_bytes", (json_int_t)totals.up_len,
                   "down_bytes", (json_int_t)totals.down_len, "connections", listing.list);
}
