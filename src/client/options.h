/* Defaults, presets and ranges of limpet_options. */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include "backoff.h"

#include <limpet/limpet.h>

/** False, with a sentence in `detail` (LIMPET_DETAIL_CAP), if `size` was not set, or if a newer
   program has set what this library does not know. Before options_adopt(). */
bool options_check_size(const limpet_options *given, char *detail);
/** Copies what the program's struct has over today's defaults: an older program knows fewer. */
void options_adopt(limpet_options *full, const limpet_options *given);
/** False, with a sentence in `detail` (LIMPET_DETAIL_CAP), if anything is out of range. */
bool options_check(const limpet_options *options, char *detail);
bool options_check_url(const char *url, char *detail);
bool options_check_headers(const char *const *headers, char *detail);
void options_backoff(const limpet_options *options, struct backoff_config *backoff);

#endif
