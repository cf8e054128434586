#include "link_internal.h"

#include "close.h"

#include <assert.h>
#include <errno.h>

/* Read beyond a long message: enough for the short ones that may follow it. */
#define BEYOND_LONG ((size_t)4 * 1024)

/* What one read brought: the rest of a large payload where it belongs, then whatever else. */
struct intake {
  uint8_t *direct;
  size_t direct_len;
  size_t len; /* in the loop's receive buffer */
  bool is_drained;
};

/* ---- decoding ---- */

static bool make_room(struct link *link, uint64_t wanted) {
  struct traffic *traffic = link->traffic;
  if (wanted > SIZE_MAX / 2 || !traffic_gather_reserve(link->loop, traffic, (size_t)wanted))
    return false;
  decoder_set_room(&traffic->decoder, traffic->gather, traffic->gather_cap);
  return true;
}

bool link_keep_rest(struct link *link, const uint8_t *in, size_t len) {
  if (link->phase > LINK_CLOSING)
    return false;
  if (len > 0 && !traffic_save(link->loop, link->traffic, in, len))
    link_fail(link, CLOSE_INTERNAL_ERROR, "no memory to keep input of a paused link");
  return false;
}

static void note_progress(struct link *link, size_t len) {
  if (len > 0 && link->events->progress && decoder_is_inside_frame(&link->traffic->decoder))
    link->events->progress(link, len);
}

/* The last piece of a frame is progress like the ones before: what it held up comes only now. */
static void note_last_piece(struct link *link, size_t len) {
  if (link->events->progress)
    link->events->progress(link, len);
}

/* Carries out all but messages. False: stop decoding. */
static bool take_other(struct link *link, enum decoder_result result,
                       const struct decoder_event *event) {
  switch (result) {
  case DECODER_PING:
    if (link->events->ping)
      link->events->ping(link, event->data, event->len);
    else
      link_add_pong(link, event->data, event->len);
    return true;
  case DECODER_PONG:
    link->events->pong(link, event->data, event->len);
    return true;
  case DECODER_NEED_ROOM:
    if (make_room(link, event->room_wanted))
      return true;
    link_fail(link, CLOSE_INTERNAL_ERROR, "no memory for a message");
    return false;
  case DECODER_CLOSE:
    link_close_received(link, event->close_code, event->data, event->len);
    return false;
  default:
    link_fail(link, event->close_code, event->detail);
    return false;
  }
}

/* Messages that lie whole in the input, of which one read may bring thousands. Returns how many
   bytes they were; the owner may have paused or ended the link at the last one. */
static size_t take_whole_messages(struct link *link, const uint8_t *in, size_t len) {
  const struct decoder *decoder = &link->traffic->decoder;
  const uint8_t *const begin = in;
  const uint8_t *const end = in + len;
  size_t header_len, payload_len;
  while ((header_len = decoder_glance(decoder, in, (size_t)(end - in), &payload_len)) > 0) {
    const uint8_t opcode = in[0] ^ FRAME_FIN;
    const uint8_t *const payload = in + header_len;
    in = payload + payload_len;
    link->events->message(link, opcode, payload, payload_len);
    if (!link_takes_input(link))
      break;
  }
  return (size_t)(in - begin);
}

bool link_decode(struct link *link, uint8_t *in, size_t len) {
  struct decoder *decoder = &link->traffic->decoder;
  bool ends_frame = decoder_is_inside_frame(decoder); /* one that earlier reads began */
  size_t unfinished_len = 0;
  for (;;) {
    struct decoder_event event;
    size_t consumed = take_whole_messages(link, in, len);
    in += consumed;
    len -= consumed;
    if (consumed > 0 && len == 0)
      return link_takes_input(link);
    if (consumed > 0 && !link_takes_input(link))
      return link_keep_rest(link, in, len);
    enum decoder_result result = decoder_next(decoder, in, len, &consumed, &event);
    in += consumed;
    len -= consumed;
    if (ends_frame && result != DECODER_MORE && result != DECODER_NEED_ROOM) {
      ends_frame = false;
      note_last_piece(link, unfinished_len + consumed);
      if (link->phase > LINK_CLOSING)
        return false;
    }
    if (result == DECODER_MESSAGE) {
      link->traffic->inflated_len += link->deflate ? event.len : 0;
      link->events->message(link, event.opcode, event.data, event.len);
      unfinished_len = 0;
    } else if (result == DECODER_MORE) {
      note_progress(link, unfinished_len + consumed);
      return link_takes_input(link);
    } else {
      unfinished_len = result == DECODER_NEED_ROOM ? unfinished_len + consumed : 0;
      if (!take_other(link, result, &event))
        return false;
    }
    if (!link_takes_input(link))
      return link_keep_rest(link, in, len);
  }
}

static void report_received(struct link *link) {
  if (link->phase <= LINK_CLOSING && link->events->received)
    link->events->received(link);
}

/* False: the link ended, was closed or paused. */
static bool decode_saved(struct link *link) {
  struct traffic *traffic = link->traffic;
  if (!traffic || traffic->saved_len == 0)
    return true;
  size_t len = traffic->saved_len;
  traffic->saved_len = 0;
  bool goes_on = link_decode(link, traffic->saved + traffic->saved_at, len);
  report_received(link);
  return goes_on && link_takes_input(link);
}

/* ---- reading ---- */

/* Where a message that no single read can hold ends, the next one is probably as long: what is read
   of it now would have to be copied, and what is left to the next read need not. */
static size_t wanted_len(const struct decoder *decoder) {
  const uint64_t rest = decoder_rest(decoder);
  const bool is_long = rest > 0 && decoder_held(decoder) + rest >= NET_RECEIVE_CAP;
  return is_long && rest < NET_RECEIVE_CAP - BEYOND_LONG ? (size_t)rest + BEYOND_LONG
                                                         : NET_RECEIVE_CAP;
}

static enum io_result read_both(struct link *link, struct intake *intake, size_t room,
                                size_t wanted) {
  ssize_t n = sock_receive_both(link->fd, intake->direct, room, link->loop->receive, wanted - room);
  intake->is_drained = n < 0 || (size_t)n < wanted;
  if (n > 0) {
    intake->direct_len = (size_t)n < room ? (size_t)n : room;
    intake->len = (size_t)n - intake->direct_len;
    return IO_SOME;
  }
  if (n == 0)
    return IO_END;
  if (sock_would_block(errno))
    return IO_EMPTY;
  link->lost_error = errno;
  return IO_FAILED;
}

static enum io_result take_in(struct link *link, struct intake *intake) {
  const size_t wanted = wanted_len(&link->traffic->decoder);
  size_t room = 0;
  intake->direct_len = intake->len = 0;
  intake->direct = decoder_direct(&link->traffic->decoder, &room);
  if (room > wanted)
    room = wanted;
  if (!intake->direct)
    return link_io_read(link, link->loop->receive, wanted, &intake->len, &intake->is_drained);
  if (link->tls)
    return link_io_read(link, intake->direct, room, &intake->direct_len, &intake->is_drained);
  return read_both(link, intake, room, wanted);
}

/* A direct piece lies inside one frame, so it is used up whole even when the link is paused by the
   message that it ends. */
static bool decode_intake(struct link *link, const struct intake *intake) {
  link->traffic->is_active = true;
  bool goes_on = true;
  if (intake->direct_len > 0)
    goes_on = link_decode(link, intake->direct, intake->direct_len);
  if (intake->len > 0 && goes_on)
    goes_on = link_decode(link, link->loop->receive, intake->len);
  else if (intake->len > 0)
    link_keep_rest(link, link->loop->receive, intake->len);
  report_received(link);
  return goes_on && link_takes_input(link);
}

/* Whether to look again at once, for a peer that answers faster than the loop can sleep. */
static bool keeps_spinning(struct link *link, uint64_t until_us) {
  if (until_us == 0 || net_loop_now_us(link->loop) >= until_us)
    return false;
  if (link->tls)
    tls_stream_is_readable(link->tls);
  return true;
}

static uint64_t spin_until_us(struct link *link) {
  uint32_t busy_poll_us = link->settings->busy_poll_us;
  if (busy_poll_us == 0)
    return 0;
  link_send(link);
  return net_loop_now_us(link->loop) + busy_poll_us;
}

/* More is there than one turn may take: a broken link is not polled any more, and what TLS holds
   no poll tells of. */
static void go_on_next_turn(struct link *link) {
  if (!link->tls && !link->is_broken)
    return;
  link->wants_resume = true;
  link_at_turn_end(link);
}

static void read_messages(struct link *link) {
  uint64_t until_us = 0;
  unsigned left = LINK_READS_PER_TURN;
  link->traffic->inflated_len = 0;
  while (left > 0 && link->traffic->inflated_len < LINK_INFLATED_PER_TURN) {
    struct intake intake;
    enum io_result result = take_in(link, &intake);
    if (result == IO_SOME) {
      left--;
      if (!decode_intake(link, &intake))
        return;
      until_us = spin_until_us(link);
      if (!intake.is_drained || link->is_broken)
        continue;
    } else if (result != IO_EMPTY || link->is_broken) {
      link_input_ended(link, result == IO_EMPTY ? IO_FAILED : result);
      return;
    }
    if (!keeps_spinning(link, until_us))
      return;
  }
  go_on_next_turn(link);
}

static void throw_away(struct link *link) {
  for (unsigned left = LINK_READS_PER_TURN; left > 0; left--) {
    size_t len;
    bool is_drained;
    enum io_result result =
        link_io_read(link, link->loop->receive, NET_RECEIVE_CAP, &len, &is_drained);
    if (result == IO_END || result == IO_FAILED || (result == IO_EMPTY && link->is_broken)) {
      link_input_ended(link, IO_FAILED);
      return;
    }
    if (is_drained && !link->is_broken)
      return;
  }
  go_on_next_turn(link);
}

/* What was received before a pause comes first: when the pause has just ended, the poll may be here
   before the turn's end is. */
void link_read(struct link *link) {
  if (link->tls)
    tls_stream_is_readable(link->tls);
  if (link->phase == LINK_DRAINING) {
    throw_away(link);
  } else if (link_takes_input(link) && decode_saved(link)) {
    if (link->traffic || link_warm_up(link))
      read_messages(link);
    else
      link_finish_simply(link, LINK_END_NO_MEMORY, "no memory to read");
  }
}
