/*
 * Follows one direction of a passing WebSocket without touching it: the head of the opening
 * handshake, then frame after frame, to find a place inside one. Not a decoder: it knows headers
 * and lengths only. A stream that is no WebSocket is told by its first line or by a header that
 * cannot be one, and not followed any further. Pure.
 */
#ifndef CHAOS_FRAMES_H
#define CHAOS_FRAMES_H

#include "frame.h"

#define FRAMES_LINE_CAP 12
#define FRAMES_HEAD_MAX ((uint64_t)64 * 1024)
#define FRAMES_NO_CUT SIZE_MAX

enum frames_phase { FRAMES_HEAD, FRAMES_BETWEEN, FRAMES_INSIDE, FRAMES_NONE };

struct frames {
  enum frames_phase phase;
  bool is_response;
  uint64_t head_len;
  uint8_t line[FRAMES_LINE_CAP]; /* how the head begins */
  unsigned matched;              /* of the blank line at its end */
  uint8_t header[FRAME_HEADER_MAX];
  size_t header_len; /* gathered so far */
  uint64_t left;     /* of the payload that passes */
  uint64_t half;     /* what is left in its middle */
  uint64_t count;    /* frames with a payload that began */
};

/** `is_response`: the direction from server to client. */
void frames_init(struct frames *frames, bool is_response);
/** Follows `len` bytes. If frame number `cut_frame` (from 1, those with a payload; 0: none) has its
    middle among them: how many of them are before it, 0 to len. Else FRAMES_NO_CUT. */
size_t frames_follow(struct frames *frames, const uint8_t *in, size_t len, uint64_t cut_frame);

#endif
