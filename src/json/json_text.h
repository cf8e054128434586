/* JSON to text, for the parts that build it with jansson. */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <jansson.h>

/** `value` on one line, to be freed with free(); takes the reference. NULL: `value` is NULL, or
   there is no memory. */
char *json_text(json_t *value);

#endif
