/* The limit of open files, for the commands that serve many connections. */
#ifndef CLI_DESCRIPTORS_H
#define CLI_DESCRIPTORS_H

#include <stdint.h>

/** Raises it, as far as the system lets us, to twice `each` for every connection and `spare`; warns
   when there is not even `each`. */
void descriptors_raise(uint32_t max_connections, uint32_t each, uint32_t spare);

#endif
