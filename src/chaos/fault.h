/*
 * Faults as text and as values. One line of text is a command: it turns a fault on, or acts once.
 * The same grammar stands on the command line, in scripts and in the control server's JSON:
 *
 *   refuse                                  new connections are refused
 *   reset [after TIME]                      open connections are reset: now, or at this age
 *   close [after TIME]                      the same with an orderly end
 *   freeze [DIR]                            nothing passes, connections stay
 *   delay [DIR] TIME [jitter TIME]          bytes come later, by TIME +- jitter
 *   throttle [DIR] SIZE                     bytes a second
 *   truncate [DIR] SIZE [then ENDING]       the stream ends behind its first SIZE bytes
 *   cut [DIR] [frame N] [then ENDING]       it ends inside the N-th WebSocket frame from now
 *   corrupt [DIR] [at N]                    one byte is inverted: the next, or the one at offset N
 *   slow-loris [DIR] TIME                   one byte each TIME
 *   flap TIME TIME                          up, then down (connections reset, new ones refused)
 *   clear [KIND]                            turns off all faults, or those of one kind
 *
 *   DIR     up (from client to target), down, both (the default)
 *   ENDING  close (the default), reset, freeze
 *   TIME    500ms, 1.5s, 2m, 1h             SIZE  1000, 64k, 2M, 64Ki, 1Mi
 *
 * Any but clear may end in "for N%": a part of the connections, chosen by seed.
 * Pure: no clock, no I/O, no allocation.
 */
#ifndef CHAOS_FAULT_H
#define CHAOS_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULT_TEXT_CAP 128
#define FAULT_ERROR_CAP 256
#define FAULT_TIME_MAX_MS ((uint64_t)7 * 24 * 3600 * 1000)
#define FAULT_SIZE_MAX ((uint64_t)1 << 50)

enum fault_kind {
  FAULT_REFUSE,
  FAULT_RESET,
  FAULT_CLOSE,
  FAULT_FREEZE,
  FAULT_DELAY,
  FAULT_THROTTLE,
  FAULT_TRUNCATE,
  FAULT_CUT,
  FAULT_CORRUPT,
  FAULT_SLOW_LORIS,
  FAULT_FLAP,
  FAULT_KINDS_COUNT
};

enum fault_direction { FAULT_UP = 1, FAULT_DOWN = 2, FAULT_BOTH = 3 };

enum fault_ending { FAULT_THEN_CLOSE, FAULT_THEN_RESET, FAULT_THEN_FREEZE };

struct fault {
  enum fault_kind kind;
  enum fault_direction directions;
  enum fault_ending ending;
  uint32_t percent;  /* of connections, 1-100 */
  uint64_t time_ms;  /* delay, age, time for each byte, time up */
  uint64_t other_ms; /* jitter, time down */
  uint64_t amount;   /* bytes a second, bytes, frame number, offset */
  bool has_amount;   /* `corrupt`: at that offset, not the next byte */
};

enum command_kind {
  COMMAND_ADD, /* turns `fault` on */
  COMMAND_ACT, /* RESET or CLOSE of what is open now */
  COMMAND_CLEAR,
  COMMAND_CLEAR_KIND /* of fault.kind */
};

struct command {
  enum command_kind kind;
  struct fault fault;
};

/** Reads a command. False: `error` is a sentence that names the word. */
bool command_parse(const char *text, size_t len, struct command *command,
                   char error[FAULT_ERROR_CAP]);
/** The command's text, which command_parse() reads back as the same. */
void command_print(const struct command *command, char text[FAULT_TEXT_CAP]);
void fault_print(const struct fault *fault, char text[FAULT_TEXT_CAP]);
const char *fault_kind_name(enum fault_kind kind);

/** "500ms", "1.5s", "2m", "1h", up to FAULT_TIME_MAX_MS. */
bool fault_parse_time(const char *word, uint64_t *ms);
/** The shortest of these forms. */
void fault_print_time(uint64_t ms, char text[24]);

#endif
