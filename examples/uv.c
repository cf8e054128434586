/*
 * A program on libuv: the client lives on its loop, beside its own timers and signals. Says the
 * time every so often and prints what arrives.
 *
 *     limpet serve &
 *     example-uv ws://127.0.0.1:8085/echo 1000
 *
 * SIGINT or SIGTERM ends it.
 */
#include <limpet/limpet.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define CLOSE_MS 1000

struct program {
  limpet_client *client; /* NULL: stopped */
  uv_timer_t timer;
  uv_signal_t interrupt, terminate;
  unsigned ticks_count;
};

static void on_text(limpet_client *client, const char *data, size_t len, void *user) {
  (void)client, (void)user;
  printf("received %.*s\n", (int)len, data);
}

static void on_error(limpet_client *client, const limpet_error *error, void *user) {
  (void)client, (void)user;
  fprintf(stderr, "%s: %s\n", error->message, error->detail);
}

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  (void)from, (void)reason, (void)user;
  char text[160];
  (void)to;
  limpet_status_text(client, false, text, sizeof text);
  printf("%s\n", text);
}

/* A tick that could not leave is worth nothing when the next one comes: the key lets the newer take
   its place in the queue. */
static void on_timer(uv_timer_t *timer) {
  struct program *program = timer->data;
  const limpet_send_options how = {.replace_key = "tick"};
  char text[32];
  const int len = snprintf(text, sizeof text, "tick %u", ++program->ticks_count);
  const limpet_result result = limpet_send_text(program->client, text, (size_t)len, &how, NULL);
  if (result != LIMPET_OK)
    fprintf(stderr, "not sent: %s\n", limpet_result_text(result));
}

/* The loop ends by itself when the client has closed its link: nothing else is left on it. */
static void on_signal(uv_signal_t *signal, int number) {
  struct program *program = signal->data;
  (void)number;
  if (!program->client)
    return;
  limpet_stop(program->client, CLOSE_MS);
  program->client = NULL;
  uv_close((uv_handle_t *)&program->timer, NULL);
  uv_close((uv_handle_t *)&program->interrupt, NULL);
  uv_close((uv_handle_t *)&program->terminate, NULL);
}

static void start_handles(struct program *program, uv_loop_t *loop, uint64_t interval_ms) {
  uv_timer_init(loop, &program->timer);
  uv_signal_init(loop, &program->interrupt);
  uv_signal_init(loop, &program->terminate);
  program->timer.data = program->interrupt.data = program->terminate.data = program;
  uv_timer_start(&program->timer, on_timer, interval_ms, interval_ms);
  uv_signal_start(&program->interrupt, on_signal, SIGINT);
  uv_signal_start(&program->terminate, on_signal, SIGTERM);
}

int main(int argc, char **argv) {
  char detail[LIMPET_DETAIL_CAP];
  const int interval_ms = argc > 2 ? atoi(argv[2]) : 1000;
  struct program program = {.ticks_count = 0};
  limpet_options options;
  uv_loop_t loop;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (interval_ms < 1 || uv_loop_init(&loop) != 0) {
    fprintf(stderr, "usage: %s [URL [INTERVAL_MS]]\n", argv[0]);
    return 1;
  }
  limpet_options_init(&options, sizeof options);
  options.url = argc > 1 ? argv[1] : "ws://127.0.0.1:8085/echo";
  options.callbacks.on_text = on_text;
  options.callbacks.on_error = on_error;
  options.callbacks.on_state = on_state;
  options.max_retries = LIMPET_RETRY_FOREVER;
  if (limpet_new(&options, &loop, &program.client, detail) != LIMPET_OK) {
    fprintf(stderr, "%s\n", detail);
    uv_loop_close(&loop);
    return 1;
  }
  start_handles(&program, &loop, (uint64_t)interval_ms);
  limpet_connect(program.client);
  uv_run(&loop, UV_RUN_DEFAULT);
  return uv_loop_close(&loop) == 0 ? 0 : 1;
}
