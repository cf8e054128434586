/* What must hold after every step, and at the end. */
#include "world.h"

#include <string.h>

/* ---- reports: their order is a language ---- */

/* D dial, A abort, L late, C close, O opened, N ended, E error, G gave up, R retry; a state by its
   number: 0 closed, 1 connecting, 2 connected, 3 disconnected,
   4 reconnecting, 5 waiting for network, 6 error, 7 failed. */
static const char *const phrases[] = {
    "1D",                        /* connect from rest */
    "D",                         /* delay over, or try now */
    "4D",    "1D",               /* try now while offline */
    "O2",                        /* opened */
    "EN3R4", "E3R4", "ER",       /* a loss: of a link, of the first dial, of a redial */
    "EN3G7", "E3G7", "EG7",      /* the last one */
    "EN36",  "E6",               /* critical */
    "EN35",  "E5",               /* offline */
    "L",                         /* the link is given up; a loss follows */
    "C",                         /* disconnect with a link */
    "N0",    "AN0",  "A0",  "0", /* its end; at the timeout; while dialing; at rest */
    "5",     "A5",               /* the network went */
    "4",     "1",                /* and came back */
};

static bool is_sentence(const char *tokens, size_t len) {
  if (!len)
    return true;
  for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
    const size_t phrase_len = strlen(phrases[i]);
    if (phrase_len <= len && memcmp(tokens, phrases[i], phrase_len) == 0 &&
        is_sentence(tokens + phrase_len, len - phrase_len))
      return true;
  }
  return false;
}

static void check_reports(struct world *w) {
  struct client *c = &w->client;
  CHECK(is_sentence(c->tokens, c->token_count), "reports come in the contract's order");
  c->token_count = 0;
}

/* ---- states, links, metrics ---- */

static void check_state(struct world *w) {
  const struct client *c = &w->client;
  const struct session *s = &c->session;
  CHECK(session_get_state(s) == c->state, "the state is the one that was told last");
  CHECK(c->state != STATE_DISCONNECTED, "DISCONNECTED is left at once");
  CHECK((c->link == LINK_OPEN) == (c->state == STATE_CONNECTED),
        "CONNECTED means that a link is open");
  CHECK(session_is_open(s) == (c->link == LINK_OPEN && !c->is_closing),
        "messages go out on an open link only");
  CHECK(c->state == STATE_RECONNECTING || c->state == STATE_CONNECTING ||
            session_next_retry_at(s) == SESSION_NEVER,
        "a retry is planned only where one is due");
}

/* What has arrived comes before what is due, so that a client that could not run may be late; but
   not once its session has had its tick. */
static void check_session(struct world *w) {
  struct client *c = &w->client;
  const bool is_late = session_deadline(&c->session) < world_client_now(w);
  CHECK(!is_late || !c->has_ticked, "no timer lies in the past");
  c->has_ticked = false;
  c->has_wish &= c->state != STATE_CLOSED;
  const char *fault = is_late ? NULL : session_fault(&c->session, world_client_now(w));
  if (fault)
    world_break(w, fault);
}

static void check_links(struct world *w) {
  unsigned count = 0;
  for (int i = 0; i < NET_CONNS; i++)
    count += w->net.conns[i].has_client;
  CHECK(count <= 1, "one link at a time");
  CHECK(w->client.link != LINK_DIALING || session_is_dialing(&w->client.session) ||
            w->client.is_closing,
        "a dial is awaited");
}

static void check_metrics(struct world *w) {
  struct session_metrics m;
  session_get_metrics(&w->client.session, world_client_now(w), &m);
  CHECK(m.dropped == w->client.dropped, "what was dropped is counted");
  CHECK(m.longest_outage_ms <= m.downtime_ms, "the longest outage is one of all");
  CHECK(m.rtt_min_us <= m.rtt_mean_us && m.rtt_mean_us <= m.rtt_max_us,
        "a mean lies between the extremes");
}

void world_check(struct world *w) {
  if (w->broken || !w->client.is_up)
    return;
  check_session(w);
  check_reports(w);
  check_state(w);
  check_links(w);
  check_metrics(w);
  world_shadow_check(w);
  if (session_deadline(&w->client.session) >= world_client_now(w))
    world_pulse_check(w);
}

/* By it a flush knows that all up to a message is done. What is stored the disk answers for. */
void world_check_held(struct world *w) {
  const struct client *c = &w->client;
  uint64_t oldest = UINT64_MAX;
  for (uint32_t i = 0; i < CLIENT_PARCELS; i++) {
    const struct session_message *m = &c->parcels[i].message;
    if (c->parcels[i].is_held && m->place && !m->is_stored && m->id < oldest)
      oldest = m->id;
  }
  CHECK(!c->is_up || session_oldest_id(&c->session) <= oldest, "the oldest message is known");
}

/* ---- the end ---- */

static void check_durable(struct world *w, const struct fact *fact) {
  if (!fact->was_accepted || fact->is_lost)
    return;
  CHECK(fact->reads, "a durable message arrives");
  CHECK(w->settings.session.confirm != CONFIRM_ACK || fact->is_safe,
        "a durable message is stored at the server");
  CHECK(fact->is_confirmed, "a durable message is confirmed in the end");
}

static void check_queued(struct world *w, const struct fact *fact) {
  if (!fact->was_accepted || fact->is_lost || fact->run != w->client.run)
    return;
  CHECK(fact->ended_in == w->client.run, "every message has a last fate");
  CHECK(w->settings.session.confirm == CONFIRM_NONE || fact->is_confirmed,
        "a queued message is confirmed, or its loss told");
}

void world_check_promises(struct world *w) {
  CHECK(!w->disk.count, "what is confirmed is removed from disk");
  for (uint64_t number = 1; number < w->facts_count; number++) {
    const struct fact *fact = &w->facts[number];
    if (fact->is_durable)
      check_durable(w, fact);
    else
      check_queued(w, fact);
  }
}
