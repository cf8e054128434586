/* The demo's bad network: a TCP proxy whose connections are really reset and really frozen. */
#ifndef CLI_DEMO_CUTTER_H
#define CLI_DEMO_CUTTER_H

#include <stdint.h>
#include <uv.h>

struct demo_cutter;

/** Forwards a port of its own on 127.0.0.1 to `to_port`. NULL: no memory or descriptors. */
struct demo_cutter *demo_cutter_new(uv_loop_t *loop, uint16_t to_port);
uint16_t demo_cutter_port(const struct demo_cutter *cutter);
/** Resets all connections: both ends see ECONNRESET. */
void demo_cutter_reset(struct demo_cutter *cutter);
/** Forwards nothing more on the present connections and keeps them open; new ones work. */
void demo_cutter_freeze(struct demo_cutter *cutter);
void demo_cutter_free(struct demo_cutter *cutter);

#endif
