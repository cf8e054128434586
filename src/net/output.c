#include "output.h"

#include "mask.h"

#include <assert.h>
#include <string.h>

/* Room steps: small messages, then the 60 KiB that leave in one call with some to spare. */
#define STEP_ONE ((size_t)16 * 1024)
#define STEP_TWO ((size_t)96 * 1024)
#define MARKS_MIN 32
/* So little is moved to the front at once: a burst is written where the caches still are. */
#define KEPT_SMALL 4096

void output_init(struct output *out) {
  memset(out, 0, offsetof(struct output, urgent));
  out->bytes = out->small;
  out->cap = sizeof out->small;
}

static void free_bytes(struct output *out, const struct memory *memory) {
  if (out->bytes != out->small)
    memory_free(memory, out->bytes);
}

void output_deinit(struct output *out, const struct memory *memory) {
  free_bytes(out, memory);
  memory_free(memory, out->marks);
  out->marks = NULL;
  out->bytes = NULL;
}

bool output_is_empty(const struct output *out) {
  return out->begin == out->end && out->urgent_sent == out->urgent_len;
}

static void become_empty(struct output *out) {
  out->begin = out->sent = out->begun = out->end = out->newest = 0;
  out->mark_first = out->mark_count = 0;
  out->gone = 0;
}

static size_t room_for(size_t wanted) {
  if (wanted <= STEP_ONE)
    return STEP_ONE;
  if (wanted <= STEP_TWO)
    return STEP_TWO;
  size_t cap = 2 * STEP_TWO;
  while (cap < wanted)
    cap *= 2;
  return cap;
}

/* The bytes from `begin` on stand at the front now. */
static void shift(struct output *out) {
  size_t begin = out->begin;
  out->gone += begin;
  out->begin = 0;
  out->sent -= begin;
  out->begun -= begin;
  out->end -= begin;
  out->newest -= out->newest < begin ? out->newest : begin;
}

static void compact(struct output *out) {
  memmove(out->bytes, out->bytes + out->begin, out->end - out->begin);
  shift(out);
}

/* Twice what is kept: then the bytes in front of it suffice to be compacted into the next time, and
   the buffer of a link that is always behind stops growing. */
static size_t cap_for(size_t kept, size_t len) {
  return room_for(kept + (len > kept ? len : kept));
}

bool output_grow(struct output *out, const struct memory *memory, size_t len) {
  if (len > SIZE_MAX / 4 - out->end)
    return false;
  size_t kept = out->end - out->begin;
  /* Moving at most what was already sent keeps the cost of each byte bounded. */
  if (out->begin >= kept && out->cap - kept >= len) {
    compact(out);
    return true;
  }
  size_t cap = cap_for(kept, len);
  uint8_t *bytes = memory_alloc(memory, cap);
  if (!bytes)
    return false;
  memcpy(bytes, out->bytes + out->begin, kept);
  free_bytes(out, memory);
  shift(out);
  out->bytes = bytes;
  out->cap = cap;
  return true;
}

static size_t frame_len_at(const struct output *out, size_t at) {
  struct frame_header header;
  enum frame_read result = frame_read_header(out->bytes + at, out->end - at, &header);
  assert(result == FRAME_READ_OK);
  (void)result;
  return header.header_len + (size_t)header.payload_len;
}

size_t output_boundary(const struct output *out) {
  size_t at = out->begin;
  while (at < out->begun)
    at += frame_len_at(out, at);
  return at;
}

void output_open_gap(struct output *out, size_t at, size_t len) {
  assert(at <= out->end && out->cap - out->end >= len);
  memmove(out->bytes + at + len, out->bytes + at, out->end - at);
  out->end += len;
  if (out->newest > at)
    out->newest += len;
  for (size_t i = out->mark_first; i < out->mark_count; i++)
    if (out->marks[i] >= out->gone + at)
      out->marks[i] += len;
}

bool output_reserve_mark(struct output *out, const struct memory *memory) {
  if (out->mark_count < out->mark_cap)
    return true;
  if (out->mark_first > out->mark_count / 2) {
    out->mark_count -= out->mark_first;
    memmove(out->marks, out->marks + out->mark_first, out->mark_count * sizeof *out->marks);
    out->mark_first = 0;
    return true;
  }
  size_t cap = out->mark_cap ? 2 * out->mark_cap : MARKS_MIN;
  uint64_t *marks = memory_realloc(memory, out->marks, cap * sizeof *marks);
  if (!marks)
    return false;
  out->marks = marks;
  out->mark_cap = cap;
  return true;
}

/* Kept in order; a mark nearly always belongs to the newest frame. */
void output_mark(struct output *out, size_t at) {
  uint64_t mark = out->gone + at;
  size_t i = out->mark_count++;
  for (; i > out->mark_first && out->marks[i - 1] > mark; i--)
    out->marks[i] = out->marks[i - 1];
  out->marks[i] = mark;
}

static void forget_marks_before(struct output *out, uint64_t position) {
  while (out->mark_first < out->mark_count && out->marks[out->mark_first] < position)
    out->mark_first++;
}

static void advance_begin(struct output *out) {
  if (out->newest > out->begin && out->newest <= out->sent)
    out->begin = out->newest;
  while (out->begin < out->sent) {
    size_t frame_end = out->begin + frame_len_at(out, out->begin);
    if (frame_end > out->sent)
      break;
    out->begin = frame_end;
  }
  forget_marks_before(out, out->gone + out->begin);
}

void output_sent(struct output *out, size_t len) {
  out->sent += len;
  if (out->begun < out->sent)
    out->begun = out->sent;
  assert(out->sent <= out->end);
  if (out->is_inside_frame) {
    advance_begin(out);
  } else if (out->sent == out->end) {
    become_empty(out);
  } else {
    advance_begin(out);
    size_t kept = out->end - out->begin;
    if (kept <= KEPT_SMALL && kept <= out->begin)
      compact(out);
  }
}

bool output_add_urgent(struct output *out, const uint8_t *frame, size_t len) {
  if (sizeof out->urgent - out->urgent_len < len)
    return false;
  memcpy(out->urgent + out->urgent_len, frame, len);
  out->urgent_len += len;
  out->urgent_pong = SIZE_MAX;
  return true;
}

/* Room for a close frame stays free. */
bool output_add_pong(struct output *out, const uint8_t *frame, size_t len, bool latest_only) {
  if (latest_only && out->urgent_pong < out->urgent_len && out->urgent_pong >= out->urgent_begun)
    out->urgent_len = out->urgent_pong;
  size_t at = out->urgent_len;
  if (sizeof out->urgent - at < len + OUTPUT_CONTROL_CAP)
    return false;
  output_add_urgent(out, frame, len);
  out->urgent_pong = at;
  return true;
}

void output_urgent_sent(struct output *out, size_t len) {
  out->urgent_sent += len;
  if (out->urgent_begun < out->urgent_sent)
    out->urgent_begun = out->urgent_sent;
  if (out->urgent_sent == out->urgent_len) {
    out->urgent_sent = out->urgent_begun = out->urgent_len = 0;
    out->urgent_pong = SIZE_MAX;
  }
}

void output_recover(struct output *out,
                    void (*give)(void *user, uint8_t opcode, const uint8_t *data, size_t len),
                    void *user) {
  size_t end = out->end;
  for (size_t at = out->begin; at < end;) {
    struct frame_header header;
    if (frame_read_header(out->bytes + at, end - at, &header) != FRAME_READ_OK)
      break;
    uint8_t *payload = out->bytes + at + header.header_len;
    uint8_t opcode = header.first & 0x0F;
    bool is_marked =
        out->mark_first < out->mark_count && out->marks[out->mark_first] == out->gone + at;
    at += header.header_len + (size_t)header.payload_len;
    forget_marks_before(out, out->gone + at);
    if (is_marked || (opcode != FRAME_TEXT && opcode != FRAME_BINARY))
      continue;
    if (header.is_masked)
      mask_copy(payload, payload, (size_t)header.payload_len, header.key, 0);
    give(user, opcode, payload, (size_t)header.payload_len);
  }
  become_empty(out);
}
