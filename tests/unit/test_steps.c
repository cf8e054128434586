/* What a dial reports of its steps, and links that are ended by whoever is told. */
#include "net_certs.h"
#include "net_rig.h"
#include "resolve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct certs certs;

/* good.example is this machine, by two addresses. */
static void fake(const char *host, int family, struct resolve_answer *answer) {
  const bool is_here = strcmp(host, "good.example") == 0;
  if (is_here && family == AF_INET && address_from_ip(&answer->addresses[0], "127.0.0.1") &&
      address_from_ip(&answer->addresses[1], "127.0.0.2"))
    answer->count = 2;
}

static int set_up(void **state) {
  (void)state;
  certs_make(&certs);
  resolve_use(fake);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  resolve_use(NULL);
  certs_remove(&certs);
  return 0;
}

/* ---- a client that writes its steps down ---- */

#define STORY_CAP 1024

struct watched {
  struct end end; /* first: it is the link's user */
  char story[STORY_CAP];
  unsigned count, ends_at; /* the link is dropped at this step, from 1; 0: never */
};

static void add(struct watched *watched, const char *format, const char *a, const char *b) {
  const size_t len = strlen(watched->story);
  (void)snprintf(watched->story + len, STORY_CAP - len, format, a, b);
}

static void on_step(struct link *link, const struct link_step_report *report) {
  static const char *const names[] = {"look_up", "connected", "proxy", "tls", "upgraded"};
  struct watched *watched = link_user(link);
  add(watched, "%s%s", names[report->step], ":");
  for (size_t i = 0; i < report->facts_count; i++)
    add(watched, " %s=%s", report->facts[i].name, report->facts[i].value);
  add(watched, "%s%s", "\n", "");
  if (++watched->count == watched->ends_at) {
    watched->end.link = NULL;
    link_abort(link);
  }
}

static struct link_events watching(void) {
  struct link_events events = end_events;
  events.step = on_step;
  return events;
}

static const char *const talk[] = {"talk", NULL};
static const struct deflate_params compression = {.server_max_window_bits = 15,
                                                  .client_max_window_bits = 15};

struct scene {
  struct rig rig;
  struct rig_server server;
  struct end far;
  struct link_settings settings;
  struct link_events events;
  struct watched client;
  char url[96];
};

static void scene_init(struct scene *s, const char *scheme, const char *host) {
  char detail[TLS_DETAIL_CAP];
  memset(s, 0, sizeof *s);
  rig_init(&s->rig);
  rig_start_ticking(&s->rig); /* what ends within a turn leaves nothing to wait for */
  rig_server_init(&s->server, &s->rig, "127.0.0.1:0", &s->far, 1);
  s->settings = rig_settings();
  s->settings.subprotocols = s->server.http_settings.subprotocols = talk;
  s->events = watching();
  s->client.end.events = &s->events;
  if (strcmp(scheme, "wss") == 0) {
    (void)tls_context_new(&memory_default, &(struct tls_options){.ca_file = certs.ca},
                          &s->settings.tls, detail);
    (void)tls_server_context_new(&memory_default, certs.good, certs.good,
                                 &s->server.http_settings.tls, detail);
  }
  (void)snprintf(s->url, sizeof s->url, "%s://%s:%u/", scheme, host,
                 http_server_port(s->server.http));
}

static void scene_deinit(struct scene *s) {
  if (s->client.end.link)
    link_abort(s->client.end.link);
  for (int i = 0; i < 20; i++)
    uv_run(&s->rig.uv, UV_RUN_NOWAIT);
  if (s->far.link)
    link_abort(s->far.link);
  end_deinit(&s->far);
  end_deinit(&s->client.end);
  rig_server_deinit(&s->server);
  tls_context_release(s->settings.tls);
  tls_context_release(s->server.http_settings.tls);
  rig_deinit(&s->rig);
}

static void dial(struct scene *s) {
  rig_dial(&s->rig, &s->settings, &s->client.end, s->url);
}

static void until_outcome(struct scene *s) {
  while (!s->client.end.is_open && !s->client.end.has_ended)
    rig_turn(&s->rig);
}

static void assert_told(const struct scene *s, const char *start) {
  if (!strstr(s->client.story, start))
    fail_msg("'%s' is not in:\n%s", start, s->client.story);
}

/* ---- what is told ---- */

static void test_a_plain_dial(void **state) {
  (void)state;
  struct scene s;
  char story[STORY_CAP];
  scene_init(&s, "ws", "127.0.0.1");
  dial(&s);
  until_outcome(&s);
  (void)snprintf(story, sizeof story,
                 "look_up: addresses=127.0.0.1\nconnected: address=127.0.0.1:%u\n"
                 "upgraded: status=101 subprotocol=talk\n",
                 http_server_port(s.server.http));
  assert_string_equal(s.client.story, story);
  scene_deinit(&s);
}

static void test_a_name_and_tls(void **state) {
  (void)state;
  struct scene s;
  scene_init(&s, "wss", "good.example");
  dial(&s);
  until_outcome(&s);
  assert_true(s.client.end.is_open);
  assert_int_equal(s.client.count, 4);
  assert_told(&s, "look_up: addresses=127.0.0.1, 127.0.0.2\nconnected: address=127.0.0.1:");
  assert_told(&s, "\ntls: version=TLSv1.3 cipher=TLS_");
  assert_told(&s, " subject=CN=");
  assert_told(&s, " issuer=CN=");
  assert_told(&s, " expires=20");
  assert_null(strstr(s.client.story, "verified"));
  assert_told(&s, "Z\nupgraded: status=101 ");
  scene_deinit(&s);
}

static void test_nothing_was_verified(void **state) {
  (void)state;
  struct scene s;
  char detail[TLS_DETAIL_CAP];
  scene_init(&s, "wss", "127.0.0.1");
  tls_context_release(s.settings.tls);
  (void)tls_context_new(&memory_default, &(struct tls_options){.insecure = true}, &s.settings.tls,
                        detail);
  dial(&s);
  until_outcome(&s);
  assert_told(&s, " verified=no\nupgraded:");
  scene_deinit(&s);
}

static void test_compression_is_told(void **state) {
  (void)state;
  struct scene s;
  scene_init(&s, "ws", "localhost");
  s.settings.compress = true;
  s.settings.deflate = compression;
  s.server.settings.compress = true;
  s.server.settings.deflate = compression;
  dial(&s);
  until_outcome(&s);
  assert_told(&s, "look_up: addresses=::1\nlook_up: addresses=127.0.0.1\nconnected: ");
  assert_told(&s, " extensions=permessage-deflate\n");
  scene_deinit(&s);
}

/* The step that fails is not told, those before it are. */
static void test_failures(void **state) {
  (void)state;
  static const struct {
    const char *scheme, *host;
    unsigned steps;
    enum link_end_kind kind;
  } cases[] = {
      {"ws", "nowhere.example", 0, LINK_END_DNS},
      {"wss", "127.0.0.2", 1, LINK_END_REFUSED}, /* it listens at 127.0.0.1 only */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct scene s;
    scene_init(&s, cases[i].scheme, cases[i].host);
    dial(&s);
    until_outcome(&s);
    assert_true(s.client.end.has_ended);
    assert_int_equal(s.client.end.end.kind, cases[i].kind);
    assert_int_equal(s.client.count, cases[i].steps);
    scene_deinit(&s);
  }
}

static void test_an_untrusted_certificate(void **state) {
  (void)state;
  struct scene s;
  char detail[TLS_DETAIL_CAP];
  scene_init(&s, "wss", "127.0.0.1");
  tls_context_release(s.settings.tls);
  (void)tls_context_new(&memory_default, &(struct tls_options){.ca_file = certs.other_ca},
                        &s.settings.tls, detail);
  dial(&s);
  until_outcome(&s);
  assert_int_equal(s.client.end.end.kind, LINK_END_TLS_VERIFY);
  assert_int_equal(s.client.count, 2);
  scene_deinit(&s);
}

/* ---- ended inside a report ---- */

static void test_abort_inside_each_step(void **state) {
  (void)state;
  static const char *const hosts[] = {"127.0.0.1", "good.example"};
  for (unsigned step = 1; step <= 4; step++)
    for (size_t i = 0; i < 2; i++) {
      struct scene s;
      scene_init(&s, "wss", hosts[i]);
      s.client.ends_at = step;
      dial(&s);
      while (s.client.count < step)
        rig_turn(&s.rig);
      for (int turn = 0; turn < 20; turn++)
        uv_run(&s.rig.uv, UV_RUN_NOWAIT);
      assert_int_equal(s.client.count, step);
      assert_false(s.client.end.is_open);
      assert_false(s.client.end.has_ended); /* no event follows link_abort() */
      scene_deinit(&s);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_plain_dial),
      cmocka_unit_test(test_a_name_and_tls),
      cmocka_unit_test(test_nothing_was_verified),
      cmocka_unit_test(test_compression_is_told),
      cmocka_unit_test(test_failures),
      cmocka_unit_test(test_an_untrusted_certificate),
      cmocka_unit_test(test_abort_inside_each_step),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
