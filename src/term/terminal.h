/*
 * The terminal on standard input and output: taken over whole, and given back as it was on every
 * way out, also when the program crashes. One at a time.
 */
#ifndef TERM_TERMINAL_H
#define TERM_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/** Both are a terminal that understands escape sequences. */
bool terminal_is_usable(void);
/** Raw mode and the other screen. False: the terminal refuses. */
bool terminal_enter(void);
/** As it was. May be called at any time, and twice. */
void terminal_leave(void);
/** Leaves, stops the program until it is continued, and enters again. */
void terminal_suspend(void);
void terminal_size(unsigned *rows, unsigned *columns);
/** Gathers bytes; terminal_flush() writes them. */
void terminal_write(void *unused, const char *bytes, size_t len);
/** False: the terminal is gone. */
bool terminal_flush(void);

#endif
