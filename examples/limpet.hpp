/*
 * The client as a C++17 class, one header to copy: made by a constructor, stopped by a destructor,
 * moved but not copied, with std::function for callbacks.
 *
 * The client has a thread of its own. Callbacks run there, one at a time; every member may be
 * called from any thread, callbacks included, but a Client must not be destroyed inside one of its
 * own callbacks. Only constructors throw. What a callback throws ends the program, since C code
 * lies in between.
 */
#ifndef LIMPET_HPP
#define LIMPET_HPP

#include <limpet/limpet.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace limpet {

/** Why a client could not be made. */
class Error : public std::runtime_error {
public:
  Error(limpet_result result, const std::string &detail)
      : std::runtime_error(detail), result_(result) {}
  limpet_result result() const noexcept {
    return result_;
  }

private:
  limpet_result result_;
};

/** What a client tells; leave empty what you do not need. Views are valid until the call returns.
 */
struct Callbacks {
  std::function<void(std::string_view text)> text;
  std::function<void(std::string_view bytes)> binary;
  std::function<void()> open; /**< a link is open: subscribe, log in */
  std::function<void(limpet_state from, limpet_state to, limpet_reason reason)> state;
  std::function<void(const limpet_error &error)> error;
  std::function<void(const limpet_fate_report &report)> fate;
};

/** Default options for an address, to be changed as needed. The text of `url` must outlive the call
   of the constructor that they are given to. */
inline limpet_options options(const char *url) noexcept {
  limpet_options made;
  limpet_options_init(&made, sizeof made);
  made.url = url;
  return made;
}

class Client {
public:
  /** Makes a client and connects it. The callbacks and `user` of `wanted` are not used. Throws
     Error (the options, or what the system refused) and std::bad_alloc. */
  Client(limpet_options wanted, Callbacks callbacks, uint32_t close_ms = 1000)
      : callbacks_(std::make_unique<Callbacks>(std::move(callbacks))),
        client_(nullptr, Stop{close_ms}) {
    char detail[LIMPET_DETAIL_CAP] = "";
    limpet_client *made = nullptr;
    wanted.user = callbacks_.get();
    wanted.callbacks = trampolines(*callbacks_);
    const limpet_result result = limpet_new(&wanted, nullptr, &made, detail);
    if (result != LIMPET_OK)
      throw Error(result, detail);
    client_.reset(made);
    limpet_connect(made);
  }

  /** After a move from it a Client may only be destroyed or assigned to. */
  Client(Client &&) noexcept = default;
  Client &operator=(Client &&other) noexcept {
    client_ = std::move(other.client_); /* stops ours first, while its callbacks live */
    callbacks_ = std::move(other.callbacks_);
    return *this;
  }
  ~Client() = default; /* members go in reverse order: the client, then its callbacks */

  /** As limpet_send_text(); `id` or nullptr receives the number that fates are told by. */
  limpet_result send(std::string_view text, const limpet_send_options *how = nullptr,
                     uint64_t *id = nullptr) noexcept {
    return limpet_send_text(get(), text.data(), text.size(), how, id);
  }
  limpet_result send_binary(std::string_view bytes, const limpet_send_options *how = nullptr,
                            uint64_t *id = nullptr) noexcept {
    return limpet_send_binary(get(), bytes.data(), bytes.size(), how, id);
  }
  /** Waits until all is out or confirmed; not inside a callback. */
  limpet_result flush(uint32_t deadline_ms) noexcept {
    return limpet_flush(get(), deadline_ms, nullptr, nullptr);
  }
  limpet_result connect() noexcept {
    return limpet_connect(get());
  }
  limpet_result disconnect() noexcept {
    return limpet_disconnect(get());
  }

  limpet_snapshot snapshot() const noexcept {
    limpet_snapshot picture;
    limpet_get_snapshot(get(), &picture, sizeof picture);
    return picture;
  }
  limpet_state state() const noexcept {
    return snapshot().state;
  }
  std::string status(bool emoji = false) const {
    char text[160];
    limpet_status_text(get(), emoji, text, sizeof text);
    return text;
  }

  /** For everything else of limpet.h; still owned by this object. */
  limpet_client *get() const noexcept {
    return client_.get();
  }

private:
  struct Stop {
    uint32_t close_ms;
    void operator()(limpet_client *client) const noexcept {
      limpet_stop(client, close_ms);
    }
  };

  static Callbacks &of(void *user) noexcept {
    return *static_cast<Callbacks *>(user);
  }

  /* Only what is wanted: a client that reports fates does more for each message. */
  static limpet_callbacks trampolines(const Callbacks &c) noexcept {
    limpet_callbacks all{};
    if (c.text)
      all.on_text = [](limpet_client *, const char *data, size_t len, void *user) noexcept {
        of(user).text({data, len});
      };
    if (c.binary)
      all.on_binary = [](limpet_client *, const void *data, size_t len, void *user) noexcept {
        of(user).binary({static_cast<const char *>(data), len});
      };
    if (c.open)
      all.on_open = [](limpet_client *, void *user) noexcept { of(user).open(); };
    if (c.state)
      all.on_state = [](limpet_client *, limpet_state from, limpet_state to, limpet_reason reason,
                        void *user) noexcept { of(user).state(from, to, reason); };
    if (c.error)
      all.on_error = [](limpet_client *, const limpet_error *error, void *user) noexcept {
        of(user).error(*error);
      };
    if (c.fate)
      all.on_fate = [](limpet_client *, const limpet_fate_report *report, void *user) noexcept {
        of(user).fate(*report);
      };
    return all;
  }

  std::unique_ptr<Callbacks>
      callbacks_; /* where the client points to, wherever this object moves */
  std::unique_ptr<limpet_client, Stop> client_;
};

} // namespace limpet

#endif
