/* The `limpet` program: finds the subcommand. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limpet/limpet.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct subcommand {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *summary;
} subcommands[] = {
    {"connect", connect_main, "talk to a WebSocket server through cuts: stdin out, messages in"},
    {"chat", chat_main, "join a conversation at a relay, and miss nothing of it"},
    {"serve", serve_main, "run the relay: conversations that are stored, acknowledged, replayed"},
    {"hold", hold_main, "a local server that any WebSocket program uses unchanged, through cuts"},
    {"chaos", chaos_main, "break connections on purpose: a TCP proxy for those who test"},
    {"outbox", outbox_main, "look at the messages that wait on disk"},
    {"simulate", simulate_main,
     "tell what a setting does to a fleet; try to break a session's promises"},
    {"demo", demo_main, "watch a chat survive cuts, frozen links and killed programs"},
};

#define SUBCOMMANDS_COUNT (sizeof subcommands / sizeof *subcommands)

int complain(const char *format, ...) {
  va_list arguments;
  fputs("limpet: ", stderr);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  return EXIT_USAGE;
}

static unsigned long long left_out;

/* What can be written to takes a page, which is more than a line. */
bool can_complain(void) {
  struct pollfd output = {.fd = STDERR_FILENO, .events = POLLOUT};
  const bool can = poll(&output, 1, 0) != 0;
  left_out += !can;
  return can;
}

unsigned long long take_left_out(void) {
  const unsigned long long count = left_out;
  left_out = 0;
  return count;
}

/* hold_standard_numbers() stands in for it. */
static bool is_output_closed(void) {
  return (fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

void print_address(const char *address) {
  if (is_output_closed())
    return;
  if (puts(address) < 0 || fflush(stdout) != 0)
    (void)complain("the address %s cannot be written to standard output: %s", address,
                   strerror(errno));
}

static int print_help(void) {
  puts("Usage: limpet COMMAND [OPTION]...\n\n"
       "Keeps a WebSocket conversation alive through every cut.\n\nCommands:");
  for (size_t i = 0; i < SUBCOMMANDS_COUNT; i++)
    printf("  %-9s %s\n", subcommands[i].name, subcommands[i].summary);
  puts("\n`limpet COMMAND --help` tells more.\n\n"
       "Examples:\n"
       "  limpet connect ws://127.0.0.1:8085/echo\n"
       "  printf 'a\\nb\\n' | limpet connect wss://example.com/ws\n"
       "  limpet chat --user ann --conversation lunch ws://127.0.0.1:8085\n"
       "  limpet demo");
  return EXIT_DONE;
}

static int run_subcommand(int argc, char **argv) {
  for (size_t i = 0; i < SUBCOMMANDS_COUNT; i++)
    if (strcmp(argv[1], subcommands[i].name) == 0)
      return subcommands[i].run(argc - 1, argv + 1);
  return complain("there is no command '%s'; `limpet --help` lists what there is", argv[1]);
}

/* The number of a standard stream that is closed would go to the loop's next pipe or socket, and
   what is printed would go there; libuv ends the program when it is to close such a number. Opened
   for reading only: input has ended, and output fails as it does on a closed descriptor. */
static bool hold_standard_numbers(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
      return false;
  return true;
}

/* What was printed may have waited in memory until now, or have been refused long ago. */
static int flush_output(int status) {
  if ((fflush(stdout) == 0 && !ferror(stdout)) || status != EXIT_DONE)
    return status;
  (void)complain("standard output takes no more");
  return EXIT_CRITICAL;
}

static int run(int argc, char **argv) {
  if (argc < 2) {
    print_help();
    return EXIT_USAGE;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
    return print_help();
  if (strcmp(argv[1], "--version") == 0) {
    puts("limpet " LIMPET_VERSION);
    return EXIT_DONE;
  }
  return run_subcommand(argc, argv);
}

/* The demo's relay and those who chat end with it, however it ends: it says whose children they
   are. */
static void end_with_demo(void) {
  const char *demo = getenv("LIMPET_DEMO_PID");
  if (demo && (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != strtol(demo, NULL, 10)))
    (void)raise(SIGTERM);
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  end_with_demo();
  if (!hold_standard_numbers()) {
    (void)complain("a standard stream is closed, and /dev/null does not stand in: %s",
                   strerror(errno));
    return EXIT_CRITICAL;
  }
  return flush_output(run(argc, argv));
}
