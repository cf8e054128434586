/*
 * The session's own assertion: a programmer's mistake, never the world's. Freestanding code has
 * no abort(); a build may define SESSION_BROKEN(text) to say more before it ends.
 */
#ifndef SESSION_REQUIRE_H
#define SESSION_REQUIRE_H

#ifndef SESSION_BROKEN
#define SESSION_BROKEN(text) __builtin_trap()
#endif

#ifdef NDEBUG
#define REQUIRE(condition) ((void)sizeof(condition))
#else
#define REQUIRE(condition) ((condition) ? (void)0 : SESSION_BROKEN(#condition))
#endif

#endif
