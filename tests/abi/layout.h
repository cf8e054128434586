/* Where a header puts the members of its structs, and what its constants are. */
#ifndef ABI_LAYOUT_H
#define ABI_LAYOUT_H

#include <stddef.h>

struct layout_row {
  const char *name;
  size_t at; /* offset of a member, value of a constant, size of a struct */
  size_t size;
};

struct layout {
  const struct layout_row *structs, *members, *constants;
  size_t structs_count, members_count, constants_count;
};

extern const struct layout layout_first; /* the first header's */
extern const struct layout layout_now;   /* today's */

#endif
