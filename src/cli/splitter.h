/* Bytes as messages: lines, or with --binary what a u32 big-endian length announces. LF ends a
   line, CR stays, an empty line is an empty message, a last line without LF counts. Pure. */
#ifndef CLI_SPLITTER_H
#define CLI_SPLITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct splitter {
  bool is_binary;
  uint64_t max_message;
};

enum split {
  SPLIT_FOUND,
  SPLIT_PART, /* not whole yet, or nothing is left */
  SPLIT_TOO_LONG,
  SPLIT_CUT_SHORT
};

struct piece {
  const char *data; /* within the bytes given */
  size_t len;
  size_t used; /* with its line feed or prefix */
};

/** The first message of `len` bytes. `at_end`: none will follow them. */
enum split split_first(const struct splitter *splitter, const char *data, size_t len, bool at_end,
                       struct piece *piece);
/** What is wrong, to follow "line 3 of the file". */
const char *split_error(enum split split);
/** What one message is called. */
const char *split_unit(const struct splitter *splitter);

#endif
