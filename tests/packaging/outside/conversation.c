/* A program of somebody who has Limpet installed. Its own names are also those of the library's
   inside, and of a library inside it. */
#include <limpet/limpet.h>
#include <stdio.h>

int url_parse(void);
int session_init(void);
int llhttp_init(void);

int url_parse(void) {
  return 1;
}
int session_init(void) {
  return 2;
}
int llhttp_init(void) {
  return 3;
}

static void on_text(limpet_client *client, const char *data, size_t len, void *user) {
  (void)client, (void)user;
  printf("text %.*s\n", (int)len, data);
}

int main(int argc, char **argv) {
  char detail[LIMPET_DETAIL_CAP];
  limpet_client *client;
  limpet_options options;
  limpet_options_init(&options, sizeof options);
  options.url = argc > 1 ? argv[1] : "";
  options.confirm = LIMPET_CONFIRM_BARRIER;
  options.callbacks.on_text = on_text;
  if (limpet_new(&options, NULL, &client, detail) != LIMPET_OK) {
    puts(detail);
    return 1;
  }
  limpet_connect(client);
  limpet_send_text(client, "hello", 5, NULL, NULL);
  printf("flush %s\n", limpet_result_name(limpet_flush(client, 30000, NULL, NULL)));
  limpet_stop(client, 3000);
  printf("names %d%d%d\n", url_parse(), session_init(), llhttp_init());
  return 0;
}
