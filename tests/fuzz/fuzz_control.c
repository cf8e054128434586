/*
 * The control server of limpet chaos: a raw connection, or a request with a body on one of its
 * paths. It answers or closes; faults that it has taken are those that it tells.
 */
#include "service.h"

#include "control.h"

#include <stdlib.h>
#include <string.h>

enum kind { KIND_RAW, KIND_GET, KIND_POST, KIND_PUT, KIND_DELETE, KINDS_COUNT };

static struct service service;
static struct chaos *chaos;

static void on_connection(void *user, const struct chaos_connection *connection) {
  (void)user, (void)connection;
}

static void on_refused(void *user, uint64_t id) {
  (void)user, (void)id;
}

/* What is reported reads back as a command. */
static void on_command(void *user, const struct command *command, uint64_t connection,
                       enum chaos_source source, uint64_t at_ms, size_t hit_count) {
  char text[FAULT_TEXT_CAP], error[FAULT_ERROR_CAP];
  struct command again;
  (void)user, (void)connection, (void)source, (void)at_ms, (void)hit_count;
  command_print(command, text);
  FUZZ_CHECK(command_parse(text, strlen(text), &again, error) && again.kind == command->kind);
}

static void on_trouble(void *user, const char *detail) {
  (void)user, (void)detail;
}

static void start(void) {
  static char listen[64];
  static struct chaos_target target;
  static struct chaos_options options;
  char detail[CHAOS_DETAIL_CAP];
  service_init(&service);
  FUZZ_CHECK(chaos_parse_target("unix:/nobody/is/there", &target, detail));
  strcpy(listen, "127.0.0.1:0");
  options = (struct chaos_options){
      .listen = listen,
      .target = &target,
      .max_connections = 4,
      .events = {on_connection, on_connection, on_refused, on_command, on_trouble, NULL}};
  chaos = chaos_new(service.loop, &options, detail);
  FUZZ_CHECK(chaos != NULL);
  chaos_start(chaos);
  FUZZ_CHECK(control_new(service.loop, chaos, service.address, false, detail) != NULL);
}

static struct answer say(const char *method, struct fuzz_input target, struct fuzz_input body,
                         struct fuzz_cuts cuts) {
  const struct fuzz_input text = service_request(method, target, "application/json", body);
  const struct answer answer = service_talk(&service, text, cuts);
  free((void *)(uintptr_t)text.data);
  return answer;
}

/* Also so that one input finds nothing of another. */
static void clear(void) {
  static const struct fuzz_input target = {(const uint8_t *)"/faults", 7};
  const struct answer answer =
      say("DELETE", target, (struct fuzz_input){(const uint8_t *)"", 0}, fuzz_cuts(0));
  FUZZ_CHECK(strncmp((const char *)answer.data, "HTTP/1.1 200 ", 13) == 0);
  FUZZ_CHECK(strstr((const char *)answer.data, "\"faults\":[]") != NULL);
  free(answer.data);
}

void fuzz_one(const uint8_t *data, size_t len) {
  static const char *const methods[] = {"", "GET", "POST", "PUT", "DELETE"};
  struct fuzz_input in = {data, len};
  if (service.loop == NULL)
    start();
  const uint8_t kind = fuzz_byte(&in) % KINDS_COUNT;
  const struct fuzz_cuts cuts = fuzz_cuts(fuzz_byte(&in));
  if (kind == KIND_RAW) {
    service_check(service_talk(&service, in, cuts), NULL);
  } else {
    const struct fuzz_input target = fuzz_line(&in);
    service_check(say(methods[kind], target, in, cuts), NULL);
  }
  clear();
}
