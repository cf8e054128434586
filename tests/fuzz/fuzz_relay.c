/*
 * A whole relay with its store in memory: a raw connection, messages on a WebSocket, or a POST. It
 * answers or closes, and what it says on a WebSocket is its own protocol.
 */
#include "service.h"

#include "protocol.h"
#include "relay.h"

#include <stdlib.h>
#include <string.h>

enum kind { KIND_RAW, KIND_WEBSOCKET, KIND_POST, KIND_GET, KINDS_COUNT };

static struct service service;
static struct relay_options options;

static void start(void) {
  char detail[RELAY_DETAIL_CAP];
  struct relay *relay;
  service_init(&service);
  relay_options_init(&options);
  options.listen = service.address;
  options.is_quiet = true;
  options.rate = options.admit_rate = 0;
  options.max_message = 2000;
  options.max_conversations = 20;
  options.keep_bytes = (uint64_t)1024 * 1024;
  options.origins[0] = "https://a.example";
  FUZZ_CHECK(relay_new(service.loop, &options, &relay, detail) == RELAY_STARTED);
}

static void check_text(const uint8_t *text, size_t len) {
  static const char *const types[] = {"message", "ack",   "replayed",           "typing",
                                      "pong",    "error", "heartbeat_response", NULL};
  json_t *root = json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, NULL);
  const char *type = json_string_value(json_object_get(root, "type"));
  size_t i = 0;
  FUZZ_CHECK(type != NULL);
  while (types[i] != NULL && strcmp(types[i], type) != 0)
    i++;
  FUZZ_CHECK(types[i] != NULL);
  json_decref(root);
}

static bool is_echo(struct fuzz_input target) {
  return target.len >= 5 && memcmp(target.data, "/echo", 5) == 0;
}

static void talk(struct fuzz_input text, struct fuzz_cuts cuts,
                 void (*each)(const uint8_t *text, size_t len)) {
  service_check(service_talk(&service, text, cuts), each);
  free((void *)(uintptr_t)text.data);
}

/* It must still be there for others. */
static void check_health(void) {
  static const char request[] = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
  const struct answer answer = service_talk(
      &service, (struct fuzz_input){(const uint8_t *)request, sizeof request - 1}, fuzz_cuts(0));
  FUZZ_CHECK(strncmp((const char *)answer.data, "HTTP/1.1 200 ", 13) == 0);
  free(answer.data);
}

void fuzz_one(const uint8_t *data, size_t len) {
  static unsigned count;
  static const char json[] = "application/json";
  struct fuzz_input in = {data, len};
  if (service.loop == NULL)
    start();
  const uint8_t kind = fuzz_byte(&in) % KINDS_COUNT;
  const struct fuzz_cuts cuts = fuzz_cuts(fuzz_byte(&in));
  const struct fuzz_input target = kind == KIND_RAW ? in : fuzz_line(&in);
  if (kind == KIND_RAW)
    talk((struct fuzz_input){fuzz_copy(in.data, in.len), in.len}, cuts, NULL);
  else if (kind == KIND_WEBSOCKET)
    talk(service_upgrade(target, in), cuts, is_echo(target) ? NULL : check_text);
  else
    talk(service_request(kind == KIND_POST ? "POST" : "GET", target, json, in), cuts, NULL);
  if (count++ % 64 == 0)
    check_health();
}
