/* The making of a uv_loop_t, where it may fail. */
#ifndef NET_UV_OPEN_H
#define NET_UV_OPEN_H

#include <uv.h>

/** As uv_loop_init(), which however ends the program when the first loop of a process gets no
    descriptors for its pipe of signals. 0, or an error of libuv; then there is nothing to close. */
int net_uv_open(uv_loop_t *uv);

#endif
