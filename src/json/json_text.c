#include "json_text.h"

#include <stdlib.h>

/* json_dumps() leaves a key out when memory runs out just there; this asks for none in the midst.
 */
static char *write_down(const json_t *value) {
  const size_t size = json_dumpb(value, NULL, 0, JSON_COMPACT);
  char *text = size ? malloc(size + 1) : NULL;
  if (!text)
    return NULL;
  if (json_dumpb(value, text, size, JSON_COMPACT) != size) {
    free(text);
    return NULL;
  }
  text[size] = '\0';
  return text;
}

char *json_text(json_t *value) {
  char *text = value ? write_down(value) : NULL;
  json_decref(value);
  return text;
}
