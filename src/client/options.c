/* Defaults, presets and ranges of limpet_options: each number is in one table. */
#include "options.h"

#include "handshake.h"
#include "options_parts.h"
#include "proxy.h"
#include "round.h"
#include "url.h"

#include <stdio.h>
#include <string.h>

#define KIB 1024ULL
#define MIB (1024 * KIB)
#define HOUR_MS 3600000ULL
#define SIZE_LIMIT (64 * KIB) /* no limpet_options will ever be larger: it was not initialised */

enum width { WIDTH_8 = 1, WIDTH_32 = 4, WIDTH_64 = 8 };

struct number {
  const char *name;
  size_t offset;
  enum width width;
  uint64_t minimum, maximum, initial;
};

#define NUMBER(field, width, minimum, maximum, initial)                                            \
  { #field, offsetof(limpet_options, field), width, minimum, maximum, initial }

static const struct number numbers[] = {
    NUMBER(max_retries, WIDTH_32, 0, UINT32_MAX, 10),
    NUMBER(initial_delay_ms, WIDTH_32, 1, HOUR_MS, 1000),
    NUMBER(max_delay_ms, WIDTH_32, 1, 24 * HOUR_MS, 60000),
    NUMBER(jitter, WIDTH_32, 0, LIMPET_JITTER_DECORRELATED, LIMPET_JITTER_EQUAL),
    NUMBER(stable_after_ms, WIDTH_32, 0, HOUR_MS, 5000),
    NUMBER(retry_after_max_ms, WIDTH_32, 0, 24 * HOUR_MS, 300000),
    NUMBER(heartbeat, WIDTH_32, 0, LIMPET_DIALECT_OFF, LIMPET_DIALECT_WEBSOCKET),
    NUMBER(heartbeat_interval_ms, WIDTH_32, 100, HOUR_MS, 30000),
    NUMBER(heartbeat_timeout_ms, WIDTH_32, 10, HOUR_MS, 10000),
    NUMBER(probe_timeout_ms, WIDTH_32, 10, HOUR_MS, 2000),
    NUMBER(connect_timeout_ms, WIDTH_32, 10, 600000, 10000),
    NUMBER(close_timeout_ms, WIDTH_32, 0, 60000, 3000),
    NUMBER(ready_timeout_ms, WIDTH_32, 10, 600000, 10000),
    NUMBER(confirm, WIDTH_32, 0, LIMPET_CONFIRM_ACK, LIMPET_CONFIRM_NONE),
    NUMBER(in_flight, WIDTH_32, 1, 65536, 256),
    NUMBER(ack_timeout_ms, WIDTH_32, 0, HOUR_MS, 30000),
    NUMBER(queue_limit, WIDTH_32, 1, 1000000, 100),
    NUMBER(queue_limit_bytes, WIDTH_64, 1, 1ULL << 40, MIB),
    NUMBER(high_water, WIDTH_64, KIB, 1ULL << 40, MIB),
    NUMBER(max_message, WIDTH_64, 1, 1ULL << 31, 16 * MIB),
    NUMBER(max_handshake, WIDTH_32, 256, MIB, 16 * KIB),
    NUMBER(outbox_limit, WIDTH_64, 1, 1000000000, 1000000),
    NUMBER(outbox_limit_bytes, WIDTH_64, 1, 1ULL << 40, 1024 * MIB),
    NUMBER(outbox_durability_ms, WIDTH_32, 0, 60000, 0),
    NUMBER(compress_window_bits, WIDTH_8, 9, 15, 15),
    NUMBER(happy_eyeballs_delay_ms, WIDTH_32, 10, 2000, 250),
    NUMBER(busy_poll_us, WIDTH_32, 0, 1000, 0),
    NUMBER(provider_timeout_ms, WIDTH_32, 10, 600000, 10000),
};

#define NUMBERS_COUNT (sizeof numbers / sizeof *numbers)
_Static_assert(sizeof(limpet_jitter) == 4, "enums are read as 32 bits");

static uint64_t number_get(const limpet_options *options, const struct number *n) {
  const char *at = (const char *)options + n->offset;
  uint32_t narrow;
  uint64_t wide;
  switch (n->width) {
  case WIDTH_8:
    return *(const uint8_t *)at;
  case WIDTH_32:
    memcpy(&narrow, at, sizeof narrow);
    return narrow;
  default:
    memcpy(&wide, at, sizeof wide);
    return wide;
  }
}

static void number_set(limpet_options *options, const struct number *n, uint64_t value) {
  char *at = (char *)options + n->offset;
  const uint32_t narrow = (uint32_t)value;
  if (n->width == WIDTH_8)
    *(uint8_t *)at = (uint8_t)value;
  else if (n->width == WIDTH_32)
    memcpy(at, &narrow, sizeof narrow);
  else
    memcpy(at, &value, sizeof value);
}

static void init_full(limpet_options *options) {
  memset(options, 0, sizeof *options);
  for (size_t i = 0; i < NUMBERS_COUNT; i++)
    number_set(options, &numbers[i], numbers[i].initial);
  options->size = sizeof *options;
  options->multiplier = 1.5;
  options->reconnect_on_normal_close = true;
  options->network_watch = true;
}

void limpet_options_init(limpet_options *options, size_t size) {
  limpet_options full;
  init_full(&full);
  full.size = size;
  memset(options, 0, size);
  memcpy(options, &full, size < sizeof full ? size : sizeof full);
}

limpet_result limpet_options_preset(limpet_options *options, const char *name) {
  if (strcmp(name, "nova") == 0) {
    options->heartbeat = LIMPET_DIALECT_PING;
    return LIMPET_OK;
  }
  if (strcmp(name, "medtranslate") == 0) {
    options->heartbeat = LIMPET_DIALECT_TIMESTAMP;
    options->max_delay_ms = 30000;
    options->heartbeat_timeout_ms = 5000;
    return LIMPET_OK;
  }
  return LIMPET_INVALID_ARGUMENT;
}

void options_adopt(limpet_options *full, const limpet_options *given) {
  init_full(full);
  memcpy(full, given, given->size < sizeof *full ? given->size : sizeof *full);
  full->size = sizeof *full;
}

static bool refuse(char *detail, const char *name, const char *why) {
  (void)snprintf(detail, LIMPET_DETAIL_CAP, "%s %s", name, why);
  return false;
}

static bool refuse_because(char *detail, const char *name, const char *wrong) {
  (void)snprintf(detail, LIMPET_DETAIL_CAP, "%s: %s", name, wrong);
  return false;
}

static bool check_number(const limpet_options *options, const struct number *n, char *detail) {
  const uint64_t value = number_get(options, n);
  if (value >= n->minimum && value <= n->maximum)
    return true;
  (void)snprintf(detail, LIMPET_DETAIL_CAP, "%s %llu is not within %llu-%llu", n->name,
                 (unsigned long long)value, (unsigned long long)n->minimum,
                 (unsigned long long)n->maximum);
  return false;
}

/* What two options promise each other. */
static bool check_pairs(const limpet_options *o, char *detail) {
  if (!(o->multiplier >= 1.0 && o->multiplier <= 10.0))
    return refuse(detail, "multiplier", "is not within 1.0-10.0");
  if (o->max_delay_ms < o->initial_delay_ms)
    return refuse(detail, "max_delay_ms", "is less than initial_delay_ms");
  if (o->heartbeat_timeout_ms > o->heartbeat_interval_ms)
    return refuse(detail, "heartbeat_timeout_ms", "is more than heartbeat_interval_ms");
  if (o->confirm == LIMPET_CONFIRM_BARRIER && o->heartbeat == LIMPET_DIALECT_OFF)
    return refuse(detail, "confirm", "barrier needs a heartbeat, and heartbeat is off");
  if (o->outbox && o->confirm == LIMPET_CONFIRM_NONE)
    return refuse(detail, "outbox", "needs confirm barrier or ack");
  if (o->outbox && !o->outbox[0])
    return refuse(detail, "outbox", "is an empty path");
  if (!o->tls_cert_file != !o->tls_key_file)
    return refuse(detail, o->tls_cert_file ? "tls_cert_file" : "tls_key_file",
                  "needs its other half (certificate and key go together)");
  const limpet_allocator *a = &o->allocator;
  if (!a->alloc != !a->realloc || !a->alloc != !a->free)
    return refuse(detail, "allocator", "needs all three functions or none");
  return true;
}

bool options_check_headers(const char *const *headers, char *detail) {
  for (size_t i = 0; headers && headers[i]; i++) {
    const char *wrong = handshake_check_header(headers[i]);
    if (wrong)
      return refuse_because(detail, "headers", wrong);
  }
  return true;
}

/* RFC 6455 section 4.1: none is named twice. */
static bool check_subprotocols(const char *const *names, char *detail) {
  for (size_t i = 0; names && names[i]; i++) {
    const char *wrong = handshake_check_subprotocol(names[i]);
    if (wrong)
      return refuse_because(detail, "subprotocols", wrong);
    for (size_t j = 0; j < i; j++)
      if (strcmp(names[i], names[j]) == 0)
        return refuse(detail, "subprotocols", "names one subprotocol twice");
  }
  return true;
}

static bool check_origin(const char *origin, char *detail) {
  const char *wrong = origin ? handshake_check_origin(origin) : NULL;
  return !wrong || refuse_because(detail, "origin", wrong);
}

static bool check_fallbacks(const char *const *urls, char *detail) {
  for (size_t i = 0; urls && urls[i]; i++) {
    struct url parsed;
    const char *why;
    if (i == ROUND_ENDPOINTS_MAX - 1)
      return refuse(detail, "fallbacks", "names more than 15 URLs");
    if (!url_parse(&parsed, urls[i], strlen(urls[i]), &why))
      return refuse_because(detail, "fallbacks", why);
  }
  return true;
}

static bool check_proxy(const char *text, char *detail) {
  struct proxy proxy;
  const char *why;
  return !text || !text[0] || proxy_parse(&proxy, text, &why) ||
         refuse_because(detail, "proxy", why);
}

bool options_check_url(const char *url, char *detail) {
  struct url parsed;
  const char *why = "is required";
  if (url && url_parse(&parsed, url, strlen(url), &why))
    why = options_refuse_scheme(&parsed);
  return !why || refuse_because(detail, "url", why);
}

/* What a newer program knows of and this library does not must be unset. */
static bool is_tail_unset(const limpet_options *given) {
  const unsigned char *bytes = (const unsigned char *)given;
  for (size_t i = sizeof *given; i < given->size; i++)
    if (bytes[i])
      return false;
  return true;
}

bool options_check_size(const limpet_options *given, char *detail) {
  if (given->size < offsetof(limpet_options, origin) || given->size > SIZE_LIMIT)
    return refuse(detail, "size", "is not what limpet_options_init() writes");
  return is_tail_unset(given) ||
         refuse(detail, "size",
                "covers an option that is set and that this library (" LIMPET_VERSION
                ") does not know: the program needs a newer one");
}

bool options_check(const limpet_options *options, char *detail) {
  for (size_t i = 0; i < NUMBERS_COUNT; i++)
    if (!check_number(options, &numbers[i], detail))
      return false;
  return check_pairs(options, detail) && options_check_headers(options->headers, detail) &&
         check_subprotocols(options->subprotocols, detail) &&
         check_origin(options->origin, detail) && options_check_url(options->url, detail) &&
         check_fallbacks(options->fallbacks, detail) && check_proxy(options->proxy, detail) &&
         options_check_parts(options, detail);
}

void options_backoff(const limpet_options *options, struct backoff_config *backoff) {
  *backoff = (struct backoff_config){
      .max_retries = options->max_retries,
      .initial_delay_ms = options->initial_delay_ms,
      .max_delay_ms = options->max_delay_ms,
      .retry_after_max_ms = options->retry_after_max_ms,
      .multiplier = options->multiplier,
      .jitter = (enum backoff_jitter)options->jitter,
  };
}

uint64_t limpet_backoff_delay(const limpet_options *options, uint32_t attempt, double unit,
                              uint64_t previous_ms) {
  struct backoff_config backoff;
  options_backoff(options, &backoff);
  return backoff_delay(&backoff, attempt, unit, previous_ms);
}

size_t limpet_url_redact(const char *url, char *text, size_t cap) {
  return url_redact(url, text, cap);
}
