/* The program of the README: connects, says hello, and stops once the arrival is proven. */
#include <limpet/limpet.h>
#include <stdio.h>

static void on_text(limpet_client *client, const char *data, size_t len, void *user) {
  (void)client, (void)user;
  printf("received %.*s\n", (int)len, data);
}

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  (void)client, (void)user;
  printf("%s -> %s (%s)\n", limpet_state_name(from), limpet_state_name(to),
         limpet_reason_name(reason));
}

int main(int argc, char **argv) {
  char detail[LIMPET_DETAIL_CAP];
  limpet_client *client;
  limpet_options options;
  limpet_options_init(&options, sizeof options);
  options.url = argc > 1 ? argv[1] : "ws://127.0.0.1:8085/echo";
  options.callbacks.on_text = on_text;
  options.callbacks.on_state = on_state;
  options.confirm = LIMPET_CONFIRM_BARRIER; /* keep each message until its arrival is proven */
  if (limpet_new(&options, NULL, &client, detail) != LIMPET_OK) { /* NULL: a thread of its own */
    fprintf(stderr, "%s\n", detail);
    return 1;
  }
  limpet_connect(client);
  limpet_send_text(client, "hello", 5, NULL,
                   NULL); /* from any thread; waits for the link if it must */
  const limpet_result result = limpet_flush(client, 10000, NULL, NULL); /* until it is confirmed */
  if (result != LIMPET_OK)
    fprintf(stderr, "not delivered: %s\n", limpet_result_text(result));
  limpet_stop(client, 1000);
  return result == LIMPET_OK ? 0 : 1;
}
