/* Compiled twice: with the first header as LAYOUT_NAME layout_first, with today's as layout_now. */
#include "layout.h"

#include "contents.h"

#include <limpet/limpet.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

#define STRUCT_ROW(type) {#type, sizeof(type), sizeof(type)},
#define MEMBER_ROW(type, member)                                                                   \
  {#type "." #member, offsetof(type, member), sizeof(((type *)0)->member)},
#define CONSTANT_ROW(name) {#name, (size_t)(name), 0},

static const struct layout_row structs[] = {ABI_STRUCTS(STRUCT_ROW)};
static const struct layout_row members[] = {ABI_MEMBERS(MEMBER_ROW)};
static const struct layout_row constants[] = {ABI_CONSTANTS(CONSTANT_ROW)};

const struct layout LAYOUT_NAME = {
    structs, members, constants, COUNT(structs), COUNT(members), COUNT(constants),
};
