/* What a client counts, as text for Prometheus (exposition format 0.0.4). Pure. */
#ifndef CLI_METRICS_TEXT_H
#define CLI_METRICS_TEXT_H

#include <limpet/limpet.h>

#define METRICS_TEXT_CAP ((size_t)16 * 1024)
/** The longest URL that is shown; longer ones are cut. */
#define METRICS_URL_CAP 1024

/** Writes it. `url`: whole, shown without its secrets. `buffered_bytes`: of
    limpet_buffered_amount(). Returns the length. */
size_t metrics_text_write(const limpet_snapshot *snapshot, uint64_t buffered_bytes, const char *url,
                          char text[METRICS_TEXT_CAP]);

#endif
