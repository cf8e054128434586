#include "link_step.h"

#include "opening.h"
#include "proxy.h"
#include "tls_facts.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

void link_step_begin(struct link *link) {
  if (link->events->step)
    client_opening(link)->stepped_at_us = net_loop_now_us(link->loop);
}

static uint64_t take_time(struct link *link) {
  struct client_opening *opening = client_opening(link);
  const uint64_t before_us = opening->stepped_at_us;
  opening->stepped_at_us = net_loop_now_us(link->loop);
  return opening->stepped_at_us - before_us;
}

bool link_step_report(struct link *link, enum link_step step, const struct link_fact *facts,
                      size_t facts_count) {
  struct link_fact known[LINK_FACTS_MAX];
  if (!link->events->step)
    return true;
  struct link_step_report report = {.step = step, .took_us = take_time(link), .facts = known};
  assert(facts_count <= LINK_FACTS_MAX);
  for (size_t i = 0; i < facts_count; i++)
    if (facts[i].value[0])
      known[report.facts_count++] = facts[i];
  link->events->step(link, &report);
  return link->phase != LINK_ENDED;
}

/* Without its port: "[2001:db8::1]:0" is known here as "2001:db8::1". */
static void print_host(const struct address *address, char text[ADDRESS_TEXT_CAP]) {
  char whole[ADDRESS_TEXT_CAP];
  address_print(address, whole);
  const bool is_bracketed = whole[0] == '[';
  const size_t len = is_bracketed ? strcspn(whole, "]") - 1 : strcspn(whole, ":");
  (void)snprintf(text, ADDRESS_TEXT_CAP, "%.*s", (int)len, whole + is_bracketed);
}

bool link_step_looked_up(void *link, const struct resolve_answer *answer) {
  char text[RESOLVE_ADDRESSES_MAX * (INET6_ADDRSTRLEN + 2)] = "", host[ADDRESS_TEXT_CAP];
  char proxy[PROXY_NAME_CAP];
  size_t len = 0;
  if (!((struct link *)link)->events->step)
    return true;
  for (size_t i = 0; i < answer->count && len < sizeof text; i++) {
    print_host(&answer->addresses[i], host);
    len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i ? ", " : "", host);
  }
  passage_name(link, proxy);
  const struct link_fact facts[] = {{"addresses", text}, {"proxy", proxy}};
  return link_step_report(link, LINK_STEP_LOOK_UP, facts, COUNT_OF(facts));
}

bool link_step_connected(struct link *link, const struct address *peer) {
  char text[ADDRESS_TEXT_CAP], proxy[PROXY_NAME_CAP];
  if (!link->events->step)
    return true;
  address_print(peer, text);
  passage_name(link, proxy);
  const struct link_fact facts[] = {{"address", text}, {"proxy", proxy}};
  return link_step_report(link, LINK_STEP_CONNECTED, facts, COUNT_OF(facts));
}

bool link_step_secured(struct link *link) {
  struct tls_facts tls;
  if (!link->events->step)
    return true;
  tls_stream_facts(link->tls, &tls);
  const struct link_fact facts[] = {
      {"version", tls.version}, {"cipher", tls.cipher},   {"subject", tls.subject},
      {"issuer", tls.issuer},   {"expires", tls.expires}, {"verified", tls.is_verified ? "" : "no"},
  };
  return link_step_report(link, LINK_STEP_TLS, facts, COUNT_OF(facts));
}

bool link_step_upgraded(struct link *link, const struct handshake_response *response) {
  char status[8];
  if (!link->events->step)
    return true;
  (void)snprintf(status, sizeof status, "%u", response->status);
  const struct link_fact facts[] = {
      {"status", status},
      {"subprotocol", response->subprotocol},
      {"extensions", response->deflate_agreed ? "permessage-deflate" : ""},
  };
  return link_step_report(link, LINK_STEP_UPGRADED, facts, COUNT_OF(facts));
}
