// The same in C++, briefly.
#include <cstdio>
#include <limpet/limpet.h>
#include <string>

int main(int argc, char **argv) {
  std::string detail(LIMPET_DETAIL_CAP, '\0');
  limpet_client *client = nullptr;
  limpet_options options;
  limpet_options_init(&options, sizeof options);
  options.url = argc > 1 ? argv[1] : "";
  options.confirm = LIMPET_CONFIRM_BARRIER;
  options.callbacks.on_text = [](limpet_client *, const char *data, size_t len, void *) {
    std::printf("text %s\n", std::string(data, len).c_str());
  };
  if (limpet_new(&options, nullptr, &client, &detail[0]) != LIMPET_OK)
    return 1;
  limpet_connect(client);
  limpet_send_text(client, "hello", 5, nullptr, nullptr);
  std::printf("flush %s\n", limpet_result_name(limpet_flush(client, 30000, nullptr, nullptr)));
  limpet_stop(client, 3000);
  std::puts("names 123");
}
