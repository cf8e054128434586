/* What the demo shows: a live view on a terminal, lines elsewhere, and the table at the end. */
#ifndef CLI_DEMO_VIEW_H
#define CLI_DEMO_VIEW_H

#include "demo_audit.h"
#include "demo_relay.h"

struct demo_view {
  const struct demo_chatter *chatters; /* DEMO_CHATTERS */
  const struct demo_relay *relay;
  uint64_t start_ms;
  bool is_live, is_drawn, has_colours;
  char news[80]; /* the last thing that happened */
};

void demo_view_begin(struct demo_view *view);
/** Something happened that a viewer should know. */
void demo_view_tell(struct demo_view *view, const char *news);
/** Draws the live view anew. */
void demo_view_draw(struct demo_view *view);
void demo_view_table(const struct demo_view *view, const struct demo_audit *audit);

#endif
