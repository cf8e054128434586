/*
 * UTF-8 validation: the portable kernel, and the streaming validator on top of the best kernel.
 *
 * RFC 3629 section 4 as one rule: a lead byte gives the length of the character and the range of
 * its second byte; that range is what shuts out overlong forms, surrogates and values above
 * U+10FFFF. So a character can be refused at its first impossible byte.
 */
#include "utf8.h"

#include "simd.h"

struct lead {
  uint8_t char_len; /* 0: cannot begin a character */
  uint8_t second_min, second_max;
};

static struct lead read_lead(uint8_t byte) {
  if (byte < 0x80) {
    return (struct lead){1, 0, 0};
  }
  if (byte < 0xC2 || byte > 0xF4) {
    return (struct lead){0, 0, 0};
  }
  struct lead lead = {byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4, 0x80, 0xBF};
  if (byte == 0xE0) {
    lead.second_min = 0xA0;
  } else if (byte == 0xED) {
    lead.second_max = 0x9F;
  } else if (byte == 0xF0) {
    lead.second_min = 0x90;
  } else if (byte == 0xF4) {
    lead.second_max = 0x8F;
  }
  return lead;
}

enum character { CHARACTER_BAD, CHARACTER_CUT, CHARACTER_WHOLE };

/* Looks at the character that begins at `p`, of which `len` > 0 bytes are there. */
static inline enum character read_character(const uint8_t *p, size_t len, size_t *char_len) {
  const struct lead lead = read_lead(p[0]);
  *char_len = lead.char_len;
  if (lead.char_len == 0) {
    return CHARACTER_BAD;
  }
  for (size_t i = 1; i < lead.char_len; i++) {
    if (i == len) {
      return CHARACTER_CUT;
    }
    const bool is_fine =
        i == 1 ? p[1] >= lead.second_min && p[1] <= lead.second_max : (p[i] & 0xC0) == 0x80;
    if (!is_fine) {
      return CHARACTER_BAD;
    }
  }
  return CHARACTER_WHOLE;
}

/* Goes past ASCII in wide steps; stops before the first step that holds anything else. */
static size_t skip_ascii(const uint8_t *data, size_t at, size_t len) {
  while (len - at >= 32 && utf8_high_bits_32(data + at) == 0) {
    at += 32;
  }
  return at;
}

bool utf8_is_valid_portable(const uint8_t *data, size_t len) {
  size_t at = skip_ascii(data, 0, len);
  while (at < len) {
    size_t char_len;
    if (read_character(data + at, len - at, &char_len) != CHARACTER_WHOLE) {
      return false;
    }
    at += char_len;
    if (char_len == 1) {
      at = skip_ascii(data, at, len);
    }
  }
  return true;
}

bool utf8_is_valid(const uint8_t *data, size_t len) {
  return simd_kernels()->utf8_is_valid(data, len);
}

void utf8_stream_init(struct utf8_stream *stream) {
  *stream = (struct utf8_stream){{0}, 0, false};
}

/* Feeds bytes one at a time until the character in `tail` is whole. Returns how many it took. */
static size_t finish_tail(struct utf8_stream *stream, const uint8_t *data, size_t len) {
  size_t used = 0;
  while (stream->tail_len > 0 && used < len && !stream->is_bad) {
    size_t char_len;
    stream->tail[stream->tail_len++] = data[used++];
    const enum character c = read_character(stream->tail, stream->tail_len, &char_len);
    if (c == CHARACTER_WHOLE) {
      stream->tail_len = 0;
    }
    stream->is_bad = c == CHARACTER_BAD;
  }
  return used;
}

/* Length of the unfinished character at the end of `data`, 0 if there is none. */
static size_t cut_len(const uint8_t *data, size_t len) {
  const size_t most = len < 3 ? len : 3;
  for (size_t back = 1; back <= most; back++) {
    const uint8_t byte = data[len - back];
    if ((byte & 0xC0) != 0x80) {
      return read_lead(byte).char_len > back ? back : 0;
    }
  }
  return 0;
}

bool utf8_stream_feed(struct utf8_stream *stream, const uint8_t *data, size_t len) {
  const size_t used = finish_tail(stream, data, len);
  if (stream->is_bad || used == len) {
    return !stream->is_bad;
  }
  data += used;
  len -= used;
  const size_t cut = cut_len(data, len);
  stream->is_bad = !utf8_is_valid(data, len - cut);
  if (cut > 0 && !stream->is_bad) {
    size_t char_len;
    stream->is_bad = read_character(data + len - cut, cut, &char_len) == CHARACTER_BAD;
    memcpy(stream->tail, data + len - cut, cut);
    stream->tail_len = (uint8_t)cut;
  }
  return !stream->is_bad;
}

bool utf8_stream_is_complete(const struct utf8_stream *stream) {
  return stream->tail_len == 0 && !stream->is_bad;
}
