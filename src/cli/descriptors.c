#include "descriptors.h"

#include "cli.h"

#include <sys/resource.h>

void descriptors_raise(uint32_t max_connections, uint32_t each, uint32_t spare) {
  struct rlimit limit;
  const rlim_t least = (rlim_t)each * max_connections + spare;
  const rlim_t wanted = (rlim_t)each * max_connections + least;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
    return;
  limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < least)
    (void)complain("warning: the system allows %llu open files only, too few for %u connections",
                   (unsigned long long)limit.rlim_cur, max_connections);
}
