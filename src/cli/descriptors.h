/* The limit of open files, for the commands that serve many connections. */
#ifndef CLI_DESCRIPTORS_H
#define CLI_DESCRIPTORS_H

#include <stdint.h>

/** Raises it, as far as the system lets us, to two for each connection and `spare`; warns when
   there is not even one for each. */
void descriptors_raise(uint32_t max_connections, uint32_t spare);

#endif
