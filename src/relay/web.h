/*
 * A folder of files for browsers, served beside the API: a page that uses the relay can come from
 * it.
 *
 * What is served: regular files of at most WEB_FILE_MAX bytes, at paths whose segments are of
 * letters, digits, '.', '_' and '-' and do not begin with a dot. So a path can neither climb out
 * nor name what an editor or a version control left there, and nothing in it needs decoding.
 * Symbolic links are not followed. A path that ends with '/' means the index.html there; nothing is
 * listed.
 */
#ifndef RELAY_WEB_H
#define RELAY_WEB_H

#include <stdbool.h>
#include <stddef.h>

#include "url.h"

/* Half of what may wait for all readers, so that one file does not push another answer out. */
#define WEB_FILE_MAX ((size_t)8 * 1024 * 1024)
#define WEB_TAG_CAP 64

enum web_result { WEB_FOUND, WEB_NOT_FOUND, WEB_TOO_BIG, WEB_NO_MEMORY };

struct web_file {
  const char *content_type;
  bool is_page;          /* HTML: a content security policy goes with it */
  char tag[WEB_TAG_CAP]; /* ETag: changes with the file */
  size_t len;
  int fd;
};

/** False: `folder` cannot be served, or has no index.html; why is in `detail`. */
bool web_check(const char *folder, char *detail, size_t detail_cap);
/** Opens the file at a request's path. FOUND: to be closed with web_close(). */
enum web_result web_open(const char *folder, struct url_slice path, struct web_file *file);
/** Its content, to be freed by free(). NULL with a result: it has shrunk meanwhile, or no memory.
 */
char *web_read(const struct web_file *file, enum web_result *result);
void web_close(const struct web_file *file);
/** Whether an If-None-Match header (or NULL) names the file as it is. */
bool web_is_known(const struct web_file *file, const char *if_none_match);

#endif
