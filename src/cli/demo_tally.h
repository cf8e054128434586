/* Counting numbered messages 1..DEMO_MESSAGES at one end: what came, what came again, in what
   order. */
#ifndef CLI_DEMO_TALLY_H
#define CLI_DEMO_TALLY_H

#include <stdbool.h>

#define DEMO_MESSAGES 1000u

struct demo_tally {
  bool is_known[DEMO_MESSAGES + 1];
  unsigned received;     /* different numbers */
  unsigned on_wire;      /* all arrivals */
  unsigned highest;      /* all up to here have come */
  unsigned out_of_order; /* first arrivals that were not the next number */
  /* what the application was given after known numbers were dropped */
  unsigned delivered[2 * DEMO_MESSAGES];
  unsigned delivered_count;
};

/** An arrival. Numbers that are known are dropped, as an application does it. */
void demo_tally_take(struct demo_tally *tally, unsigned number);
/** Numbers that were delivered more than once all the same. */
unsigned demo_tally_repeated(const struct demo_tally *tally);

#endif
