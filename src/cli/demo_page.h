/* Where the demo's page is, if it was built. */
#ifndef CLI_DEMO_PAGE_H
#define CLI_DEMO_PAGE_H

#include <stdbool.h>

#define DEMO_PAGE_CAP 4096

/** Whether that folder has a page at all. */
bool demo_page_is_there(const char *folder);
/** Looks beside the program: in the source tree it was built in, and where it would be installed.
    False: there is none. */
bool demo_page_find(char folder[DEMO_PAGE_CAP]);

#endif
