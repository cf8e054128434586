/* The control page's files, which the build puts into the program. */
#ifndef CHAOS_PAGE_H
#define CHAOS_PAGE_H

#include <stddef.h>

struct page_part {
  const void *bytes;
  size_t len;
};

extern const struct page_part page_html, page_js, page_css;

#endif
