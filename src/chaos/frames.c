#include "frames.h"

#include <string.h>

void frames_init(struct frames *frames, bool is_response) {
  memset(frames, 0, sizeof *frames);
  frames->is_response = is_response;
}

/* ---- the head ---- */

/* RFC 6455 section 4: "GET ", and "HTTP/1.1 101". */
static bool may_be_websocket(const struct frames *frames) {
  const char *wanted = frames->is_response ? "HTTP/1.1 101" : "GET ";
  const size_t wanted_len = strlen(wanted);
  const size_t len = frames->head_len < wanted_len ? (size_t)frames->head_len : wanted_len;
  return memcmp(frames->line, wanted, len) == 0 && frames->head_len <= FRAMES_HEAD_MAX;
}

static void follow_end_of_head(struct frames *frames, uint8_t byte) {
  static const char blank[] = "\r\n\r\n";
  if (byte == (uint8_t)blank[frames->matched])
    frames->matched++;
  else
    frames->matched = byte == '\r';
  if (frames->matched == sizeof blank - 1)
    frames->phase = FRAMES_BETWEEN;
}

static size_t follow_head(struct frames *frames, const uint8_t *in, size_t len) {
  size_t at = 0;
  while (at < len && frames->phase == FRAMES_HEAD) {
    if (frames->head_len < FRAMES_LINE_CAP)
      frames->line[frames->head_len] = in[at];
    frames->head_len++;
    follow_end_of_head(frames, in[at++]);
    if (!may_be_websocket(frames))
      frames->phase = FRAMES_NONE;
  }
  return at;
}

/* ---- frames ---- */

/* At least one byte of a payload stays behind its middle. */
static void begin_payload(struct frames *frames, uint64_t payload_len) {
  frames->header_len = 0;
  if (payload_len == 0)
    return;
  frames->left = payload_len;
  frames->half = payload_len - payload_len / 2;
  frames->count++;
  frames->phase = FRAMES_INSIDE;
}

/* Headers come byte by byte; they are short. */
static size_t follow_header(struct frames *frames, const uint8_t *in, size_t len) {
  struct frame_header header;
  for (size_t at = 0; at < len; at++) {
    frames->header[frames->header_len++] = in[at];
    switch (frame_read_header(frames->header, frames->header_len, &header)) {
    case FRAME_READ_OK:
      begin_payload(frames, header.payload_len);
      return at + 1;
    case FRAME_READ_BAD:
      frames->phase = FRAMES_NONE;
      return len;
    case FRAME_READ_MORE:
      break;
    }
  }
  return len;
}

static size_t follow_payload(struct frames *frames, size_t len) {
  const size_t part = frames->left < len ? (size_t)frames->left : len;
  frames->left -= part;
  if (frames->left == 0)
    frames->phase = FRAMES_BETWEEN;
  return part;
}

static bool is_middle_within(const struct frames *frames, size_t len, uint64_t cut_frame) {
  return frames->phase == FRAMES_INSIDE && frames->count == cut_frame &&
         frames->left >= frames->half && frames->left - frames->half <= len;
}

size_t frames_follow(struct frames *frames, const uint8_t *in, size_t len, uint64_t cut_frame) {
  size_t at = 0;
  while (at < len && frames->phase != FRAMES_NONE) {
    if (is_middle_within(frames, len - at, cut_frame))
      return at + (size_t)(frames->left - frames->half);
    if (frames->phase == FRAMES_HEAD)
      at += follow_head(frames, in + at, len - at);
    else if (frames->phase == FRAMES_BETWEEN)
      at += follow_header(frames, in + at, len - at);
    else
      at += follow_payload(frames, len - at);
  }
  return FRAMES_NO_CUT;
}
