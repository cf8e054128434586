/*
 * The other end of a conversation that outlives its sockets, on libwebsockets and jansson:
 *   cc -o server server.c $(pkg-config --cflags --libs libwebsockets jansson)
 *   [TOKEN=secret] ./server [PORT]      prints its port; docs/your-server.md explains it
 */
#include <jansson.h>
#include <libwebsockets.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MESSAGE_MAX 65536
#define ANSWERS_MAX 256 /* that wait; then the sender is read no further */

/* ---- the log. In your database: sequence_number grows, id is UNIQUE ---- */

struct entry {
  char *id, *text;
};

static struct entry *entries;
static size_t entries_count, entries_cap;

static void *need(void *memory) {
  if (!memory) {
    fputs("no memory\n", stderr);
    exit(1);
  }
  return memory;
}

static size_t find(const char *id) {
  for (size_t i = entries_count; i > 0; i--)
    if (strcmp(entries[i - 1].id, id) == 0)
      return i;
  return 0;
}

/* Stored once, however often it comes. In your database: commit before you return. */
static size_t store(struct lws *wsi, const char *id, const char *plaintext) {
  const size_t known = find(id);
  if (known)
    return known;
  if (entries_count == entries_cap) {
    entries_cap = entries_cap ? 2 * entries_cap : 64;
    entries = need(realloc(entries, entries_cap * sizeof *entries));
  }
  json_t *message = need(json_pack("{ss ss ss sI}", "type", "message", "id", id, "plaintext",
                                   plaintext, "sequence_number", (json_int_t)entries_count + 1));
  entries[entries_count].id = need(strdup(id));
  entries[entries_count].text = need(json_dumps(message, JSON_COMPACT));
  json_decref(message);
  lws_callback_on_writable_all_protocol(lws_get_context(wsi), lws_get_protocol(wsi));
  return ++entries_count;
}

/* ---- one connection ---- */

struct answer {
  struct answer *next;
  char *text;
};

struct peer {
  char *input; /* a message that comes in pieces */
  size_t input_len;
  struct answer *answers, **answers_end;
  unsigned answers_count;
  size_t place; /* in the log: what was sent */
};

static unsigned peers_count;
static volatile sig_atomic_t is_draining;

static json_t *error_of(const char *code, const char *message) {
  return json_pack("{ss ss ss}", "type", "error", "code", code, "message", message);
}

static json_t *take_message(struct lws *wsi, json_t *said) {
  const char *id = json_string_value(json_object_get(said, "id"));
  const char *plaintext = json_string_value(json_object_get(said, "plaintext"));
  if (!id || !plaintext || !*id || strlen(id) > 128)
    return error_of("bad_message", "id or plaintext is missing");
  return json_pack("{ss ss sI}", "type", "ack", "id", id, "sequence_number",
                   (json_int_t)store(wsi, id, plaintext));
}

static json_t *heartbeat_response(json_t *said) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return json_pack("{ss sI sO?}", "type", "heartbeat_response", "timestamp",
                   (json_int_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, "originalTimestamp",
                   json_object_get(said, "timestamp"));
}

/* One answer for each message, in order; what is wrong costs its sender nothing else. */
static json_t *answer(struct lws *wsi, const struct peer *peer) {
  json_t *said = json_loadb(peer->input, peer->input_len, 0, NULL);
  const char *type = json_string_value(json_object_get(said, "type"));
  json_t *reply;
  if (!said)
    reply = error_of("bad_json", "not JSON");
  else if (type && strcmp(type, "ping") == 0)
    reply = json_pack("{ss}", "type", "pong");
  else if (type && strcmp(type, "heartbeat") == 0)
    reply = heartbeat_response(said);
  else if (type && strcmp(type, "message") == 0)
    reply = take_message(wsi, said);
  else
    reply = error_of("unknown_type", "no such type");
  json_decref(said);
  return need(reply);
}

static void queue_answer(struct lws *wsi, struct peer *peer, json_t *reply) {
  struct answer *a = need(calloc(1, sizeof *a));
  a->text = need(json_dumps(reply, JSON_COMPACT));
  json_decref(reply);
  *peer->answers_end = a;
  peer->answers_end = &a->next;
  if (++peer->answers_count == ANSWERS_MAX)
    lws_rx_flow_control(wsi, 0);
  lws_callback_on_writable(wsi);
}

static void drop_answer(struct lws *wsi, struct peer *peer) {
  struct answer *a = peer->answers;
  peer->answers = a->next;
  if (!peer->answers)
    peer->answers_end = &peer->answers;
  if (peer->answers_count-- == ANSWERS_MAX)
    lws_rx_flow_control(wsi, 1);
  free(a->text);
  free(a);
}

static int close_with(struct lws *wsi, enum lws_close_status code, const char *why) {
  lws_close_reason(wsi, code, (unsigned char *)why, strlen(why));
  return -1; /* libwebsockets sends the close frame */
}

static void welcome(struct lws *wsi, struct peer *peer) {
  char argument[32];
  peer->answers_end = &peer->answers;
  peer->place = entries_count;
  peers_count++;
  const char *after = lws_get_urlarg_by_name(wsi, "after=", argument, sizeof argument);
  if (!after)
    return;
  const size_t seen = strtoul(after, NULL, 10);
  if (seen <= entries_count) {
    peer->place = seen;
    lws_callback_on_writable(wsi);
  } else { /* the log began anew: the client must forget its number */
    json_t *error = error_of("unknown_sequence_number", "no such number");
    json_object_set_new(error, "sequence_number", json_integer((json_int_t)entries_count));
    queue_answer(wsi, peer, error);
  }
}

static int take_input(struct lws *wsi, struct peer *peer, const void *piece, size_t len) {
  if (lws_frame_is_binary(wsi))
    return close_with(wsi, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, "text only");
  if (peer->input_len + len > MESSAGE_MAX)
    return close_with(wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "too long");
  peer->input = need(realloc(peer->input, peer->input_len + len + 1));
  memcpy(peer->input + peer->input_len, piece, len);
  peer->input_len += len;
  if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0) {
    queue_answer(wsi, peer, answer(wsi, peer));
    peer->input_len = 0;
  }
  return 0;
}

static int send_text(struct lws *wsi, const char *text) {
  const size_t len = strlen(text);
  unsigned char *room = need(malloc(LWS_PRE + len));
  memcpy(room + LWS_PRE, text, len);
  const int sent = lws_write(wsi, room + LWS_PRE, len, LWS_WRITE_TEXT);
  free(room);
  return sent < (int)len ? -1 : 0;
}

/* One message for each time that the socket takes more. Replay and live are one thing: each peer
   goes through the log, as fast as it reads. */
static int send_next(struct lws *wsi, struct peer *peer) {
  int result = 0;
  if (is_draining)
    return close_with(wsi, (enum lws_close_status)1012, "restarting");
  if (peer->answers) {
    result = send_text(wsi, peer->answers->text);
    drop_answer(wsi, peer);
  } else if (peer->place < entries_count) {
    result = send_text(wsi, entries[peer->place++].text);
  }
  if (peer->answers || peer->place < entries_count)
    lws_callback_on_writable(wsi);
  return result;
}

static void leave(struct lws *wsi, struct peer *peer) {
  while (peer->answers)
    drop_answer(wsi, peer);
  free(peer->input);
  peers_count--;
}

/* ---- the upgrade: refused before it, so that the client learns why ---- */

static bool is_allowed(struct lws *wsi) {
  char given[256] = "", wanted[256];
  const char *token = getenv("TOKEN");
  if (!token)
    return true;
  (void)lws_hdr_copy(wsi, given, sizeof given, WSI_TOKEN_HTTP_AUTHORIZATION);
  (void)snprintf(wanted, sizeof wanted, "Bearer %s", token);
  return strcmp(given, wanted) == 0;
}

static int refuse(struct lws *wsi, unsigned status) {
  return lws_return_http_status(wsi, status, NULL) < 0 ? -1 : 1;
}

static int judge_upgrade(struct lws *wsi) {
  char path[256] = "";
  (void)lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI);
  if (is_draining)
    return refuse(wsi, HTTP_STATUS_SERVICE_UNAVAILABLE);
  if (strcmp(path, "/ws") != 0)
    return refuse(wsi, HTTP_STATUS_NOT_FOUND);
  return is_allowed(wsi) ? 0 : refuse(wsi, HTTP_STATUS_UNAUTHORIZED);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len) {
  struct peer *peer = user;
  switch (reason) {
  case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
    return judge_upgrade(wsi);
  case LWS_CALLBACK_ESTABLISHED:
    welcome(wsi, peer);
    return 0;
  case LWS_CALLBACK_RECEIVE:
    return take_input(wsi, peer, in, len);
  case LWS_CALLBACK_SERVER_WRITEABLE:
    return send_next(wsi, peer);
  case LWS_CALLBACK_CLOSED:
    leave(wsi, peer);
    return 0;
  default:
    return lws_callback_http_dummy(wsi, reason, user, in, len);
  }
}

static const struct lws_protocols protocols[] = {
    {"conversation", on_event, sizeof(struct peer), 4096, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

/* A client that went away without a word is found by the ping that it does not answer. */
static const lws_retry_bo_t idle = {.secs_since_valid_ping = 30, .secs_since_valid_hangup = 40};

static struct lws_context *context;

static void on_term(int number) {
  (void)number;
  is_draining = 1;
  lws_cancel_service(context); /* wakes lws_service() */
}

int main(int argc, char **argv) {
  lws_set_log_level(LLL_ERR, NULL);
  struct lws_context_creation_info info = {
      .port = argc > 1 ? atoi(argv[1]) : 0,
      .iface = "127.0.0.1",
      .protocols = protocols,
      .retry_and_idle_policy = &idle,
      .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
  };
  context = need(lws_create_context(&info));
  struct lws_vhost *vhost = need(lws_create_vhost(context, &info));
  signal(SIGTERM, on_term);
  printf("%d\n", lws_get_vhost_listen_port(vhost));
  fflush(stdout);
  while (!is_draining && lws_service(context, 0) >= 0)
    ;
  /* A deploy: everybody is told to come back in a moment. */
  lws_callback_on_writable_all_protocol(context, &protocols[0]);
  for (time_t end = time(NULL) + 3; peers_count > 0 && time(NULL) < end;)
    (void)lws_service(context, 0);
  lws_context_destroy(context);
  return 0;
}
