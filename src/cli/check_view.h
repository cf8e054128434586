/* What a check prints on standard output: a row for each step, with ticks and colours on a
   terminal, with words elsewhere; and the same as events, with --events json. */
#ifndef CLI_CHECK_VIEW_H
#define CLI_CHECK_VIEW_H

#include "check_advice.h"

#include <stddef.h>

/** `url`: what is checked, whole. */
void check_view_begin(const char *url);
/** A step that works. `label`: its name for people. */
void check_view_passed(enum check_step step, const char *label, const limpet_step_report *report);
/** The one that does not; nothing follows. */
void check_view_failed(enum check_step step, const char *label, const limpet_error *error);
void check_view_all_passed(void);
/** False: standard output took it not all; `errno` says why. */
bool check_view_end(void);

#endif
