/*
 * Output that waits while nothing of it arrives: the peer's system has acknowledged nothing for
 * write_stall_ms, whatever still comes from there. Looked at by the sweep of warm links, about once
 * a second and only while output waits; an idle link costs nothing.
 *
 * While the link is paused its output may wait: perhaps the peer cannot write, and so does not
 * read.
 */
#include "link_internal.h"

#include <inttypes.h>
#include <stdio.h>

static bool is_waiting(const struct link *link) {
  return link->settings->write_stall_ms && link->traffic && !link->is_paused &&
         (link->phase == LINK_OPEN || link->phase == LINK_CLOSING) && link_buffered(link) > 0;
}

/* What the kernel took, and what it still keeps for want of an acknowledgement. */
static bool has_moved(const struct link *link) {
  const struct traffic *traffic = link->traffic;
  return link_stream_sent(link) != traffic->stall_sent ||
         sock_unacknowledged(link->fd) != traffic->stall_kept;
}

void link_check_stall(struct link *link) {
  struct traffic *traffic = link->traffic;
  const uint64_t now_ms = net_loop_now_ms(link->loop);
  if (!is_waiting(link)) {
    traffic->is_stall_noted = false;
  } else if (!traffic->is_stall_noted || has_moved(link)) {
    traffic->is_stall_noted = true;
    traffic->stall_from_ms = now_ms;
    traffic->stall_sent = link_stream_sent(link);
    traffic->stall_kept = sock_unacknowledged(link->fd);
  } else if (now_ms - traffic->stall_from_ms >= link->settings->write_stall_ms) {
    (void)link_set_deadline(link, 0); /* judged after the sockets were read */
  }
}

void link_stall_is_due(struct link *link) {
  char detail[LINK_DETAIL_CAP];
  if (!is_waiting(link) || has_moved(link))
    return;
  (void)snprintf(detail, sizeof detail,
                 "%" PRIu64 " bytes wait to be sent, and the peer acknowledged none for %" PRIu32
                 " ms",
                 link_buffered(link), link->settings->write_stall_ms);
  link_finish_simply(link, LINK_END_LOST, detail);
}
