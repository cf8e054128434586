/*
 * The proxy's control server: faults and connections as JSON over HTTP, and a page for people.
 *
 *   GET /faults                      what is on
 *   POST /faults {"fault": TEXT}     carries out a command; answers as GET /faults
 *   PUT /faults {"faults": [TEXT]}   these and no others
 *   DELETE /faults                   clear
 *   GET /connections?limit=N         open ones, newest first, then ended ones; 100, at most 2000
 *   GET /connections/ID
 *   POST /connections/ID {"fault": TEXT}   a command for this one; answers as GET
 *   GET /, /page.js, /page.css
 *
 * It may be reached from pages of other sites in the browser of whoever uses it, so that a change
 * needs JSON's content type (which such a page cannot send unasked), and no other origin; and a
 * request under a name that is not this machine's own is refused (DNS rebinding).
 */
#ifndef CHAOS_CONTROL_H
#define CHAOS_CONTROL_H

#include "chaos.h"

struct control;

/** `is_remote`: an address that other machines reach is fine, and any name. NULL: `detail`. */
struct control *control_new(struct net_loop *loop, struct chaos *chaos, const char *address,
                            bool is_remote, char detail[CHAOS_DETAIL_CAP]);
/** "127.0.0.1:40123" */
const char *control_address(const struct control *control);
void control_free(struct control *control);

#endif
