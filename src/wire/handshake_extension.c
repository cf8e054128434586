#include "handshake_extension.h"

#include <string.h>

#define DEFLATE_NAME "permessage-deflate"
#define WINDOW_BITS_MIN 8
#define WINDOW_BITS_MAX 15
#define PARAMETER_VALUE_CAP 16 /* longer values are no window bits */

struct parameter {
  struct url_slice name;
  bool has_value;
  char value[PARAMETER_VALUE_CAP]; /* unquoted; cut if longer, and then too long for a number */
  size_t value_len;
};

/* ---- syntax ------------------------------------------------------------------- */

static char peek(const struct url_slice *rest) {
  if (rest->len == 0)
    return '\0';
  return rest->text[0];
}

static void advance(struct url_slice *rest) {
  rest->text++;
  rest->len--;
}

static void skip(struct url_slice *rest, const char *what) {
  while (rest->len > 0 && strchr(what, rest->text[0]) != NULL)
    advance(rest);
}

static bool take_token(struct url_slice *rest, struct url_slice *token) {
  token->text = rest->text;
  while (rest->len > 0 && text_is_token_character(rest->text[0]))
    advance(rest);
  token->len = (size_t)(rest->text - token->text);
  return token->len > 0;
}

static void add_to_value(struct parameter *p, char ch) {
  if (p->value_len < PARAMETER_VALUE_CAP)
    p->value[p->value_len++] = ch;
}

/* A quoted value, whose content must be a token when unescaped (RFC 6455 section 9.1). */
static bool take_quoted(struct url_slice *rest, struct parameter *p) {
  advance(rest);
  while (rest->len > 0 && peek(rest) != '"') {
    if (peek(rest) == '\\')
      advance(rest);
    if (!text_is_token_character(peek(rest)))
      return false;
    add_to_value(p, peek(rest));
    advance(rest);
  }
  if (rest->len == 0 || p->value_len == 0)
    return false;
  advance(rest);
  return true;
}

static bool take_value(struct url_slice *rest, struct parameter *p) {
  struct url_slice token;
  if (peek(rest) == '"')
    return take_quoted(rest, p);
  if (!take_token(rest, &token))
    return false;
  for (size_t i = 0; i < token.len; i++)
    add_to_value(p, token.text[i]);
  return true;
}

static bool take_parameter(struct url_slice *rest, struct parameter *p) {
  memset(p, 0, sizeof *p);
  if (!take_token(rest, &p->name))
    return false;
  p->has_value = peek(rest) == '=';
  if (!p->has_value)
    return true;
  advance(rest);
  return take_value(rest, p);
}

/* ---- parameters (RFC 7692 section 7.1) -------------------------------------------- */

static bool is_named(struct url_slice name, const char *wanted) {
  return name.len == strlen(wanted) && memcmp(name.text, wanted, name.len) == 0;
}

/* 8-15 without leading zero; 0 if it is something else. */
static uint8_t window_bits(const struct parameter *p) {
  if (p->value_len == 1 && (p->value[0] == '8' || p->value[0] == '9'))
    return (uint8_t)(p->value[0] - '0');
  if (p->value_len == 2 && p->value[0] == '1' && p->value[1] >= '0' && p->value[1] <= '5')
    return (uint8_t)(10 + p->value[1] - '0');
  return 0;
}

static const char *note_flag(const struct parameter *p, bool *flag) {
  if (*flag)
    return "parameter given twice";
  *flag = true;
  return p->has_value ? "parameter must not have a value" : NULL;
}

static const char *note_bits(const struct parameter *p, bool *has_bits, uint8_t *bits) {
  if (*has_bits)
    return "parameter given twice";
  *has_bits = true;
  *bits = window_bits(p);
  return p->has_value && *bits == 0 ? "window bits are not a number from 8 to 15" : NULL;
}

static const char *note_parameter(struct extension *e, const struct parameter *p) {
  if (is_named(p->name, "server_no_context_takeover"))
    return note_flag(p, &e->server_no_context_takeover);
  if (is_named(p->name, "client_no_context_takeover"))
    return note_flag(p, &e->client_no_context_takeover);
  if (is_named(p->name, "client_max_window_bits"))
    return note_bits(p, &e->has_client_bits, &e->client_bits);
  if (!is_named(p->name, "server_max_window_bits"))
    return "unknown parameter";
  return p->has_value ? note_bits(p, &e->has_server_bits, &e->server_bits)
                      : "server_max_window_bits without a value";
}

static bool take_parameters(struct url_slice *rest, struct extension *e) {
  struct parameter p;
  for (skip(rest, " \t"); peek(rest) == ';'; skip(rest, " \t")) {
    advance(rest);
    skip(rest, " \t");
    if (!take_parameter(rest, &p))
      return false;
    const char *problem = e->is_deflate ? note_parameter(e, &p) : NULL;
    e->problem = e->problem != NULL ? e->problem : problem;
  }
  return rest->len == 0 || peek(rest) == ',';
}

enum extension_result extension_next(struct url_slice *rest, struct extension *extension) {
  memset(extension, 0, sizeof *extension);
  skip(rest, " \t,");
  if (rest->len == 0)
    return EXTENSION_END;
  if (!take_token(rest, &extension->name))
    return EXTENSION_MALFORMED;
  extension->is_deflate = is_named(extension->name, DEFLATE_NAME);
  return take_parameters(rest, extension) ? EXTENSION_FOUND : EXTENSION_MALFORMED;
}

/* ---- judging ------------------------------------------------------------------ */

static uint8_t smaller(uint8_t a, uint8_t b) {
  return a < b ? a : b;
}

static const char *answer_problem(const struct extension *answer,
                                  const struct deflate_params *offer) {
  if (answer->problem != NULL)
    return answer->problem;
  if (offer->server_no_context_takeover && !answer->server_no_context_takeover)
    return "server_no_context_takeover was asked for and not granted";
  if (offer->server_max_window_bits < WINDOW_BITS_MAX && !answer->has_server_bits)
    return "server_max_window_bits was asked for and not granted";
  if (answer->server_bits > offer->server_max_window_bits)
    return "server_max_window_bits above what was offered";
  if (answer->has_client_bits && answer->client_bits == 0)
    return "client_max_window_bits without a value";
  if (answer->client_bits > offer->client_max_window_bits)
    return "client_max_window_bits above what was offered";
  return NULL;
}

const char *extension_check_answer(const struct extension *answer,
                                   const struct deflate_params *offer,
                                   struct deflate_params *agreed) {
  const char *problem = answer_problem(answer, offer);
  if (problem != NULL)
    return problem;
  agreed->server_no_context_takeover = answer->server_no_context_takeover;
  /* The client's own direction may always be thriftier than the answer asks (7.1.1.2, 7.1.2.2). */
  agreed->client_no_context_takeover =
      answer->client_no_context_takeover || offer->client_no_context_takeover;
  agreed->server_max_window_bits = answer->has_server_bits ? answer->server_bits : WINDOW_BITS_MAX;
  agreed->client_max_window_bits =
      answer->has_client_bits ? answer->client_bits : offer->client_max_window_bits;
  return NULL;
}

bool extension_accept_offer(const struct extension *offer, const struct deflate_params *limits,
                            struct deflate_params *agreed) {
  if (!offer->is_deflate || offer->problem != NULL)
    return false;
  /* A client that did not say so does not understand a limit on its window (7.1.2.2). */
  if (!offer->has_client_bits && limits->client_max_window_bits < WINDOW_BITS_MAX)
    return false;
  const uint8_t server_bits = offer->has_server_bits ? offer->server_bits : WINDOW_BITS_MAX;
  const uint8_t client_bits = offer->client_bits != 0 ? offer->client_bits : WINDOW_BITS_MAX;
  agreed->server_max_window_bits = smaller(server_bits, limits->server_max_window_bits);
  agreed->client_max_window_bits = smaller(client_bits, limits->client_max_window_bits);
  agreed->server_no_context_takeover =
      offer->server_no_context_takeover || limits->server_no_context_takeover;
  agreed->client_no_context_takeover =
      offer->client_no_context_takeover || limits->client_no_context_takeover;
  return true;
}

/* ---- writing ------------------------------------------------------------------ */

static void put_bits(struct text_writer *w, const char *name, uint8_t bits) {
  text_put_string(w, name);
  text_put_string(w, "=");
  text_put_number(w, bits);
}

static void put_common(struct text_writer *w, const struct deflate_params *params,
                       bool names_server_bits) {
  text_put_string(w, DEFLATE_NAME);
  if (params->server_no_context_takeover)
    text_put_string(w, "; server_no_context_takeover");
  if (params->client_no_context_takeover)
    text_put_string(w, "; client_no_context_takeover");
  if (names_server_bits || params->server_max_window_bits < WINDOW_BITS_MAX)
    put_bits(w, "; server_max_window_bits", params->server_max_window_bits);
}

void extension_write_offer(struct text_writer *w, const struct deflate_params *offer) {
  put_common(w, offer, false);
  if (offer->client_max_window_bits < WINDOW_BITS_MAX)
    put_bits(w, "; client_max_window_bits", offer->client_max_window_bits);
  else
    text_put_string(w, "; client_max_window_bits");
}

void extension_write_answer(struct text_writer *w, const struct deflate_params *agreed,
                            bool names_server_bits) {
  put_common(w, agreed, names_server_bits);
  if (agreed->client_max_window_bits < WINDOW_BITS_MAX)
    put_bits(w, "; client_max_window_bits", agreed->client_max_window_bits);
}
