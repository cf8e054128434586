/* Who may come in: origins, tokens, addresses, and how fast. */
#include "internal.h"
#include "text.h"

#include <string.h>

#define RETRY_S_MAX 60

/* ---- tokens ---- */

/* Authorization: Bearer TOKEN, or ?token=TOKEN, for browsers. */
static bool take_presented(const struct http_exchange *exchange, char *out, size_t cap) {
  const char *header = http_header(exchange, "Authorization");
  const size_t scheme_len = 7;
  if (!header)
    return http_query(http_request(exchange), "token", out, cap) == HTTP_TEXT_FINE;
  if (strlen(header) <= scheme_len || strlen(header) - scheme_len >= cap ||
      !text_equals_ignoring_case(header, scheme_len, "Bearer "))
    return false;
  const char *token = header + scheme_len;
  token += strspn(token, " ");
  memcpy(out, token, strlen(token) + 1);
  return true;
}

static struct access refuse(uint16_t status, const char *code, const char *sentence) {
  return (struct access){.status = status, .code = code, .sentence = sentence};
}

struct access access_check(const struct relay *relay, const struct http_exchange *exchange,
                           const char *user_id, const char *conversation_id) {
  char presented[4096];
  struct access access = {0};
  if (!relay->tokens)
    return access;
  if (!take_presented(exchange, presented, sizeof presented))
    return refuse(401, "unauthorized", "a token is needed: Authorization: Bearer, or ?token=");
  token_digest(presented, access.digest);
  access.has_token = true;
  const struct token *token = tokens_find(relay->tokens, access.digest);
  if (!token)
    return refuse(401, "unauthorized", "the token is not known");
  if (user_id && !token_may_be(token, user_id))
    return refuse(403, "forbidden", "the token belongs to another user");
  if (conversation_id && !token_may_use(token, conversation_id))
    return refuse(403, "forbidden", "the token is not for this conversation");
  return access;
}

/* ---- origins ---- */

/* A page that came from this very server, whatever its scheme. */
static bool is_same_host(const struct http_exchange *exchange, const char *origin) {
  const char *host = strstr(origin, "://");
  const char *own = http_request(exchange)->head->host;
  return host && text_equals_ignoring_case(own, strlen(own), host + 3);
}

static bool is_listed(const struct relay *relay, const char *origin) {
  for (const char *const *at = relay->options->origins; *at; at++)
    if (strcmp(*at, "*") == 0 || strcmp(*at, origin) == 0)
      return true;
  return false;
}

const char *access_origin(const struct relay *relay, const struct http_exchange *exchange,
                          bool *is_refused) {
  const char *origin = http_header(exchange, "Origin");
  *is_refused = origin && !is_listed(relay, origin) && !is_same_host(exchange, origin);
  return *is_refused ? NULL : origin;
}

/* ---- addresses ---- */

static bool is_local(const struct address *address) {
  return address->len == 0 || address->as.any.sa_family == AF_UNIX;
}

static void print_ip(const struct address *address, char text[ADDRESS_TEXT_CAP]) {
  if (is_local(address)) {
    text_copy(text, ADDRESS_TEXT_CAP, "local");
    return;
  }
  address_print(address, text);
  if (address->as.any.sa_family == AF_INET)
    text[strcspn(text, ":")] = '\0';
  else if (address->as.any.sa_family == AF_INET6)
    text[strcspn(text, "]") + 1] = '\0';
}

/* As it stands in X-Forwarded-For: bare, or in brackets, or with a port. */
static bool read_ip(struct url_slice text, struct address *address) {
  char ip[64];
  if (text.len == 0 || text.len >= sizeof ip)
    return false;
  memcpy(ip, text.text, text.len);
  ip[text.len] = '\0';
  if (ip[0] == '[') {
    ip[strcspn(ip, "]")] = '\0';
    return address_from_ip(address, ip + 1);
  }
  const char *colon = strchr(ip, ':');
  if (colon && !strchr(colon + 1, ':'))
    ip[strcspn(ip, ":")] = '\0';
  return address_from_ip(address, ip);
}

/* Both are compared as they are printed, since one address can be written in several ways. */
static bool is_same_ip(const struct address *address, const char *ip) {
  char text[ADDRESS_TEXT_CAP], other_text[ADDRESS_TEXT_CAP];
  struct address other;
  if (!address_from_ip(&other, ip))
    return false;
  print_ip(address, text);
  print_ip(&other, other_text);
  return strcmp(text, other_text) == 0;
}

static bool is_proxy(const struct relay *relay, const struct address *address) {
  for (const char *const *at = relay->options->proxies; *at; at++)
    if (is_local(address) ? strcmp(*at, RELAY_UNIX_PROXY) == 0 : is_same_ip(address, *at))
      return true;
  return false;
}

/* What is left of the list, and of its line. */
struct forwarded {
  const struct http_exchange *exchange;
  const char *line;
  struct url_slice rest;
};

/* Some proxies add an element to the line, others a line of their own: several are one list (RFC
   9110 section 5.3). */
static bool take_line(struct forwarded *list) {
  list->line = http_header_before(list->exchange, "X-Forwarded-For", list->line);
  list->rest = (struct url_slice){list->line, list->line ? strlen(list->line) : 0};
  return list->rest.len > 0;
}

/* The last element was written by the proxy nearest to us, so it is read from its end. */
static bool take_last(struct forwarded *list, struct url_slice *element) {
  struct url_slice *rest = &list->rest;
  if (rest->len == 0 && !take_line(list))
    return false;
  size_t at = rest->len;
  while (at > 0 && rest->text[at - 1] != ',')
    at--;
  *element = text_trim(rest->text + at, rest->len - at);
  rest->len = at > 0 ? at - 1 : 0;
  return true;
}

void access_address(const struct relay *relay, const struct http_exchange *exchange,
                    char text[ADDRESS_TEXT_CAP]) {
  struct address address = *http_peer(exchange), next;
  struct forwarded list = {.exchange = exchange};
  struct url_slice element;
  while (is_proxy(relay, &address) && take_last(&list, &element) && read_ip(element, &next))
    address = next;
  print_ip(&address, text);
}

/* ---- how fast ---- */

/* The more were refused of late, the later they are asked to come back. */
bool access_admit(struct relay *relay, unsigned *retry_s) {
  const uint32_t rate = relay->options->admit_rate;
  if (rate == 0)
    return true;
  if (bucket_take(&relay->admission, rate, net_loop_now_ms(relay->loop))) {
    if (relay->admission_refused > 0)
      relay->admission_refused--;
    return true;
  }
  const uint64_t wait_s = 1 + relay->admission_refused / rate;
  if (wait_s < RETRY_S_MAX)
    relay->admission_refused++;
  *retry_s = (unsigned)(wait_s < RETRY_S_MAX ? wait_s : RETRY_S_MAX);
  return false;
}

/* FNV-1a: addresses cannot be chosen freely, and a shared bucket is no harm that lasts. */
static size_t slot_of(const struct relay *relay, const char *text) {
  uint64_t hash = 14695981039346656037u ^ relay->address_seed;
  for (; *text; text++)
    hash = (hash ^ (uint8_t)*text) * 1099511628211u;
  return (size_t)((hash >> 32) % ADDRESS_BUCKETS);
}

bool access_post(struct relay *relay, const struct http_exchange *exchange, unsigned *retry_s) {
  char text[ADDRESS_TEXT_CAP];
  const uint32_t rate = relay->options->rate;
  if (rate == 0)
    return true;
  access_address(relay, exchange, text);
  *retry_s = 1;
  return bucket_take(&relay->addresses[slot_of(relay, text)], rate, net_loop_now_ms(relay->loop));
}
