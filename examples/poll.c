/*
 * A program with a poll() loop of its own: lines of standard input go out, what arrives is printed.
 * For whoever already has a loop, on poll(), epoll, select() or once a frame.
 *
 *     limpet serve &
 *     example-poll ws://127.0.0.1:8085/echo
 *
 * Ends with the input, once all of it is proven to have arrived, or with SIGINT or SIGTERM.
 */
#define _GNU_SOURCE /* ppoll: a signal between two looks must not be missed */
#include <limpet/limpet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_CAP 4096
#define QUEUE_LIMIT 16384 /* more than one read() can make of it */
#define FLUSH_MS 30000
#define CLOSE_MS 1000

static volatile sig_atomic_t is_over;

struct input {
  char line[LINE_CAP];
  size_t len;
  bool has_ended;
};

static void on_signal(int number) {
  (void)number;
  is_over = 1;
}

static void on_text(limpet_client *client, const char *data, size_t len, void *user) {
  (void)client, (void)user;
  printf("received %.*s\n", (int)len, data);
}

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  (void)client, (void)from, (void)user;
  printf("%s (%s)\n", limpet_state_name(to), limpet_reason_name(reason));
  if (to == LIMPET_ERROR) /* cannot be cured by trying again */
    is_over = 1;
}

/* Input is left where it is while much waits for the link: a full queue drops its oldest message.
 */
static bool has_room(limpet_client *client) {
  limpet_snapshot now;
  limpet_get_snapshot(client, &now, sizeof now);
  return now.metrics.queued_messages < QUEUE_LIMIT - LINE_CAP &&
         now.metrics.queued_bytes < QUEUE_LIMIT;
}

static void on_flushed(limpet_client *client, limpet_result result, void *user) {
  (void)client, (void)user;
  printf("flushed: %s\n", limpet_result_name(result));
  is_over = 1;
}

static void send_line(limpet_client *client, const char *line, size_t len) {
  const limpet_result result = limpet_send_text(client, line, len, NULL, NULL);
  if (result != LIMPET_OK)
    fprintf(stderr, "not sent: %s\n", limpet_result_text(result));
}

/* Where a full buffer may be cut: before the last character of UTF-8, which may not be whole. */
static size_t find_cut(const char *text, size_t len) {
  size_t cut = len - 1;
  while (cut > 0 && len - cut < 4 && (text[cut] & 0xC0) == 0x80)
    cut--;
  return cut;
}

static void take_from_front(struct input *in, limpet_client *client, size_t len, size_t used) {
  send_line(client, in->line, len);
  in->len -= used;
  memmove(in->line, in->line + used, in->len);
}

/* Whole lines, and one that is longer than the buffer in pieces. */
static void read_input(struct input *in, limpet_client *client) {
  const ssize_t n = read(STDIN_FILENO, in->line + in->len, sizeof in->line - in->len);
  in->has_ended = n <= 0;
  in->len += n > 0 ? (size_t)n : 0;
  for (char *end; (end = memchr(in->line, '\n', in->len));) {
    const size_t len = (size_t)(end - in->line);
    take_from_front(in, client, len, len + 1);
  }
  if (in->len == sizeof in->line) {
    const size_t len = find_cut(in->line, in->len);
    take_from_front(in, client, len, len);
  }
  if (in->has_ended && in->len > 0)
    take_from_front(in, client, in->len, in->len);
  if (in->has_ended)
    limpet_flush(client, FLUSH_MS, on_flushed, NULL);
}

/* The program's one place to sleep. Returns what woke it. */
static int sleep_on(limpet_pump *pump, struct pollfd fds[2], const sigset_t *mask) {
  const int timeout_ms = limpet_pump_timeout_ms(pump);
  const struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
  return ppoll(fds, 2, timeout_ms < 0 ? NULL : &timeout, mask);
}

int main(int argc, char **argv) {
  char detail[LIMPET_DETAIL_CAP];
  struct input in = {.len = 0};
  limpet_pump *pump;
  limpet_client *client;
  limpet_options options;
  sigset_t ours, mask;
  sigemptyset(&ours);
  sigaddset(&ours, SIGINT);
  sigaddset(&ours, SIGTERM);
  sigprocmask(SIG_BLOCK, &ours, &mask); /* they come inside ppoll() only */
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  setvbuf(stdout, NULL, _IOLBF, 0);
  limpet_options_init(&options, sizeof options);
  options.url = argc > 1 ? argv[1] : "ws://127.0.0.1:8085/echo";
  options.callbacks.on_text = on_text;
  options.callbacks.on_state = on_state;
  options.confirm = LIMPET_CONFIRM_BARRIER;
  options.max_retries = LIMPET_RETRY_FOREVER;
  options.queue_limit = QUEUE_LIMIT;
  const limpet_result made = limpet_pump_new(NULL, &pump);
  if (made != LIMPET_OK) {
    fprintf(stderr, "%s\n", limpet_result_text(made));
    return 1;
  }
  if (limpet_new(&options, limpet_pump_loop(pump), &client, detail) != LIMPET_OK) {
    fprintf(stderr, "%s\n", detail);
    limpet_pump_free(pump);
    return 1;
  }
  limpet_connect(client);
  struct pollfd fds[] = {{limpet_pump_fd(pump), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  while (!is_over) {
    fds[1].fd = in.has_ended || !has_room(client) ? -1 : STDIN_FILENO; /* -1: left out */
    if (sleep_on(pump, fds, &mask) > 0 && fds[1].revents)
      read_input(&in, client);
    limpet_pump_run(pump);
  }
  limpet_stop(client, CLOSE_MS);
  fds[1].fd = -1;
  while (limpet_pump_free(pump) == LIMPET_IN_USE) {
    sleep_on(pump, fds, &ours);
    limpet_pump_run(pump);
  }
  return 0;
}
