/* TLS links: who is trusted, what is refused and how it is told, resumption, bulk. */
#include "link_internal.h"
#include "net_certs.h"
#include "net_rig.h"
#include "resolve.h"
#include "tls_internal.h"

#include <linux/sockios.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct certs certs;

/* All names are this machine. */
static void fake(const char *host, int family, struct resolve_answer *answer) {
  (void)host;
  if (family == AF_INET && address_from_ip(&answer->addresses[0], "127.0.0.1"))
    answer->count = 1;
}

static int set_up(void **state) {
  (void)state;
  certs_make(&certs);
  resolve_use(fake);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  certs_remove(&certs);
  return 0;
}

static struct tls_context *client_context(const struct tls_options *options) {
  char detail[TLS_DETAIL_CAP];
  struct tls_context *context;
  if (tls_context_new(&memory_default, options, &context, detail) != TLS_MADE)
    fail_msg("%s", detail);
  return context;
}

static struct tls_context *server_context(const char *file) {
  char detail[TLS_DETAIL_CAP];
  struct tls_context *context;
  if (tls_server_context_new(&memory_default, file, file, &context, detail) != TLS_MADE)
    fail_msg("%s", detail);
  return context;
}

/* ---- a client and a server link over TLS ---- */

#define FAR_ENDS 128

struct tls_pair {
  struct rig rig;
  struct rig_server server;
  struct link_settings settings;
  struct end client, far[FAR_ENDS];
  char url[160];
};

static void pair_init(struct tls_pair *pair, struct tls_context *client, struct tls_context *server,
                      const char *host) {
  memset(pair, 0, sizeof *pair);
  rig_init(&pair->rig);
  rig_server_init(&pair->server, &pair->rig, "127.0.0.1:0", pair->far, FAR_ENDS);
  pair->settings = rig_settings();
  pair->settings.tls = client;
  pair->server.http_settings.tls = server;
  snprintf(pair->url, sizeof pair->url, "wss://%s:%u/", host, http_server_port(pair->server.http));
}

static void pair_deinit(struct tls_pair *pair) {
  if (pair->client.link)
    link_abort(pair->client.link);
  for (size_t i = 0; i < FAR_ENDS; i++) {
    if (pair->far[i].link)
      link_abort(pair->far[i].link);
    end_deinit(&pair->far[i]);
  }
  end_deinit(&pair->client);
  rig_server_deinit(&pair->server);
  rig_deinit(&pair->rig);
}

static void dial_to_outcome(struct tls_pair *pair) {
  rig_dial(&pair->rig, &pair->settings, &pair->client, pair->url);
  while (!pair->client.is_open && !pair->client.has_ended)
    rig_turn(&pair->rig);
}

/* ---- trust ---- */

struct trust {
  const char *name, *server_cert, *ca, *host;
  bool insecure;
  const char *detail; /* NULL: it opens */
};

static void check_trust(const struct trust *trust) {
  struct tls_context *client =
      client_context(&(struct tls_options){.ca_file = trust->ca, .insecure = trust->insecure});
  struct tls_context *server = server_context(trust->server_cert);
  struct tls_pair *pair = malloc(sizeof *pair);
  pair_init(pair, client, server, trust->host);
  dial_to_outcome(pair);
  if (!trust->detail) {
    if (!pair->client.is_open)
      fail_msg("%s: %s", trust->name, pair->client.end.detail);
  } else {
    if (pair->client.is_open || pair->client.end.kind != LINK_END_TLS_VERIFY ||
        !strstr(pair->client.end.detail, trust->detail) ||
        !strstr(pair->client.end.detail, trust->host))
      fail_msg("%s: %d %s", trust->name, pair->client.end.kind, pair->client.end.detail);
    rig_until_count(&pair->rig, &pair->server.refused_count, 1); /* it is told by an alert */
    assert_null(
        tls_sessions_take(&client->sessions,
                          &(struct tls_peer){"good.example", http_server_port(pair->server.http)}));
  }
  pair_deinit(pair);
  free(pair);
  tls_context_release(client);
  tls_context_release(server);
}

static void test_trust(void **state) {
  (void)state;
  const struct trust cases[] = {
      {"good name", certs.good, certs.ca, "good.example", false, NULL},
      {"good name with the root's dot", certs.good, certs.ca, "good.example.", false, NULL},
      {"good address", certs.good, certs.ca, "127.0.0.1", false, NULL},
      {"wrong name", certs.wrong_host, certs.ca, "good.example", false, "hostname mismatch"},
      {"wrong address", certs.wrong_host, certs.ca, "127.0.0.1", false, "IP address mismatch"},
      {"expired", certs.expired, certs.ca, "good.example", false, "certificate has expired"},
      {"not yet valid", certs.not_yet_valid, certs.ca, "good.example", false, "not yet valid"},
      {"self-signed", certs.self_signed, certs.ca, "good.example", false, "self-signed"},
      {"unknown CA", certs.unknown_ca, certs.ca, "good.example", false, "local issuer"},
      {"system store", certs.good, NULL, "good.example", false, "local issuer"},
      {"insecure: expired", certs.expired, certs.ca, "good.example", true, NULL},
      {"insecure: wrong name", certs.wrong_host, certs.ca, "good.example", true, NULL},
      {"insecure: self-signed", certs.self_signed, NULL, "good.example", true, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    check_trust(&cases[i]);
}

/* ---- a machine that cannot look for itself ---- */

/* A store as the system's is: a folder in which each authority has a file, named by a hash and read
   when it is asked for. */
struct store {
  char folder[64], file[96];
};

static void store_make(struct store *store) {
  FILE *file = fopen(certs.ca, "r");
  X509 *ca = PEM_read_X509(file, NULL, NULL, NULL);
  fclose(file);
  snprintf(store->folder, sizeof store->folder, "/tmp/limpet_store_XXXXXX");
  assert_non_null(mkdtemp(store->folder));
  snprintf(store->file, sizeof store->file, "%s/%08lx.0", store->folder,
           X509_subject_name_hash(ca));
  X509_free(ca);
  assert_int_equal(symlink(certs.ca, store->file), 0);
  setenv("SSL_CERT_DIR", store->folder, 1);
  setenv("SSL_CERT_FILE", "/nonexistent", 1);
}

static void store_remove(const struct store *store) {
  unlink(store->file);
  rmdir(store->folder);
  unsetenv("SSL_CERT_DIR");
  unsetenv("SSL_CERT_FILE");
}

static struct rlimit take_last_descriptor(void) {
  struct rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  const int highest = dup(0);
  close(highest);
  setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)highest, before.rlim_max});
  return before;
}

/* None is left when the server has the connection, and has said nothing yet. */
static void dial_without_more_descriptors(struct tls_pair *pair) {
  rig_dial(&pair->rig, &pair->settings, &pair->client, pair->url);
  while (http_server_count(pair->server.http) == 0)
    rig_turn(&pair->rig);
  const struct rlimit before = take_last_descriptor();
  rig_until(&pair->rig, &pair->client.has_ended);
  setrlimit(RLIMIT_NOFILE, &before);
}

/* Nothing is known of the certificate then, and the next dial may find out. */
static void test_trust_without_descriptors(void **state) {
  (void)state;
  struct store store;
  store_make(&store);
  struct tls_context *client = client_context(&(struct tls_options){.ca_file = NULL});
  struct tls_context *server = server_context(certs.good);
  struct tls_pair *pair = malloc(sizeof *pair);
  pair_init(pair, client, server, "good.example");
  dial_without_more_descriptors(pair);
  assert_int_equal(pair->client.end.kind, LINK_END_SYSTEM);
  assert_non_null(
      strstr(pair->client.end.detail, "good.example cannot be checked: Too many open files"));
  memset(&pair->client, 0, sizeof pair->client);
  dial_to_outcome(pair);
  assert_true(pair->client.is_open);
  pair_deinit(pair);
  free(pair);
  tls_context_release(client);
  tls_context_release(server);
  store_remove(&store);
}

/* OpenSSL passes over a system's store that it could not read: a context made so would trust nobody
   for ever. Files that were named are not to blame either. */
static void test_contexts_without_descriptors(void **state) {
  (void)state;
  const struct tls_options cases[] = {
      {.ca_file = NULL}, {.ca_file = certs.ca}, {.cert_file = certs.client}};
  const struct rlimit before = take_last_descriptor();
  struct tls_context *none;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char detail[TLS_DETAIL_CAP] = "";
    assert_int_equal(tls_context_new(&memory_default, &cases[i], &none, detail),
                     TLS_NO_DESCRIPTORS);
    assert_null(none);
    assert_string_equal(detail, "TLS: Too many open files");
  }
  char detail[TLS_DETAIL_CAP] = "";
  assert_int_equal(tls_server_context_new(&memory_default, certs.good, certs.good, &none, detail),
                   TLS_NO_DESCRIPTORS);
  setrlimit(RLIMIT_NOFILE, &before);
}

/* As OpenSSL does when its own allocations fail while it looks at a chain. */
static int find_no_memory(X509_STORE_CTX *chain, void *user) {
  (void)user;
  X509_STORE_CTX_set_error(chain, X509_V_ERR_OUT_OF_MEM);
  return 0;
}

static void test_trust_without_memory(void **state) {
  (void)state;
  struct tls_context *client = client_context(&(struct tls_options){.ca_file = certs.ca});
  struct tls_context *server = server_context(certs.good);
  SSL_CTX_set_cert_verify_callback(client->ssl, find_no_memory, NULL);
  struct tls_pair *pair = malloc(sizeof *pair);
  pair_init(pair, client, server, "good.example");
  dial_to_outcome(pair);
  assert_int_equal(pair->client.end.kind, LINK_END_NO_MEMORY);
  pair_deinit(pair);
  free(pair);
  tls_context_release(client);
  tls_context_release(server);
}

/* ---- versions and strangers ---- */

static void limit_version(struct tls_context *context, int version) {
  SSL_CTX_set_min_proto_version(context->ssl, version);
  SSL_CTX_set_max_proto_version(context->ssl, version);
  SSL_CTX_set_security_level(context->ssl, 0);
}

static void test_versions(void **state) {
  (void)state;
  static const struct {
    int version;
    bool opens;
  } cases[] = {{TLS1_1_VERSION, false}, {TLS1_2_VERSION, true}, {TLS1_3_VERSION, true}};
  for (size_t i = 0; i < 3; i++) {
    struct tls_context *client = client_context(&(struct tls_options){.ca_file = certs.ca});
    struct tls_context *server = server_context(certs.good);
    limit_version(server, cases[i].version);
    struct tls_pair *pair = malloc(sizeof *pair);
    pair_init(pair, client, server, "good.example");
    dial_to_outcome(pair);
    assert_int_equal(pair->client.is_open, cases[i].opens);
    if (!cases[i].opens) {
      assert_int_equal(pair->client.end.kind, LINK_END_TLS);
      assert_non_null(strstr(pair->client.end.detail, "TLS: "));
      assert_non_null(strstr(pair->client.end.detail, "version"));
    }
    pair_deinit(pair);
    free(pair);
    tls_context_release(client);
    tls_context_release(server);
  }
}

static void test_strangers(void **state) {
  (void)state;
  static const struct {
    const char *says;
    bool resets;
    enum link_end_kind kind;
    const char *detail;
  } cases[] = {
      {"HTTP/1.1 400 Bad Request\r\n\r\n", false, LINK_END_TLS, "does not speak TLS"},
      {"", false, LINK_END_LOST, "connection closed during the TLS handshake"},
      {"", true, LINK_END_LOST, "reset by peer during the TLS handshake"},
  };
  for (size_t i = 0; i < 3; i++) {
    struct rig rig;
    rig_init(&rig);
    struct end client = {0};
    struct link_settings settings = rig_settings();
    settings.tls = client_context(&(struct tls_options){.ca_file = certs.ca});
    uint16_t port;
    int listening = raw_listen(&port);
    char url[64], byte;
    snprintf(url, sizeof url, "wss://127.0.0.1:%u/", port);
    rig_dial(&rig, &settings, &client, url);
    int fd = raw_accept(&rig, listening);
    assert_int_equal(raw_read(&rig, fd, &byte, 1), 1);
    raw_write(&rig, fd, cases[i].says, strlen(cases[i].says));
    if (!cases[i].resets) {
      char rest[4096];
      recv(fd, rest, sizeof rest, 0);
    }
    close(fd); /* with input unread it resets */
    rig_until(&rig, &client.has_ended);
    if (client.end.kind != cases[i].kind || !strstr(client.end.detail, cases[i].detail))
      fail_msg("%d %s", client.end.kind, client.end.detail);
    close(listening);
    tls_context_release(settings.tls);
    rig_deinit(&rig);
  }
}

static void test_silent_server(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  struct end client = {0};
  struct link_settings settings = rig_settings();
  settings.connect_timeout_ms = 30;
  settings.tls = client_context(&(struct tls_options){.ca_file = certs.ca});
  uint16_t port;
  int listening = raw_listen(&port);
  char url[64];
  snprintf(url, sizeof url, "wss://127.0.0.1:%u/", port);
  rig_dial(&rig, &settings, &client, url);
  rig_until(&rig, &client.has_ended);
  assert_int_equal(client.end.kind, LINK_END_TIMEOUT);
  assert_string_equal(client.end.detail, "no end of the TLS handshake with 127.0.0.1 within 30 ms");
  close(listening);
  tls_context_release(settings.tls);
  rig_deinit(&rig);
}

static void test_wss_without_context(void **state) {
  (void)state;
  struct tls_pair *pair = malloc(sizeof *pair);
  pair_init(pair, NULL, NULL, "127.0.0.1");
  dial_to_outcome(pair);
  assert_int_equal(pair->client.end.kind, LINK_END_TLS);
  pair_deinit(pair);
  free(pair);
}

/* ---- client certificates ---- */

static void test_client_certificate(void **state) {
  (void)state;
  for (int has_one = 0; has_one < 2; has_one++) {
    struct tls_context *client = client_context(
        &(struct tls_options){.ca_file = certs.ca, .cert_file = has_one ? certs.client : NULL});
    struct tls_context *server = server_context(certs.good);
    SSL_CTX_set_verify(server->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_load_verify_locations(server->ssl, certs.ca, NULL);
    struct tls_pair *pair = malloc(sizeof *pair);
    pair_init(pair, client, server, "good.example");
    dial_to_outcome(pair);
    assert_int_equal(pair->client.is_open, has_one);
    if (!has_one) {
      assert_int_equal(pair->client.end.kind, LINK_END_TLS);
      assert_non_null(strstr(pair->client.end.detail, "certificate required"));
    }
    pair_deinit(pair);
    free(pair);
    tls_context_release(client);
    tls_context_release(server);
  }
}

static void test_unusable_files(void **state) {
  (void)state;
  const struct {
    struct tls_options options;
    const char *detail;
  } cases[] = {
      {{.ca_file = "/nonexistent/ca.pem"}, "CA file /nonexistent/ca.pem: "},
      {{.cert_file = "/nonexistent/c.pem"}, "certificate file /nonexistent/c.pem: "},
      {{.cert_file = certs.ca}, "key file "},
      {{.cert_file = certs.good, .key_file = certs.client}, "key file "},
      {{.cert_file = certs.good, .key_file = "/nonexistent/k.pem"}, "key file /nonexistent/k.pem"},
  };
  struct tls_context *context;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char detail[TLS_DETAIL_CAP] = "";
    assert_int_equal(tls_context_new(&memory_default, &cases[i].options, &context, detail),
                     TLS_UNUSABLE);
    assert_null(context);
    if (strncmp(detail, cases[i].detail, strlen(cases[i].detail)) != 0)
      fail_msg("%zu: %s", i, detail);
  }
  char detail[TLS_DETAIL_CAP] = "";
  assert_int_equal(tls_server_context_new(&memory_default, certs.ca, certs.ca, &context, detail),
                   TLS_UNUSABLE);
  assert_null(context);
  assert_non_null(strstr(detail, "key file"));
  tls_context_release(NULL);
}

/* ---- resumption ---- */

static unsigned count_resumed(struct tls_pair *pair, unsigned dials, bool says_goodbye) {
  unsigned resumed = 0;
  for (unsigned i = 0; i < dials; i++) {
    memset(&pair->client, 0, sizeof pair->client);
    dial_to_outcome(pair);
    if (!pair->client.is_open)
      fail_msg("%s", pair->client.end.detail);
    resumed += tls_stream_is_resumed(pair->client.link->tls);
    if (says_goodbye) {
      link_close(pair->client.link, 1000, NULL);
      rig_until(&pair->rig, &pair->client.has_ended);
    } else {
      link_abort(pair->client.link); /* a link that died, as they do */
      pair->client.link = NULL;
    }
  }
  return resumed;
}

static void test_resumption(void **state) {
  (void)state;
  static const struct {
    int version;
    bool says_goodbye;
  } cases[] = {{TLS1_3_VERSION, false}, {TLS1_3_VERSION, true}, {TLS1_2_VERSION, false}};
  for (size_t i = 0; i < 3; i++) {
    struct tls_context *client = client_context(&(struct tls_options){.ca_file = certs.ca});
    struct tls_context *server = server_context(certs.good);
    limit_version(server, cases[i].version);
    struct tls_pair *pair = malloc(sizeof *pair);
    pair_init(pair, client, server, "good.example");
    assert_int_equal(count_resumed(pair, 100, cases[i].says_goodbye), 99);
    pair_deinit(pair);
    free(pair);
    tls_context_release(client);
    tls_context_release(server);
  }
}

/* Sessions belong to a host and a port; the oldest ones go. */
static void test_session_store(void **state) {
  (void)state;
  struct tls_sessions sessions;
  tls_sessions_init(&sessions, &memory_default);
  struct tls_peer peer = {"a.example", 443}, other = {"a.example", 444};
  for (int i = 0; i < TLS_SESSIONS_EACH + 2; i++)
    tls_sessions_put(&sessions, &peer, SSL_SESSION_new());
  assert_null(tls_sessions_take(&sessions, &other));
  for (int i = 0; i < TLS_SESSIONS_HOSTS - 1; i++) {
    snprintf(other.host, sizeof other.host, "%d.example", i);
    tls_sessions_put(&sessions, &other, SSL_SESSION_new());
  }
  SSL_SESSION *session = tls_sessions_take(&sessions, &peer);
  assert_non_null(session);
  SSL_SESSION_free(session);
  snprintf(other.host, sizeof other.host, "one.more");
  tls_sessions_put(&sessions, &other, SSL_SESSION_new());
  snprintf(other.host, sizeof other.host, "0.example");
  assert_null(tls_sessions_take(&sessions, &other));
  tls_sessions_deinit(&sessions);
}

static void test_session_store_without_memory(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  struct tls_sessions sessions;
  tls_sessions_init(&sessions, &rig.memory.memory);
  struct tls_peer peer = {"a.example", 443};
  rig.memory.fail_at = rig.memory.taken + 1;
  tls_sessions_put(&sessions, &peer, SSL_SESSION_new());
  assert_null(tls_sessions_take(&sessions, &peer));
  tls_sessions_deinit(&sessions);
  rig_deinit(&rig);
}

/* ---- bytes ---- */

static void open_pair(struct tls_pair *pair, struct tls_context *client,
                      struct tls_context *server) {
  pair_init(pair, client, server, "good.example");
  pair->client.keeps = pair->far[0].keeps = true;
  dial_to_outcome(pair);
  if (!pair->client.is_open)
    fail_msg("%s", pair->client.end.detail);
  rig_until(&pair->rig, &pair->far[0].is_open);
}

/* Open, each side trusting the other; for pair_free(). */
static struct tls_pair *pair_of_friends(void) {
  struct tls_pair *pair = malloc(sizeof *pair);
  open_pair(pair, client_context(&(struct tls_options){.ca_file = certs.ca}),
            server_context(certs.good));
  return pair;
}

static void pair_free(struct tls_pair *pair) {
  struct tls_context *client = pair->settings.tls, *server = pair->server.http_settings.tls;
  pair_deinit(pair);
  free(pair);
  tls_context_release(client);
  tls_context_release(server);
}

/* Longer than one read takes, so that its end waits inside TLS, where no poll tells of it. */
static void test_long_answer(void **state) {
  (void)state;
  static char line[7000];
  static const char *const headers[] = {line, line, line, line, line, line,
                                        line, line, line, line, NULL};
  memcpy(line, "X-Filler: ", 10);
  memset(line + 10, 'x', sizeof line - 11);
  struct tls_pair *pair = malloc(sizeof *pair);
  pair_init(pair, client_context(&(struct tls_options){.ca_file = certs.ca}),
            server_context(certs.good), "good.example");
  pair->settings.max_handshake = 128 * 1024;
  pair->server.headers = headers;
  dial_to_outcome(pair);
  if (!pair->client.is_open)
    fail_msg("%s", pair->client.end.detail);
  pair_free(pair);
}

static void test_messages(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 100, 16384, 100000, 8 * 1024 * 1024};
  uint8_t *data = malloc(8 * 1024 * 1024);
  for (size_t i = 0; i < 8 * 1024 * 1024; i++)
    data[i] = (uint8_t)(i * 2654435761u >> 11);
  for (int busy = 0; busy < 2; busy++) {
    struct tls_context *client = client_context(&(struct tls_options){.ca_file = certs.ca});
    struct tls_context *server = server_context(certs.good);
    struct tls_pair *pair = malloc(sizeof *pair);
    open_pair(pair, client, server);
    pair->far[0].echoes = true;
    pair->settings.busy_poll_us = busy ? 20 : 0;
    for (unsigned i = 0; i < 6; i++) {
      assert_true(link_write(pair->client.link, FRAME_BINARY, data, sizes[i], NULL));
      rig_until_count(&pair->rig, &pair->client.message_count, i + 1);
      assert_int_equal(pair->client.last_len, sizes[i]);
      assert_memory_equal(pair->client.last, data, sizes[i]);
    }
    for (unsigned i = 0; i < 5000; i++)
      assert_true(link_write(pair->client.link, FRAME_BINARY, data, 64, NULL));
    rig_until_count(&pair->rig, &pair->client.message_count, 5006);
    link_close(pair->client.link, 1000, "bye");
    rig_until(&pair->rig, &pair->client.has_ended);
    rig_until(&pair->rig, &pair->far[0].has_ended);
    assert_true(pair->client.end.was_clean && pair->far[0].end.was_clean);
    pair_deinit(pair);
    free(pair);
    tls_context_release(client);
    tls_context_release(server);
  }
  free(data);
}

static int unsent_bytes(const struct link *link) {
  int count = -1;
  if (ioctl(link_socket(link), SIOCOUTQNSD, &count) != 0)
    skip(); /* not known to qemu */
  return count;
}

/* A burst of one whole record: the kernel is told that more comes, and at the turn's end that no
   more does, though nothing is left to send. */
static void test_end_of_burst(void **state) {
  (void)state;
  static const uint8_t data[1024 - 8]; /* with its header a sixteenth of a record */
  struct tls_pair *pair = pair_of_friends();
  for (unsigned i = 0; i < 16; i++)
    assert_true(link_write(pair->client.link, FRAME_BINARY, data, sizeof data, NULL));
  assert_int_equal(link_buffered(pair->client.link), 0);
  assert_true(unsent_bytes(pair->client.link) > 0);
  rig_turn(&pair->rig);
  assert_int_equal(unsent_bytes(pair->client.link), 0);
  rig_until_count(&pair->rig, &pair->far[0].message_count, 16);
  pair_free(pair);
}

/* A paused end makes the other block inside a record; control frames still find a boundary, and
   TLS is given the same bytes again. */
static void test_blocked(void **state) {
  (void)state;
  static uint8_t data[10000];
  struct tls_pair *pair = pair_of_friends();
  struct end *far = &pair->far[0];
  link_pause(far->link, true);
  unsigned written = 0;
  while (link_buffered(pair->client.link) < 500000) {
    memset(data, (int)('a' + written % 26), sizeof data);
    assert_true(link_write(pair->client.link, FRAME_BINARY, data, sizeof data, NULL));
    link_flush(pair->client.link);
    uv_run(&pair->rig.uv, UV_RUN_NOWAIT);
    written++;
  }
  struct link_position position;
  assert_true(link_ping(pair->client.link, "ahead", 5, &position));
  assert_true(link_ping(far->link, "to a blocked link", 17, &position));
  rig_turn(&pair->rig);
  link_pause(far->link, false);
  rig_until_count(&pair->rig, &pair->client.pong_count, 1);
  assert_string_equal(pair->client.pong, "ahead");
  rig_until_count(&pair->rig, &far->pong_count, 1);
  rig_until_count(&pair->rig, &far->message_count, written);
  assert_int_equal(far->last[0], 'a' + (written - 1) % 26);
  assert_int_equal(far->byte_count, (size_t)written * sizeof data);
  pair_free(pair);
}

static void count_given(void *user, uint8_t opcode, const uint8_t *data, size_t len) {
  (void)opcode;
  assert_int_equal(len, 10000);
  assert_int_equal(data[0], data[9999]);
  ++*(unsigned *)user;
}

static void test_recover(void **state) {
  (void)state;
  static uint8_t data[10000];
  struct tls_pair *pair = pair_of_friends();
  link_pause(pair->far[0].link, true);
  while (link_buffered(pair->client.link) < 100000) {
    assert_true(link_write(pair->client.link, FRAME_BINARY, data, sizeof data, NULL));
    link_flush(pair->client.link);
    uv_run(&pair->rig.uv, UV_RUN_NOWAIT);
  }
  uint64_t buffered = link_buffered(pair->client.link);
  unsigned given = 0;
  link_recover(pair->client.link, count_given, &given);
  assert_int_equal(given, (buffered + 10007) / 10008);
  pair_free(pair);
}

/* ---- what TLS says between the records ---- */

/* The server's own handle, to make it say what links never do. */
static SSL *ssl_of(const struct link *link) {
  return (SSL *)(uintptr_t)tls_stream_ssl(link->tls);
}

static void count_turn(uv_prepare_t *handle) {
  ++*(unsigned *)handle->data;
}

/* How often the loop turns within a tenth of a second in which there is nothing to do. */
static unsigned count_idle_turns(struct rig *rig) {
  unsigned count = 0;
  uv_prepare_t prepare;
  uv_prepare_init(&rig->uv, &prepare);
  prepare.data = &count;
  uv_prepare_start(&prepare, count_turn);
  const uint64_t until_ms = uv_hrtime() / 1000000 + 100;
  while (uv_hrtime() / 1000000 < until_ms)
    rig_turn(rig);
  uv_close((uv_handle_t *)&prepare, NULL);
  uv_run(&rig->uv, UV_RUN_NOWAIT);
  return count;
}

/* TLS 1.2: the server wants to negotiate anew and lets it rest there. What is to be sent meanwhile
   waits for the server's word, which the socket's room has nothing to do with. */
static void test_renegotiation(void **state) {
  (void)state;
  struct tls_context *client = client_context(&(struct tls_options){.ca_file = certs.ca});
  struct tls_context *server = server_context(certs.good);
  limit_version(server, TLS1_2_VERSION);
  struct tls_pair *pair = malloc(sizeof *pair);
  open_pair(pair, client, server);
  struct end *far = &pair->far[0];
  link_pause(far->link, true);
  rig_start_ticking(&pair->rig);
  assert_int_equal(SSL_renegotiate(ssl_of(far->link)), 1);
  assert_int_equal(SSL_do_handshake(ssl_of(far->link)), 1);
  while (SSL_is_init_finished(ssl_of(pair->client.link)))
    rig_turn(&pair->rig);
  assert_true(link_write(pair->client.link, FRAME_TEXT, "meanwhile", 9, NULL));
  assert_in_range(count_idle_turns(&pair->rig), 1, 20);
  link_pause(far->link, false);
  rig_until_count(&pair->rig, &far->message_count, 1);
  assert_string_equal(far->last, "meanwhile");
  assert_true(link_write(far->link, FRAME_TEXT, "and back", 8, NULL));
  rig_until_count(&pair->rig, &pair->client.message_count, 1);
  pair_deinit(pair);
  free(pair);
  tls_context_release(client);
  tls_context_release(server);
}

static unsigned ticket_count;

static int count_ticket(SSL *ssl, SSL_SESSION *session) {
  (void)ssl;
  (void)session;
  ticket_count++;
  return 0;
}

/* Puts tickets into the socket until its buffers are full. Returns how many. */
static unsigned send_tickets(const struct link *link) {
  const int large = 4 * 1024 * 1024;
  unsigned count = 0;
  setsockopt(link_socket(link), SOL_SOCKET, SO_SNDBUF, &large, sizeof large);
  do {
    assert_int_equal(SSL_new_session_ticket(ssl_of(link)), 1);
    count++;
  } while (SSL_do_handshake(ssl_of(link)) == 1);
  return count;
}

/* TLS 1.3: a server can send tickets without end, and OpenSSL reads on until there is data. The
   loop has others to serve, and deadlines to judge. */
static void test_endless_tickets(void **state) {
  (void)state;
  struct tls_context *client = client_context(&(struct tls_options){.ca_file = certs.ca});
  struct tls_context *server = server_context(certs.good);
  struct tls_pair *pair = malloc(sizeof *pair);
  open_pair(pair, client, server);
  SSL_CTX_sess_set_new_cb(client->ssl, count_ticket);
  const unsigned count = send_tickets(pair->far[0].link);
  ticket_count = 0;
  rig_turn(&pair->rig);
  assert_in_range(ticket_count, 1, count / 2);
  rig_until_count(&pair->rig, &ticket_count, count - 1); /* the last may lie in the server */
  pair_deinit(pair);
  free(pair);
  tls_context_release(client);
  tls_context_release(server);
}

static void fill_socket(const struct link *link) {
  static const uint8_t junk[4096];
  while (send(link_socket(link), junk, sizeof junk, MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
  }
}

/* TLS 1.3: the server asks for new keys, reads nothing and goes on sending. No more can be read
   before the answer is out, and there is no room for it: what has come must not wake the loop. */
static void test_reading_waits_for_room(void **state) {
  (void)state;
  struct tls_pair *pair = pair_of_friends();
  struct link *link = pair->client.link, *far = pair->far[0].link;
  link_pause(far, true);
  rig_start_ticking(&pair->rig);
  assert_int_equal(SSL_key_update(ssl_of(far), SSL_KEY_UPDATE_REQUESTED), 1);
  for (unsigned i = 1; i <= 5; i++) { /* each word from there may make some room */
    fill_socket(link);
    assert_true(link_write(far, FRAME_TEXT, "word", 4, NULL));
    rig_until_count(&pair->rig, &pair->client.message_count, i);
  }
  fill_socket(link);
  assert_true(link_write(link, FRAME_TEXT, "answer", 6, NULL));
  assert_true(link_write(far, FRAME_TEXT, "word", 4, NULL));
  while (!link->wants_write)
    rig_turn(&pair->rig);
  assert_in_range(count_idle_turns(&pair->rig), 1, 20);
  pair_free(pair);
}

/* The way out of a stream, which can be shut as if the socket had no room. */
struct gate {
  int fd;
  bool is_shut;
};

static int gate_write(BIO *bio, const char *data, int len) {
  const struct gate *gate = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (!gate->is_shut)
    return (int)send(gate->fd, data, (size_t)len, MSG_NOSIGNAL);
  BIO_set_retry_write(bio);
  return -1;
}

static long gate_control(BIO *bio, int command, long number, void *pointer) {
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH;
}

/* Returns what is to be freed when the link is gone. */
static BIO_METHOD *gate_put(struct gate *gate, const struct link *link) {
  BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gate");
  BIO_meth_set_write(method, gate_write);
  BIO_meth_set_ctrl(method, gate_control);
  BIO *bio = BIO_new(method);
  *gate = (struct gate){link_socket(link), true};
  BIO_set_data(bio, gate);
  BIO_set_init(bio, 1);
  SSL_set0_wbio(ssl_of(link), bio);
  return method;
}

/* TLS 1.3: the server asks for new keys while nothing can be sent, so that reading waits for room.
   There is some when the link has been paused. */
static void test_pause_while_reading_waits_for_room(void **state) {
  (void)state;
  struct tls_context *client = client_context(&(struct tls_options){.ca_file = certs.ca});
  struct tls_context *server = server_context(certs.good);
  struct tls_pair *pair = malloc(sizeof *pair);
  open_pair(pair, client, server);
  struct link *link = pair->client.link, *far = pair->far[0].link;
  struct gate gate;
  BIO_METHOD *method = gate_put(&gate, link);
  rig_start_ticking(&pair->rig);
  assert_int_equal(SSL_key_update(ssl_of(far), SSL_KEY_UPDATE_REQUESTED), 1);
  assert_true(link_write(far, FRAME_TEXT, "one", 3, NULL));
  rig_until_count(&pair->rig, &pair->client.message_count, 1);
  assert_true(link_write(link, FRAME_TEXT, "back", 4, NULL));
  assert_true(link_write(far, FRAME_TEXT, "two", 3, NULL));
  while (!link->wants_write)
    rig_turn(&pair->rig);
  link_pause(link, true);
  gate.is_shut = false;
  rig_until_count(&pair->rig, &pair->far[0].message_count, 1);
  assert_in_range(count_idle_turns(&pair->rig), 1, 20);
  assert_int_equal(pair->client.message_count, 1);
  link_pause(link, false);
  rig_until_count(&pair->rig, &pair->client.message_count, 2);
  assert_string_equal(pair->client.last, "two");
  pair_deinit(pair);
  free(pair);
  BIO_meth_free(method);
  tls_context_release(client);
  tls_context_release(server);
}

/* An end without goodbye is a loss, as on a plain link. */
static void test_lost(void **state) {
  (void)state;
  struct tls_pair *pair = pair_of_friends();
  link_abort(pair->far[0].link);
  pair->far[0].link = NULL;
  rig_until(&pair->rig, &pair->client.has_ended);
  assert_int_equal(pair->client.end.kind, LINK_END_LOST);
  assert_string_equal(pair->client.end.detail, "connection closed without a close frame");
  pair_free(pair);
}

/* Bytes that are no TLS record, in the middle of an open link. */
static void test_damaged(void **state) {
  (void)state;
  struct tls_pair *pair = pair_of_friends();
  static const char damage[] = "\x17\x03\x03\x00\x20 this is not what was encrypted";
  send(pair->far[0].link->fd, damage, sizeof damage, MSG_NOSIGNAL);
  rig_until(&pair->rig, &pair->client.has_ended);
  assert_int_equal(pair->client.end.kind, LINK_END_TLS);
  assert_non_null(strstr(pair->client.end.detail, "TLS: "));
  pair_free(pair);
}

static void test_without_memory(void **state) {
  (void)state;
  for (long nth = 1;; nth++) {
    struct tls_context *client = client_context(&(struct tls_options){.ca_file = certs.ca});
    struct tls_context *server = server_context(certs.good);
    struct tls_pair *pair = malloc(sizeof *pair);
    pair_init(pair, client, server, "127.0.0.1");
    pair->settings.connect_timeout_ms = 1000;
    rig_start_ticking(&pair->rig);
    pair->rig.memory.fail_at = pair->rig.memory.taken + nth;
    pair->client.link =
        link_dial(pair->rig.loop, &pair->settings, &end_events, &pair->client, pair->url);
    while (pair->client.link && !pair->client.is_open && !pair->client.has_ended)
      rig_turn(&pair->rig);
    bool was_enough = pair->rig.memory.taken < pair->rig.memory.fail_at;
    pair_deinit(pair);
    free(pair);
    tls_context_release(client);
    tls_context_release(server);
    if (was_enough)
      break;
  }
  struct rig rig;
  rig_init(&rig);
  char detail[TLS_DETAIL_CAP];
  rig.memory.fail_at = rig.memory.taken + 1;
  struct tls_context *none;
  assert_int_equal(tls_context_new(&rig.memory.memory, &(struct tls_options){0}, &none, detail),
                   TLS_NO_MEMORY);
  assert_null(none);
  assert_string_equal(detail, "no memory for TLS");
  rig.memory.fail_at = rig.memory.taken + 1;
  assert_int_equal(
      tls_server_context_new(&rig.memory.memory, certs.good, certs.good, &none, detail),
      TLS_NO_MEMORY);
  assert_null(none);
  rig_deinit(&rig);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_trust),
      cmocka_unit_test(test_trust_without_descriptors),
      cmocka_unit_test(test_contexts_without_descriptors),
      cmocka_unit_test(test_trust_without_memory),
      cmocka_unit_test(test_versions),
      cmocka_unit_test(test_strangers),
      cmocka_unit_test(test_silent_server),
      cmocka_unit_test(test_wss_without_context),
      cmocka_unit_test(test_client_certificate),
      cmocka_unit_test(test_unusable_files),
      cmocka_unit_test(test_resumption),
      cmocka_unit_test(test_session_store),
      cmocka_unit_test(test_session_store_without_memory),
      cmocka_unit_test(test_long_answer),
      cmocka_unit_test(test_messages),
      cmocka_unit_test(test_end_of_burst),
      cmocka_unit_test(test_blocked),
      cmocka_unit_test(test_recover),
      cmocka_unit_test(test_renegotiation),
      cmocka_unit_test(test_endless_tickets),
      cmocka_unit_test(test_reading_waits_for_room),
      cmocka_unit_test(test_pause_while_reading_waits_for_room),
      cmocka_unit_test(test_lost),
      cmocka_unit_test(test_damaged),
      cmocka_unit_test(test_without_memory),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
