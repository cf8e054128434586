/* A listening TCP or Unix socket; hands out accepted sockets, non-blocking and close-on-exec. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "loop.h"

struct listener;

/** `address`: "127.0.0.1:8085", "[::1]:0", "unix:/path". NULL: `detail` says why. */
struct listener *listener_new(struct net_loop *loop, const char *address,
                              void (*accepted)(void *user, uv_os_sock_t fd), void *user,
                              char *detail, size_t detail_cap);
/** The address in use, with the real port, as "127.0.0.1:40123". */
const char *listener_address(const struct listener *listener);
uint16_t listener_port(const struct listener *listener);
/** Refuses from now on: who waits is reset, who comes gets ECONNREFUSED; the address stays ours. */
void listener_pause(struct listener *listener);
/** Takes connections again. 0, or the error: somebody else has the address now, or the system has
    no descriptors; it stays paused. */
int listener_resume(struct listener *listener);
void listener_free(struct listener *listener);

#endif
