// Threads that share one client in C++: each sends what it has whenever it likes, callbacks come on
// the client's own thread. Uses limpet.hpp, a header to copy.
//
//     limpet serve &
//     example-thread ws://127.0.0.1:8085/echo 100
//
// Each worker sends so many messages (default: on and on). SIGINT or SIGTERM ends it, and so does
// the last message, once all are proven to have arrived.
#include "limpet.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

constexpr unsigned workers_count = 3;
constexpr uint32_t flush_ms = 30000;
constexpr std::chrono::milliseconds pause{10};
constexpr uint64_t waiting_max = 16384; // bytes; as messages they are fewer than ...
constexpr uint32_t queue_limit = 1000;  // ... what is kept while the link is down

// Waits while much waits already: a full queue takes every message, and drops its oldest.
bool is_sent(limpet::Client &client, const std::string &text) {
  return limpet_buffered_amount(client.get()) < waiting_max &&
         client.send(text) != LIMPET_QUEUE_OVERFLOW;
}

void work(limpet::Client &client, unsigned number, unsigned long messages,
          const std::atomic<bool> &is_over) {
  for (unsigned long i = 1; i <= messages && !is_over; i++) {
    const std::string text = "worker " + std::to_string(number) + " message " + std::to_string(i);
    while (!is_sent(client, text) && !is_over)
      std::this_thread::sleep_for(pause);
    std::this_thread::sleep_for(pause);
  }
}

limpet::Callbacks make_callbacks() {
  limpet::Callbacks callbacks;
  callbacks.text = [](std::string_view text) {
    std::printf("received %.*s\n", static_cast<int>(text.size()), text.data());
  };
  callbacks.state = [](limpet_state, limpet_state to, limpet_reason reason) {
    std::printf("%s (%s)\n", limpet_state_name(to), limpet_reason_name(reason));
  };
  callbacks.error = [](const limpet_error &error) {
    std::fprintf(stderr, "%s: %s\n", error.message, error.detail);
  };
  return callbacks;
}

// The signals are blocked in every thread and fetched here.
void wait_for_signals(const sigset_t &signals, std::atomic<bool> &is_over,
                      const std::atomic<unsigned> &working) {
  const timespec look{0, 50 * 1000 * 1000};
  while (!is_over && working > 0)
    if (sigtimedwait(&signals, nullptr, &look) > 0)
      is_over = true;
}

int run(const char *url, unsigned long messages, const sigset_t &signals) {
  std::atomic<bool> is_over{false};
  std::atomic<unsigned> working{workers_count};
  limpet_options options = limpet::options(url);
  options.confirm = LIMPET_CONFIRM_BARRIER; // kept until they are proven to have arrived
  options.max_retries = LIMPET_RETRY_FOREVER;
  options.queue_limit = queue_limit;
  limpet::Client client(options, make_callbacks());
  std::vector<std::thread> workers;
  for (unsigned number = 1; number <= workers_count; number++)
    workers.emplace_back([&, number] {
      work(client, number, messages, is_over);
      working--;
    });
  wait_for_signals(signals, is_over, working);
  for (std::thread &worker : workers)
    worker.join();
  const limpet_result result = client.flush(is_over ? 1000 : flush_ms);
  std::printf("flushed: %s\n", limpet_result_name(result));
  return result == LIMPET_OK ? 0 : 1;
}

} // namespace

int main(int argc, char **argv) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr); // before the first thread is made
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    return run(argc > 1 ? argv[1] : "ws://127.0.0.1:8085/echo",
               argc > 2 ? std::strtoul(argv[2], nullptr, 10) : ~0UL, signals);
  } catch (const std::exception &error) { // limpet::Error, and what threads and memory throw
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
