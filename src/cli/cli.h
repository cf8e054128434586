/* What the subcommands share: exit statuses and the way to complain. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>

enum exit_status {
  EXIT_DONE = 0,     /* done, and all delivered */
  EXIT_USAGE = 1,    /* usage or unusable input */
  EXIT_GAVE_UP = 2,  /* the retries are used up */
  EXIT_CRITICAL = 3, /* retrying cannot cure it */
  EXIT_DROPPED = 4,  /* ended, but messages were dropped */
  EXIT_SIGNAL = 128  /* plus the signal's number */
};

/** "limpet: ..." on stderr. Returns EXIT_USAGE. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Whether a line can go to stderr now: not while nobody reads there. Then it is left out. */
bool can_complain(void);
/** How many lines were left out since the last call. */
unsigned long long take_left_out(void);
/** The first line of standard output, at once. Where that takes none it is complained of; one that
    was closed from the start is nobody's. */
void print_address(const char *address);

int chaos_main(int argc, char **argv);
int chat_main(int argc, char **argv);
int connect_main(int argc, char **argv);
int demo_main(int argc, char **argv);
int hold_main(int argc, char **argv);
int serve_main(int argc, char **argv);
int outbox_main(int argc, char **argv);
int simulate_main(int argc, char **argv);

#endif
