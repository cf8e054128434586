// The header from C++: it compiles with warnings as errors, links, and works.
#include <limpet/limpet.h>

#include <cstdio>
#include <cstring>

namespace {

int states_count;

void on_state(limpet_client *, limpet_state, limpet_state, limpet_reason, void *) {
  states_count++;
}

bool check(bool condition, const char *what) {
  if (!condition)
    std::fprintf(stderr, "failed: %s\n", what);
  return condition;
}

} // namespace

int main() {
  limpet_options options;
  limpet_client *client = nullptr;
  char detail[LIMPET_DETAIL_CAP] = "";
  limpet_options_init(&options, sizeof options);
  bool ok = check(options.max_retries == 10, "defaults");
  ok &= check(limpet_new(&options, nullptr, &client, detail) == LIMPET_INVALID_ARGUMENT, "url");
  ok &= check(std::strstr(detail, "url") != nullptr, "detail");
  options.url = "ws://127.0.0.1:1/";
  options.callbacks.on_state = on_state;
  ok &= check(limpet_new(&options, nullptr, &client, detail) == LIMPET_OK, "new");
  ok &= check(limpet_send_text(client, "x", 1, nullptr, nullptr) == LIMPET_OK, "send");
  ok &= check(limpet_connect(client) == LIMPET_OK, "connect");
  limpet_snapshot snapshot;
  limpet_get_snapshot(client, &snapshot, sizeof snapshot);
  ok &= check(snapshot.max_retries == 10, "snapshot");
  limpet_stop(client, 1000);
  ok &= check(states_count >= 2, "states");
  ok &= check(std::strcmp(limpet_result_name(LIMPET_OK), "ok") == 0, "names");
  return ok ? 0 : 1;
}
