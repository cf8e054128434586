/* What happens, on stderr: the seeds' lines, or one JSON object a line (section 8 of the
   contract). */
#ifndef CLI_EVENTS_H
#define CLI_EVENTS_H

#include "connect_options.h"

void events_init(enum event_format format, bool is_verbose);
void events_state(limpet_state from, limpet_state to, limpet_reason reason);
void events_open(void);
void events_error(const limpet_error *error);
/** Of a run that is quiet: what ends it, whatever the format. */
void events_last_error(const limpet_error *error);
void events_retry(const limpet_retry *retry);
void events_dropped(limpet_drop drop, unsigned count);
/** With an outbox: JSON only. */
void events_fate(const limpet_fate_report *report);
/** The relay's {"type":"error"}; `id` or NULL. */
void events_refusal(const char *code, const char *message, const char *id);
void events_metrics(limpet_client *client);
/** Steps of a check: JSON only. */
void events_check_passed(const char *step, const limpet_step_report *report);
void events_check_failed(const char *step, const limpet_error *error, const char *advice);
void events_log(limpet_log_level level, const char *line);
/** What makes the run end with EXIT_USAGE: said in every format. */
void events_unusable(const char *what);
/** Why a run could not start: said in every format. */
void events_refused(limpet_result result, const char *detail);
/** Why a run gives up that the client did not give up: said in every format. */
void events_gave_up(const char *why);
/** Where the metrics are, with the real port: in every format, since nobody could know it. */
void events_listening(const char *address);
/** A link that is open cannot be used yet; it will be dropped and dialed again. */
void events_unready(const char *what);
/** A sentence for people that ends or sums up the run, in every format but json. */
void events_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Messages that were still held at the end. */
void events_undelivered(unsigned long long count);

#endif
