/* What a smaller build (cmake/Parts.cmake) cannot do: refused by name, never ignored. */
#ifndef CLIENT_OPTIONS_PARTS_H
#define CLIENT_OPTIONS_PARTS_H

#include <limpet/limpet.h>

struct url;

/** False, with a sentence in `detail`, if an option needs a part that this build lacks. */
bool options_check_parts(const limpet_options *options, char *detail);
/** Why this build cannot dial `url`, or NULL. */
const char *options_refuse_scheme(const struct url *url);

#endif
