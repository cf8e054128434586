/* What a smaller build cannot do, and therefore refuses. */
#include "options_parts.h"

#include "parts.h"
#include "url.h"

#include <stdio.h>
#include <string.h>

#define NO_TLS "this build has no TLS (LIMPET_TLS)"
#define NO_DEFLATE "this build has no permessage-deflate (LIMPET_DEFLATE)"
#define NO_JSON "this build has no JSON (LIMPET_JSON)"
#define NO_OUTBOX "this build has no outbox (LIMPET_OUTBOX)"

static bool is_json_dialect(limpet_dialect dialect) {
  return dialect == LIMPET_DIALECT_PING || dialect == LIMPET_DIALECT_TIMESTAMP;
}

bool options_check_parts(const limpet_options *o, char *detail) {
  const struct {
    const char *option, *missing;
    bool is_wanted;
  } wishes[] = {
      {"tls_ca_file", NO_TLS, !HAS_TLS && o->tls_ca_file},
      {"tls_cert_file", NO_TLS, !HAS_TLS && o->tls_cert_file},
      {"tls_key_file", NO_TLS, !HAS_TLS && o->tls_key_file},
      {"tls_insecure", NO_TLS, !HAS_TLS && o->tls_insecure},
      {"compress", NO_DEFLATE, !HAS_DEFLATE && o->compress},
      {"heartbeat", NO_JSON, !HAS_JSON && is_json_dialect(o->heartbeat)},
      {"confirm", NO_JSON, !HAS_JSON && o->confirm == LIMPET_CONFIRM_ACK},
      {"on_typing", NO_JSON, !HAS_JSON && o->callbacks.on_typing},
      {"outbox", NO_OUTBOX, !HAS_OUTBOX && o->outbox},
  };
  for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
    if (!wishes[i].is_wanted)
      continue;
    (void)snprintf(detail, LIMPET_DETAIL_CAP, "%s: %s", wishes[i].option, wishes[i].missing);
    return false;
  }
  return true;
}

const char *options_refuse_scheme(const struct url *url) {
  return !HAS_TLS && url->scheme == URL_WSS ? NO_TLS : NULL;
}
