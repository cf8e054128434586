/* What `limpet chaos` says: commands as script lines on stdout, connections on stderr. */
#ifndef CLI_CHAOS_REPORT_H
#define CLI_CHAOS_REPORT_H

#include "chaos.h"

enum chaos_report_form { CHAOS_REPORT_TEXT, CHAOS_REPORT_JSON, CHAOS_REPORT_NONE };

struct chaos_report {
  enum chaos_report_form form;
  const struct chaos *chaos; /* NULL until it runs */
};

/** Callbacks that write to `report`, which must stay. */
struct chaos_events chaos_report_events(struct chaos_report *report);
/** Where it listens, goes to and is controlled (`control` or NULL). */
void chaos_report_started(const struct chaos_report *report, const char *control);
/** The totals at the end. */
void chaos_report_totals(const struct chaos_report *report);

#endif
