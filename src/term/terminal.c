/* Taking the terminal over, and giving it back. */
#include "terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define BUFFER_CAP ((size_t)64 * 1024)

/* The other screen, bracketed paste, no wrapping at the right edge; and back. */
static const char enter_sequence[] = "\033[?1049h\033[?2004h\033[?7l\033[2J";
static const char leave_sequence[] = "\033[0m\033[?7h\033[?2004l\033[?25h\033[?1049l";

static struct {
  struct termios before;
  volatile sig_atomic_t is_taken;
  bool has_handlers;
  char buffer[BUFFER_CAP];
  size_t len;
  bool is_gone;
} terminal;

bool terminal_is_usable(void) {
  const char *term = getenv("TERM");
  return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && term && *term &&
         strcmp(term, "dumb") != 0;
}

/* Only what a signal handler may call. */
static void give_back(void) {
  if (!terminal.is_taken)
    return;
  terminal.is_taken = 0;
  (void)!write(STDOUT_FILENO, leave_sequence, sizeof leave_sequence - 1);
  (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal.before);
}

static void on_crash(int number) {
  give_back();
  (void)signal(number, SIG_DFL);
  (void)raise(number);
}

/* A sanitizer's handlers are left alone: they end in exit(). */
static void guard_against_crashes(void) {
  static const int numbers[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
  struct sigaction old;
  const struct sigaction ours = {.sa_handler = on_crash};
  if (terminal.has_handlers)
    return;
  terminal.has_handlers = true;
  (void)atexit(give_back);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (sigaction(numbers[i], NULL, &old) == 0 && !(old.sa_flags & SA_SIGINFO) &&
        old.sa_handler == SIG_DFL)
      (void)sigaction(numbers[i], &ours, NULL);
}

bool terminal_enter(void) {
  struct termios raw;
  if (terminal.is_taken)
    return true;
  if (tcgetattr(STDIN_FILENO, &terminal.before) != 0)
    return false;
  raw = terminal.before;
  raw.c_iflag &= (tcflag_t) ~(BRKINT | ICRNL | INPCK | ISTRIP | IXON | INLCR | IGNCR);
  raw.c_oflag &= (tcflag_t)~OPOST;
  raw.c_cflag |= CS8;
  raw.c_lflag &= (tcflag_t) ~(ECHO | ICANON | IEXTEN | ISIG);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0)
    return false;
  guard_against_crashes();
  terminal.is_taken = 1;
  terminal_write(NULL, enter_sequence, sizeof enter_sequence - 1);
  return terminal_flush();
}

void terminal_leave(void) {
  if (terminal.is_taken)
    (void)terminal_flush();
  give_back();
}

void terminal_suspend(void) {
  terminal_leave();
  (void)kill(0, SIGTSTP); /* as the terminal itself would: whoever started us stops too */
  (void)terminal_enter();
}

void terminal_size(unsigned *rows, unsigned *columns) {
  struct winsize size;
  const bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col;
  *rows = is_known ? size.ws_row : 24;
  *columns = is_known ? size.ws_col : 80;
}

void terminal_write(void *unused, const char *bytes, size_t len) {
  (void)unused;
  while (len > 0) {
    if (terminal.len == BUFFER_CAP && !terminal_flush())
      return;
    const size_t room = BUFFER_CAP - terminal.len;
    const size_t part = len < room ? len : room;
    memcpy(terminal.buffer + terminal.len, bytes, part);
    terminal.len += part;
    bytes += part;
    len -= part;
  }
}

/* Somebody who shares the terminal may have made it non-blocking. */
static void wait_for_room(void) {
  struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
  (void)poll(&out, 1, -1);
}

bool terminal_flush(void) {
  size_t done = 0;
  while (done < terminal.len && !terminal.is_gone) {
    const ssize_t len = write(STDOUT_FILENO, terminal.buffer + done, terminal.len - done);
    if (len >= 0)
      done += (size_t)len;
    else if (errno == EAGAIN)
      wait_for_room();
    else if (errno != EINTR)
      terminal.is_gone = true;
  }
  terminal.len = 0;
  return !terminal.is_gone;
}
