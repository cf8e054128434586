/* The decoder's insides. Only decoder.h includes this, and only decoder.c and the glance there may
   touch the members. */
#ifndef WIRE_DECODER_STATE_H
#define WIRE_DECODER_STATE_H

enum decoder_phase {
  DECODER_BETWEEN, /* before the first byte of a message or of a control frame outside one */
  DECODER_HEADER,  /* in a header, or before one inside a fragmented message */
  DECODER_CONTROL, /* in the payload of a control frame */
  DECODER_DATA,    /* in the payload of a plain data frame */
  DECODER_INFLATE, /* in the payload of a compressed one, or inflating what is left of it */
  DECODER_CLOSED,  /* after a close frame: all else is ignored */
  DECODER_FAILED
};

struct decoder {
  uint8_t step;   /* enum decoder_phase */
  uint8_t opcode; /* of the message under way; 0: none */
  uint8_t first;  /* first byte of the present frame */
  bool expect_masked;
  bool is_compressed;      /* the message under way */
  uint8_t key_offset;      /* where in the key the next payload byte stands */
  uint8_t small_len;       /* bytes in `small` */
  uint8_t key[4];          /* of the present frame, if masked */
  uint16_t close_code;     /* of the error */
  uint32_t glance_end;     /* a glance takes payloads shorter than this; 0: none */
  struct utf8_stream utf8; /* of the gathered part of a text */
  uint64_t remaining;      /* payload bytes of the present frame that have not come */
  uint64_t max_message;
  struct inflater *inflater;
  uint8_t *room; /* lent; its first `held` bytes are of the message under way */
  size_t room_cap, held;
  const char *detail;               /* of the error */
  uint8_t small[FRAME_CONTROL_MAX]; /* a header in pieces, then a control payload in pieces */
};

#endif
