/*
 * A fleet in virtual time: every client is a session, all are cut at 0, and one service is down,
 * then up again, and takes so many connections a second.
 *
 * The storage is the caller's, so that a million clients are one allocation that may fail.
 */
#ifndef SIM_HERD_H
#define SIM_HERD_H

#include <stdbool.h>
#include <stdint.h>

#include "session.h"

#define HERD_CLIENTS_MAX 1000000
#define HERD_SECONDS_MAX 86400

/** How the service behaves towards those that it does not take, and how it went down. */
enum herd_service {
  HERD_CUTS,        /* links break, dials are refused */
  HERD_HINTS,       /* links break, dials get 503 with Retry-After */
  HERD_SAYS_RESTART /* links are closed with 1012, dials are refused */
};

struct herd_options {
  struct backoff_config backoff;
  enum herd_service service;
  uint32_t clients_count;  /* 1-HERD_CLIENTS_MAX */
  uint32_t seconds_count;  /* simulated from the cut on; 1-HERD_SECONDS_MAX */
  uint32_t outage_ms;      /* from the cut to the return */
  uint32_t latency_ms;     /* a dial reaches the service within this time, evenly spread */
  uint32_t capacity;       /* connections taken a second; 0: all */
  uint32_t retry_after_ms; /* the hint of HERD_HINTS */
  uint64_t seed;
};

/** What the service saw in one second, and how many clients had a link at its end. */
struct herd_second {
  uint32_t dials, accepted, connected;
};

struct herd_client {
  struct session session;
  uint32_t next; /* in the same millisecond; clients_count: none */
};

struct herd {
  const struct herd_options *options;
  struct session_config config;
  struct herd_client *clients; /* clients_count */
  uint32_t *firsts;            /* seconds_count * 1000: whose turn it is at that millisecond */
  struct herd_second *seconds; /* seconds_count: the result */
  uint64_t credit;             /* of the service, in thousandths of a connection */
  uint64_t random;
  uint32_t connected, gave_up;
};

struct herd_summary {
  uint64_t dials;       /* all that reached the service, or its place while it was down */
  uint64_t turned_away; /* of these, after its return */
  uint32_t peak;        /* most dials in one second after the return */
  uint32_t connected;   /* at the end */
  uint32_t gave_up;     /* used up their retries */
  uint32_t half_at, all_but_1_percent_at, all_at; /* seconds after the return until so many had a
                               link; UINT32_MAX: never within the time simulated */
};

/** The members `clients`, `firsts` and `seconds` are set and have room. `options` must outlive
    it. The same options, the same result. */
void herd_run(struct herd *herd, const struct herd_options *options);
void herd_summarise(const struct herd *herd, struct herd_summary *summary);

#endif
