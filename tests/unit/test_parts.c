/* What a build was made without is refused by name; what it was made with is taken. Runs in every
   build, and means something in each. */
#include "client_fixture.h"
#include "parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NO_TLS "this build has no TLS (LIMPET_TLS)"
#define NO_DEFLATE "this build has no permessage-deflate (LIMPET_DEFLATE)"
#define NO_JSON "this build has no JSON (LIMPET_JSON)"
#define NO_OUTBOX "this build has no outbox (LIMPET_OUTBOX)"

typedef void change(limpet_options *options);

static void secure_url(limpet_options *o) {
  o->url = "wss://127.0.0.1:9/";
}
static void insecure(limpet_options *o) {
  o->tls_insecure = true;
}
static void ca_file(limpet_options *o) {
  o->tls_ca_file = "/nowhere/ca.pem";
}
static void cert_file(limpet_options *o) {
  o->tls_cert_file = o->tls_key_file = "/nowhere/me.pem";
}
static void compressed(limpet_options *o) {
  o->compress = true;
}
static void nova(limpet_options *o) {
  assert_int_equal(limpet_options_preset(o, "nova"), LIMPET_OK);
}
static void medtranslate(limpet_options *o) {
  assert_int_equal(limpet_options_preset(o, "medtranslate"), LIMPET_OK);
}
static void acknowledged(limpet_options *o) {
  o->confirm = LIMPET_CONFIRM_ACK;
}
static void on_typing(limpet_client *client, const char *conversation_id, const char *user_id,
                      void *user) {
  (void)client, (void)conversation_id, (void)user_id, (void)user;
}
static void typing(limpet_options *o) {
  o->callbacks.on_typing = on_typing;
}
static void outbox(limpet_options *o) {
  o->outbox = "/nowhere/at/all/outbox";
  o->confirm = LIMPET_CONFIRM_BARRIER;
}

/* `result`, and what `detail` names, where the part is there: the files cannot be. */
static const struct {
  const char *name;
  change *make;
  bool is_there;
  const char *refusal;
  limpet_result result;
  const char *names;
} cases[] = {
    {"wss", secure_url, HAS_TLS, "url: " NO_TLS, LIMPET_OK, ""},
    {"insecure", insecure, HAS_TLS, "tls_insecure: " NO_TLS, LIMPET_OK, ""},
    {"CA file", ca_file, HAS_TLS, "tls_ca_file: " NO_TLS, LIMPET_INVALID_ARGUMENT,
     "/nowhere/ca.pem"},
    {"client's certificate", cert_file, HAS_TLS, "tls_cert_file: " NO_TLS, LIMPET_INVALID_ARGUMENT,
     "/nowhere/me.pem"},
    {"compress", compressed, HAS_DEFLATE, "compress: " NO_DEFLATE, LIMPET_OK, ""},
    {"nova", nova, HAS_JSON, "heartbeat: " NO_JSON, LIMPET_OK, ""},
    {"medtranslate", medtranslate, HAS_JSON, "heartbeat: " NO_JSON, LIMPET_OK, ""},
    {"ack", acknowledged, HAS_JSON, "confirm: " NO_JSON, LIMPET_OK, ""},
    {"on_typing", typing, HAS_JSON, "on_typing: " NO_JSON, LIMPET_OK, ""},
    {"outbox", outbox, HAS_OUTBOX, "outbox: " NO_OUTBOX, LIMPET_OUTBOX, ""},
};

static void options_of_a_missing_part_are_refused_by_name(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char detail[LIMPET_DETAIL_CAP] = "";
    limpet_client *client = NULL;
    limpet_options o;
    limpet_options_init(&o, sizeof o);
    o.url = "ws://127.0.0.1:9/";
    cases[i].make(&o);
    const limpet_result result = limpet_new(&o, world.uv, &client, detail);
    if (result == LIMPET_OK)
      limpet_stop(client, 0);
    print_message("%s: %s\n", cases[i].name, detail);
    assert_int_equal(result, cases[i].is_there ? cases[i].result : LIMPET_INVALID_ARGUMENT);
    if (cases[i].is_there)
      assert_non_null(strstr(detail, cases[i].names));
    else
      assert_string_equal(detail, cases[i].refusal);
  }
  world_deinit(&world);
}

/* The client is made for ws, and told of wss only later. */
static void a_later_url_is_refused_too(void **state) {
  (void)state;
  char detail[LIMPET_DETAIL_CAP] = "";
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  assert_int_equal(limpet_set_url(f.client, "wss://127.0.0.1:9/", detail),
                   HAS_TLS ? LIMPET_OK : LIMPET_INVALID_ARGUMENT);
  assert_string_equal(detail, HAS_TLS ? "" : "url: " NO_TLS);
  assert_string_equal(limpet_url(f.client), HAS_TLS ? "wss://127.0.0.1:9/" : f.peer.url);
  fixture_end(&f);
}

static void ignore(limpet_client *client, const char *type, const char *text, size_t len,
                   void *user) {
  (void)client, (void)type, (void)text, (void)len, (void)user;
}

static void calls_of_a_missing_part_are_refused(void **state) {
  (void)state;
  const limpet_send_options durable = {.promise = LIMPET_PROMISE_DURABLE};
  const limpet_result there = HAS_JSON ? LIMPET_OK : LIMPET_INVALID_ARGUMENT;
  uint64_t handle = 7;
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  fixture_open(&f);
  assert_int_equal(limpet_send_text(f.client, "x", 1, &durable, NULL), LIMPET_INVALID_ARGUMENT);
  assert_int_equal(limpet_on_type(f.client, "news", ignore, NULL, &handle), there);
  assert_int_equal(limpet_off_type(f.client, handle), there);
  assert_int_equal(limpet_send_typing(f.client, "c", "u"), there);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(options_of_a_missing_part_are_refused_by_name),
      cmocka_unit_test(a_later_url_is_refused_too),
      cmocka_unit_test(calls_of_a_missing_part_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
