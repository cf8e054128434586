/*
 * What the relay reads and writes: messages by WebSocket and by POST, whose answers must always be
 * writable; HTTP requests whole and in pieces; paths and queries.
 */
#include "fuzz.h"

#include "protocol.h"
#include "reader.h"
#include "utf8.h"

#include "http.h"

#include <stdlib.h>
#include <string.h>

enum kind { KIND_MESSAGE, KIND_POST, KIND_QUERY, KIND_REQUEST, KINDS_COUNT };

/* ---- messages ---- */

/* A text that we made: an object of this type. */
static json_t *read_written(char *text, const char *type) {
  FUZZ_CHECK(text != NULL);
  json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  free(text);
  const char *written = json_string_value(json_object_get(root, "type"));
  FUZZ_CHECK(written != NULL && strcmp(written, type) == 0);
  return root;
}

static void check_string(const json_t *root, const char *name, const char *wanted) {
  const char *value = json_string_value(json_object_get(root, name));
  FUZZ_CHECK(value != NULL && strcmp(value, wanted) == 0);
}

static void check_bad(const struct incoming *in) {
  FUZZ_CHECK(in->code != NULL && *in->sentence != '\0');
  FUZZ_CHECK(in->id == NULL || protocol_is_id(in->id));
  json_t *root = read_written(protocol_write_error(in->code, in->sentence, in->id), "error");
  check_string(root, "code", in->code);
  check_string(root, "message", in->sentence);
  if (in->id != NULL)
    check_string(root, "id", in->id);
  json_decref(root);
}

static void check_message(const struct incoming *in) {
  const char *id = in->id != NULL ? in->id : "an id of ours";
  FUZZ_CHECK(in->plaintext != NULL && protocol_is_id(id));
  const struct store_message message = {
      id, "tea", in->sender_id != NULL ? in->sender_id : "ann", in->plaintext, 7, 784111777123};
  json_t *root = read_written(protocol_write_message(&message), "message");
  check_string(root, "id", id);
  check_string(root, "plaintext", in->plaintext);
  check_string(root, "created_at", "1994-11-06T08:49:37.123Z");
  json_decref(root);
  json_decref(read_written(protocol_write_ack(id, 7), "ack"));
}

static void check_heartbeat(const struct incoming *in) {
  json_t *root = read_written(protocol_write_heartbeat(in->timestamp, 1), "heartbeat_response");
  FUZZ_CHECK(in->timestamp == NULL ||
             json_equal(in->timestamp, json_object_get(root, "originalTimestamp")));
  json_decref(root);
}

static void check_ids(const struct incoming *in) {
  FUZZ_CHECK(in->sender_id == NULL || protocol_is_id(in->sender_id));
  FUZZ_CHECK(in->conversation_id == NULL || protocol_is_id(in->conversation_id));
}

static void check_incoming(struct incoming *in) {
  if (in->kind == INCOMING_BAD)
    check_bad(in);
  else
    check_ids(in);
  if (in->kind == INCOMING_MESSAGE)
    check_message(in);
  if (in->kind == INCOMING_HEARTBEAT)
    check_heartbeat(in);
  incoming_deinit(in);
}

static void read_message(struct fuzz_input in) {
  struct incoming incoming;
  uint8_t *text = fuzz_copy(in.data, in.len);
  incoming_read(&incoming, text, in.len);
  check_incoming(&incoming);
  free(text);
}

static void read_post(struct fuzz_input in) {
  struct incoming incoming;
  uint8_t *text = fuzz_copy(in.data, in.len);
  incoming_read_post(&incoming, text, in.len);
  FUZZ_CHECK(incoming.kind == INCOMING_BAD || incoming.sender_id != NULL);
  check_incoming(&incoming);
  free(text);
}

/* ---- paths and queries ---- */

/* Into memory of just that size, in which it ends. */
static void check_text(const struct http_request *request, const char *name, size_t cap) {
  char *out = fuzz_alloc(cap);
  if (http_query(request, name, out, cap) == HTTP_TEXT_FINE)
    FUZZ_CHECK(memchr(out, '\0', cap) != NULL);
  free(out);
}

static void check_segment(struct url_slice segment) {
  char *out = fuzz_alloc(segment.len + 1);
  FUZZ_CHECK(memchr(segment.text, '/', segment.len) == NULL);
  if (http_decode(segment, false, out, segment.len + 1) == HTTP_TEXT_FINE)
    FUZZ_CHECK(strlen(out) <= segment.len);
  FUZZ_CHECK(segment.len == 0 || http_decode(segment, true, out, 1) == HTTP_TEXT_BAD);
  free(out);
}

static void read_query(struct fuzz_input in) {
  const struct fuzz_input line = fuzz_line(&in);
  char *path = (char *)fuzz_copy(line.data, line.len);
  char *query = (char *)fuzz_copy(in.data, in.len);
  const struct http_request request = {.query = {query, in.len}};
  struct url_slice rest = {path, line.len}, segment;
  size_t taken = 0;
  while (http_next_segment(&rest, &segment)) {
    taken += segment.len + 1;
    check_segment(segment);
  }
  FUZZ_CHECK(taken + rest.len == line.len);
  check_text(&request, "user_id", PROTOCOL_ID_MAX + 1);
  check_text(&request, "after", 4);
  check_text(&request, "", 1);
  free(path);
  free(query);
}

/* ---- requests ---- */

#define MAX_HEAD 1000
#define MAX_BODY 300

struct outcome {
  struct http_reader *reader;
  enum http_read result;
  size_t consumed;
};

static void read_request(struct outcome *o, struct fuzz_input in, struct fuzz_cuts cuts) {
  static const struct http_reader_options options = {
      .memory = &memory_default, .max_head = MAX_HEAD, .max_body = MAX_BODY};
  *o = (struct outcome){.reader = http_reader_new(&options), .result = HTTP_READ_MORE};
  FUZZ_CHECK(o->reader != NULL);
  while (in.len > 0 && (o->result == HTTP_READ_MORE || o->result == HTTP_READ_EXPECTED)) {
    size_t used = 0;
    const size_t piece = fuzz_next_cut(&cuts, in.len);
    uint8_t *copy = fuzz_copy(in.data, piece);
    o->result = http_reader_feed(o->reader, copy, piece, &used);
    FUZZ_CHECK(used <= piece &&
               (used > 0 || o->result == HTTP_READ_BAD || o->result == HTTP_READ_EXPECTED));
    (void)fuzz_take(&in, used);
    o->consumed += used;
    free(copy);
  }
  FUZZ_CHECK(o->reader->body_len <= MAX_BODY);
}

static bool are_equal(const char *a, const char *b) {
  return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check_same_answer(const struct outcome *a, const struct outcome *b) {
  const char *sentence, *other;
  const uint16_t status = http_reader_status(a->reader, &sentence);
  FUZZ_CHECK(status >= 400 && status < 600 && *sentence != '\0');
  FUZZ_CHECK(http_reader_status(b->reader, &other) == status);
  FUZZ_CHECK(fuzz_is_same_detail(sentence, other));
}

static void check_same_request(const struct outcome *a, const struct outcome *b) {
  static const char *const wanted[] = {"Host", "Authorization", "X-Forwarded-For", "a"};
  const struct http_reader *r = a->reader, *s = b->reader;
  FUZZ_CHECK(a->consumed == b->consumed && r->body_len == s->body_len);
  FUZZ_CHECK(r->body_len == 0 || memcmp(r->body, s->body, r->body_len) == 0);
  FUZZ_CHECK(r->headers_len == s->headers_len);
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    FUZZ_CHECK(are_equal(http_reader_header(r, wanted[i]), http_reader_header(s, wanted[i])));
    const char *last = http_reader_header_before(r, wanted[i], NULL);
    while (last != NULL)
      last = http_reader_header_before(r, wanted[i], last);
  }
}

static void read_twice(struct fuzz_input in) {
  struct outcome whole, cut;
  const uint8_t how = fuzz_byte(&in);
  read_request(&whole, in, fuzz_cuts(0));
  read_request(&cut, in, fuzz_cuts(how));
  const bool is_open = whole.result == HTTP_READ_MORE || whole.result == HTTP_READ_EXPECTED;
  const bool is_cut_open = cut.result == HTTP_READ_MORE || cut.result == HTTP_READ_EXPECTED;
  FUZZ_CHECK(is_open ? is_cut_open : whole.result == cut.result);
  if (whole.result == HTTP_READ_BAD)
    check_same_answer(&whole, &cut);
  if (whole.result == HTTP_READ_DONE)
    check_same_request(&whole, &cut);
  http_reader_free(whole.reader);
  http_reader_free(cut.reader);
}

void fuzz_one(const uint8_t *data, size_t len) {
  static void (*const kinds[])(struct fuzz_input) = {read_message, read_post, read_query,
                                                     read_twice};
  struct fuzz_input in = {data, len};
  kinds[fuzz_byte(&in) % KINDS_COUNT](in);
}
