#include "handshake_head.h"

#include <string.h>

#include "text.h"

#define REQUEST_SPACES 2 /* method, target, version */

enum head_scan { SCAN_LINE_START, SCAN_INSIDE, SCAN_CR, SCAN_EMPTY_CR };

/* ---- llhttp's side: collects the line's parts -------------------------------------- */

static void append(struct handshake_head *h, const char *data, size_t len) {
  const size_t room = h->line_cap - 1 - h->line_len; /* one byte stays for the last NUL */
  const size_t part = len < room ? len : room;
  memcpy(h->line_text + h->line_len, data, part);
  h->line_len += part;
  h->is_cut = h->is_cut || part < len;
}

static int on_start_text(llhttp_t *parser, const char *data, size_t len) {
  append(parser->data, data, len);
  return 0;
}

static int on_field(llhttp_t *parser, const char *data, size_t len) {
  struct handshake_head *h = parser->data;
  append(h, data, len);
  h->name_len = h->line_len;
  return 0;
}

static int on_value(llhttp_t *parser, const char *data, size_t len) {
  struct handshake_head *h = parser->data;
  if (len == 0) /* an empty value is reported late, when the next line is under way */
    return 0;
  if (h->line_len == h->name_len) /* the value's first piece: end the name */
    append(h, "", 1);
  append(h, data, len);
  return 0;
}

/* Parsing ends here: what follows is no concern of llhttp's. */
static int on_headers_complete(llhttp_t *parser) {
  struct handshake_head *h = parser->data;
  h->is_parsed = true;
  return HPE_PAUSED;
}

static const llhttp_settings_t request_settings = {.on_url = on_start_text,
                                                   .on_header_field = on_field,
                                                   .on_header_value = on_value,
                                                   .on_headers_complete = on_headers_complete};
static const llhttp_settings_t response_settings = {.on_status = on_start_text,
                                                    .on_header_field = on_field,
                                                    .on_header_value = on_value,
                                                    .on_headers_complete = on_headers_complete};

/* A response's body is never read here, so two lengths for it do no harm (RFC 9110 section 9.3.6
   wants them ignored); a request's would be read differently by different servers. */
void handshake_head_next(struct handshake_head *h) {
  llhttp_init(&h->parser, h->is_request ? HTTP_REQUEST : HTTP_RESPONSE,
              h->is_request ? &request_settings : &response_settings);
  llhttp_set_lenient_chunked_length(&h->parser, !h->is_request);
  h->scan = SCAN_LINE_START;
  h->is_start_line = true;
  h->is_parsed = false;
  h->is_line_end = true; /* of the line before the first one */
  h->space_count = 0;
  h->beginning_len = 0;
}

void handshake_head_init(struct handshake_head *h, bool is_request, size_t max) {
  memset(h, 0, sizeof *h);
  h->is_request = is_request;
  h->max = max;
  handshake_head_next(h);
}

/* ---- the scanner's side: line ends and characters ---------------------------------- */

static bool is_blank(uint8_t byte) {
  return byte == ' ' || byte == '\t';
}

static const char *line_start_problem(const struct handshake_head *h, uint8_t byte) {
  if (byte == '\r')
    return h->is_start_line ? "empty first line" : NULL;
  if (is_blank(byte))
    return "line that begins with a blank"; /* RFC 9112 section 5.2: folding is obsolete */
  return text_is_field_character((char)byte) ? NULL : "control character";
}

static const char *inside_problem(const struct handshake_head *h, uint8_t byte) {
  if (h->is_start_line && h->is_request && is_blank(byte) && h->space_count == REQUEST_SPACES)
    return "request line of more than three words";
  return byte == '\r' || text_is_field_character((char)byte) ? NULL : "control character";
}

/* What is wrong with the next byte, or NULL. */
static const char *scan_problem(const struct handshake_head *h, uint8_t byte) {
  switch ((enum head_scan)h->scan) {
  case SCAN_LINE_START:
    return line_start_problem(h, byte);
  case SCAN_INSIDE:
    return inside_problem(h, byte);
  default:
    return byte == '\n' ? NULL : "carriage return without line feed";
  }
}

static void scan_step(struct handshake_head *h, uint8_t byte) {
  if (byte == '\r')
    h->scan = h->scan == SCAN_LINE_START ? SCAN_EMPTY_CR : SCAN_CR;
  else if (byte != '\n')
    h->scan = SCAN_INSIDE;
  else
    h->is_line_end = true; /* h->scan still tells an empty line from others */
}

/* Details are logged, and a query may hold a token. */
static bool is_telling(const struct handshake_head *h) {
  return h->beginning_len < HEAD_BEGINNING_CAP && !memchr(h->beginning, '?', h->beginning_len);
}

static void note_start_line(struct handshake_head *h, uint8_t byte) {
  if (byte == '\r' || byte == '\n')
    return;
  if (is_telling(h))
    h->beginning[h->beginning_len++] = (char)byte;
  memmove(h->ending, h->ending + 1, HEAD_VERSION_LEN - 1);
  h->ending[HEAD_VERSION_LEN - 1] = (char)byte;
  if (is_blank(byte) && h->space_count < UINT8_MAX)
    h->space_count++;
}

/* How many bytes are fine, up to the end of the line. */
static size_t scan_line(struct handshake_head *h, const uint8_t *in, size_t len) {
  size_t at = 0;
  while (at < len && !h->is_line_end) {
    const char *problem = scan_problem(h, in[at]);
    if (problem != NULL) {
      h->problem = problem;
      break;
    }
    if (h->is_start_line)
      note_start_line(h, in[at]);
    scan_step(h, in[at++]);
  }
  return at;
}

/* ---- together ----------------------------------------------------------------- */

static const char *parser_problem(const struct handshake_head *h, llhttp_errno_t error) {
  const char *reason = llhttp_get_error_reason(&h->parser);
  return reason != NULL && reason[0] != '\0' ? reason : llhttp_errno_name(error);
}

static void run_parser(struct handshake_head *h, const uint8_t *in, size_t len) {
  h->parser.data = h;
  const llhttp_errno_t error = llhttp_execute(&h->parser, (const char *)in, len);
  h->parser.data = NULL;
  if (error == HPE_OK || (error == HPE_PAUSED && h->is_parsed))
    return;
  h->problem = parser_problem(h, error);
}

static void begin_line(struct handshake_head *h) {
  h->is_line_end = false;
  h->is_cut = false;
  h->line_len = h->name_len = 0;
  h->scan = SCAN_LINE_START;
}

/* Three words, the version last: llhttp also reads "GET /" and "GET / RTSP/1.0". */
static const char *request_line_problem(const struct handshake_head *h) {
  if (h->space_count < REQUEST_SPACES)
    return "request line of less than three words";
  return memcmp(h->ending, "HTTP/", 5) == 0 ? NULL : "not an HTTP request";
}

static enum head_result end_start_line(struct handshake_head *h) {
  h->is_start_line = false;
  h->problem = h->is_request ? request_line_problem(h) : NULL;
  return h->problem == NULL ? HEAD_START : HEAD_BAD;
}

static enum head_result end_header(struct handshake_head *h, const char *line) {
  if (!text_is_token(line, h->name_len))
    h->problem = "header name is not a token";
  return h->problem == NULL ? HEAD_HEADER : HEAD_BAD;
}

static enum head_result end_head(struct handshake_head *h) {
  if (!h->is_parsed)
    h->problem = "head ends too early";
  return h->problem == NULL ? HEAD_END : HEAD_BAD;
}

/* Ends the collected text with NULs, and drops the blanks before the last. */
static void finish_text(struct handshake_head *h, char *text) {
  const size_t value_at = h->name_len + 1;
  while (h->line_len > value_at && (text[h->line_len - 1] == ' ' || text[h->line_len - 1] == '\t'))
    h->line_len--;
  text[h->line_len] = '\0';
}

static enum head_result end_line(struct handshake_head *h, char *text) {
  if (h->scan == SCAN_EMPTY_CR)
    return end_head(h);
  finish_text(h, text);
  return h->is_start_line ? end_start_line(h) : end_header(h, text);
}

enum head_result handshake_head_feed(struct handshake_head *h, const struct head_line *line,
                                     const uint8_t *in, size_t len, size_t *used) {
  *used = 0;
  if (h->problem != NULL)
    return HEAD_BAD;
  if (h->is_line_end)
    begin_line(h);
  h->line_text = line->text;
  h->line_cap = line->cap;
  const size_t room = h->max - h->len;
  const size_t good = scan_line(h, in, len < room ? len : room);
  if (good > 0)
    run_parser(h, in, good);
  h->line_text = NULL;
  h->len += good;
  *used = good;
  if (h->problem != NULL)
    return HEAD_BAD;
  if (h->is_line_end)
    return end_line(h, line->text);
  return good < len ? HEAD_TOO_LONG : HEAD_MORE;
}

/* ---- the body ------------------------------------------------------------------ */

struct body_taker {
  head_body_callback *take;
  void *user;
};

static int on_body(llhttp_t *parser, const char *data, size_t len) {
  const struct body_taker *taker = parser->data;
  taker->take(taker->user, (const uint8_t *)data, len);
  return 0;
}

/* The next request is for a parser of its own. */
static int on_message_complete(llhttp_t *parser) {
  (void)parser;
  return HPE_PAUSED;
}

static const llhttp_settings_t body_settings = {.on_body = on_body,
                                                .on_message_complete = on_message_complete};

enum head_result handshake_head_body(struct handshake_head *h, const uint8_t *in, size_t len,
                                     size_t *used, head_body_callback *take, void *user) {
  struct body_taker taker = {take, user};
  *used = 0;
  if (h->problem != NULL)
    return HEAD_BAD;
  if (h->parser.settings != &body_settings) { /* it rests behind the head */
    h->parser.settings = (void *)(uintptr_t)&body_settings;
    llhttp_resume(&h->parser);
  }
  h->parser.data = &taker;
  const llhttp_errno_t error = llhttp_execute(&h->parser, (const char *)in, len);
  h->parser.data = NULL;
  *used = error == HPE_OK ? len : (size_t)(llhttp_get_error_pos(&h->parser) - (const char *)in);
  if (error == HPE_OK)
    return HEAD_MORE;
  if (error == HPE_PAUSED)
    return HEAD_END;
  h->problem = parser_problem(h, error);
  return HEAD_BAD;
}

const char *handshake_head_name(const struct handshake_head *h, const struct head_line *line) {
  (void)h;
  return line->text;
}

const char *handshake_head_value(const struct handshake_head *h, const struct head_line *line) {
  if (h->name_len == 0)
    return line->text; /* the first line's */
  return h->line_len > h->name_len ? line->text + h->name_len + 1 : line->text + h->name_len;
}

bool handshake_head_is_http_1(const struct handshake_head *h, uint8_t minor) {
  return h->parser.http_major == 1 && h->parser.http_minor == minor;
}

void handshake_head_describe(const struct handshake_head *h, char *detail, size_t cap) {
  struct text_writer w = text_writer_begin(detail, cap);
  text_put_string(&w, "malformed HTTP: ");
  text_put_string(&w, h->problem);
  if (h->beginning_len == 0)
    return;
  text_put_string(&w, "; it began with '");
  text_put_escaped(&w, h->beginning, h->beginning_len);
  text_put_string(&w, "'");
}
