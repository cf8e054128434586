/* Where a local request leads: the far URL. Pure. */
#ifndef HOLD_TARGET_H
#define HOLD_TARGET_H

#include "url.h"

/** The far URL for a local request: the path is put behind the base's (whose last slash goes; a
   local
    "/" adds nothing to a base with a path), the query behind the base's. False: it does not fit, or
   the base is no URL. */
bool target_join(const char *base, struct url_slice path, struct url_slice query,
                 char out[URL_LEN_MAX + 1]);
/** The URL with `name` in its query set to `value`, which is percent-encoded: every member of that
   name goes, one comes at the end. False: it does not fit. */
bool target_set(const char *url, const char *name, const char *value, char out[URL_LEN_MAX + 1]);

#endif
