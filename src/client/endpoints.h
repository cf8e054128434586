/*
 * Where a dial goes: the rounds over several endpoints, and the application's provider of URL and
 * credentials. A client without either has none of this and dials its URL.
 *
 * The session knows of attempts only. Within one attempt an endpoint's failure is judged and
 * reported here, and the next is dialed without the session being told: it goes on awaiting the
 * same dial.
 */
#ifndef CLIENT_ENDPOINTS_H
#define CLIENT_ENDPOINTS_H

#include "internal.h"
#include "round.h"

/** A provider's answer in one block of memory. */
struct provided {
  uint64_t ticket;
  const char *failure; /* why there is none, or NULL */
  const char *url;     /* NULL: the endpoint's own */
  const char *const *headers;
};

struct endpoints {
  struct limpet_client *client;
  struct round round;
  bool wants_fresh; /* the next request asks to refresh */
  bool is_fresh;    /* so did that of the present dial */
  uint64_t ticket;  /* of the request awaited; 0: none is */
  uint64_t last_ticket;
  struct net_timer deadline; /* of that request */
  struct provided *provided; /* for the present dial, or NULL */
};

/** Where `options` ask for it. False: no memory. */
bool endpoints_make(struct limpet_client *client, const limpet_options *options);
void endpoints_free(struct limpet_client *client);
/** The URL dialed last, to be dialed first before. Under client_lock(). */
const char *endpoints_url(const struct limpet_client *client);
/** An attempt: its first dial. */
void endpoints_dial(struct limpet_client *client);
void endpoints_opened(struct limpet_client *client);
/** The client has left CLOSED, ERROR or FAILED: nothing is left out any more. */
void endpoints_forgive(struct limpet_client *client);
/** What the client would do about a failure by itself. */
limpet_decision endpoints_propose(const struct limpet_client *client, enum failure_verdict usual);
/** After a failure: true if the attempt goes on at another endpoint. */
bool endpoints_go_on(struct limpet_client *client, uint32_t epoch, const struct failure *failure,
                     limpet_decision decision);
/** Else: what the session is told. */
enum failure_verdict endpoints_verdict(struct limpet_client *client, limpet_decision decision);

/* ---- provider.c ---- */
void provider_ask(struct limpet_client *client);
/** No answer is awaited any more. */
void provider_cancel(struct limpet_client *client);
/** `answer` is taken over. */
void provider_answered(struct limpet_client *client, struct provided *answer);

#endif
