/* What is known of a proxy, as JSON: for the control server and for events. NULL: no memory. */
#ifndef CHAOS_DESCRIBE_H
#define CHAOS_DESCRIBE_H

#include "chaos.h"
#include "plan.h"

#include <jansson.h>

/** One connection: {"id","peer","phase","opened_ms","age_ms","up_bytes","down_bytes","frozen",
    "faults","result"}. */
json_t *describe_connection(const struct chaos_connection *connection, uint64_t now_ms);
/** {"now_ms","listen","to","seed","faults":[...]} */
json_t *describe_faults(const struct chaos *chaos);
/** {"now_ms","open","accepted","refused","up_bytes","down_bytes","connections":[...]}, at most
    `limit` connections. */
json_t *describe_connections(const struct chaos *chaos, size_t limit);

#endif
