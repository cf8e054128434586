/*
 * bench-beast: the jobs of bench-limpet on Boost.Beast, asynchronously; and, compiled with
 * BENCH_BLOCKING, bench-beast-blocking: the same with its synchronous calls, which is faster for a
 * program that has one connection and nothing else to do while it waits.
 *
 * Messages of up to 16 KiB are read through Beast's buffered_read_stream (64 KiB), since by itself
 * it reads 1.5 KiB at a time; larger ones straight into a flat_buffer that is kept. Its write
 * buffer is 64 KiB; it has no way to gather messages, so each leaves with a system call of its own.
 * Executors are of their concrete type. UTF-8 is checked and deflate off, as is its default.
 *
 *   bench-beast [--tls CA.PEM] PORT MODE KIND SIZE COUNT     one line of JSON
 */
#include "../common.h"

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace net = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;
using net::ip::tcp;

using Socket = net::basic_stream_socket<tcp, net::io_context::executor_type>;
template <class Next> using ReadAhead = beast::buffered_read_stream<Next, beast::flat_buffer>;
using Plain = websocket::stream<ReadAhead<Socket>>;
using Tls = websocket::stream<ReadAhead<beast::ssl_stream<Socket>>>;

constexpr std::size_t buffer_len = 64 * 1024;
constexpr std::size_t read_ahead_max_len = 16 * 1024; /* of messages */

/* The end of a WebSocket stream passes through the read-ahead to what is below. */
namespace boost::beast {
template <class Next, class Buffer>
void teardown(role_type role, buffered_read_stream<Next, Buffer> &stream, error_code &error) {
  using websocket::teardown;
  teardown(role, stream.next_layer(), error);
}
template <class Next, class Buffer, class Handler>
void async_teardown(role_type role, buffered_read_stream<Next, Buffer> &stream, Handler &&handler) {
  using websocket::async_teardown;
  async_teardown(role, stream.next_layer(), std::forward<Handler>(handler));
}
} // namespace boost::beast

static void check(const error_code &error, const char *what) {
  if (!error)
    return;
  std::cerr << "bench: " << what << ": " << error.message() << "\n";
  std::exit(1);
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static SSL_SESSION *last_session; /* of the last connection, for the next one */

static int session_arrived(SSL *, SSL_SESSION *session) {
  SSL_SESSION_free(last_session);
  last_session = SSL_SESSION_dup(session);
  return 0;
}

static void tls_configure(net::ssl::context &tls, const char *ca_file) {
  tls.load_verify_file(ca_file);
  tls.set_verify_mode(net::ssl::verify_peer);
  SSL_CTX_set_session_cache_mode(tls.native_handle(),
                                 SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(tls.native_handle(), session_arrived);
}

static std::unique_ptr<Plain> stream_new(net::io_context &loop, net::ssl::context &, Plain *) {
  return std::make_unique<Plain>(loop);
}

static std::unique_ptr<Tls> stream_new(net::io_context &loop, net::ssl::context &tls, Tls *) {
  auto stream = std::make_unique<Tls>(loop, tls);
  auto &ssl = stream->next_layer().next_layer();
  ssl.set_verify_callback(net::ssl::host_name_verification("127.0.0.1"));
  if (last_session != nullptr)
    SSL_set_session(ssl.native_handle(), last_session);
  return stream;
}

static void tls_connect(Plain &) {}

static void tls_connect(Tls &stream) {
  stream.next_layer().next_layer().handshake(net::ssl::stream_base::client);
}

template <class Then> static void tls_connect_async(Plain &, Then then) {
  then(error_code());
}

template <class Then> static void tls_connect_async(Tls &stream, Then then) {
  stream.next_layer().next_layer().async_handshake(net::ssl::stream_base::client, then);
}

/* ---- a run ----------------------------------------------------------------------------------- */

template <class Stream> class Run {
public:
  explicit Run(const client_args &args) : job(args.job), path(JOB_PATH_CAP, '\0') {
    job_path(&job, path.data());
    path.resize(std::char_traits<char>::length(path.c_str()));
    text.resize(job.size);
    text_fill(text.data(), job.size, job.is_ascii);
    laps_init(&laps, &job);
    endpoint = tcp::endpoint(net::ip::address_v4::loopback(),
                             static_cast<unsigned short>(std::atoi(args.port)));
    if (args.ca_file != nullptr)
      tls_configure(tls, args.ca_file);
  }

  void run() {
#ifdef BENCH_BLOCKING
    run_blocking();
#else
    dial();
    loop.run();
#endif
    stopwatch_print(&watch);
    laps_print(&laps);
    std::printf("}\n");
  }

  void hold() {
    std::vector<std::unique_ptr<Stream>> streams;
    descriptors_reserve(job.count + 64);
    for (std::uint64_t i = 0; i < job.count; i++) {
      dial_blocking();
      streams.push_back(std::move(stream));
      if (i == 0)
        first_bytes = resident_bytes();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(SETTLE_MS));
    hold_print(&job, first_bytes);
  }

private:
  struct job job;
  std::string path, text;
  tcp::endpoint endpoint;
  net::io_context loop{1};
  net::ssl::context tls{net::ssl::context::tls_client};
  std::unique_ptr<Stream> stream;
  beast::flat_buffer buffer; /* kept, so that a warm one is not allocated again */
  struct stopwatch watch;
  struct laps laps;
  std::uint64_t done_count = 0;
  std::size_t first_bytes = 0;

  void stream_renew() {
    stream = stream_new(loop, tls, static_cast<Stream *>(nullptr));
    stream->next_layer().capacity(job.size <= read_ahead_max_len ? buffer_len : 0);
    stream->read_message_max(std::size_t{1} << 26);
    stream->auto_fragment(false);
    stream->write_buffer_bytes(buffer_len);
    stream->text(true);
  }

  Socket &socket() {
    return beast::get_lowest_layer(*stream);
  }

  void take_message() {
    if (buffer.size() != job.size)
      die("a message of another size");
    buffer.consume(buffer.size());
    done_count++;
  }

  /* ---- synchronous calls ---- */

  void dial_blocking() {
    stream_renew();
    socket().connect(endpoint);
    socket().set_option(tcp::no_delay(true));
    tls_connect(*stream);
    stream->handshake("127.0.0.1", path);
  }

  void write_blocking(const char *data, std::size_t len) {
    stream->write(net::buffer(data, len));
  }

  void pingpong_blocking() {
    while (done_count < job.count) {
      laps_begin(&laps);
      write_blocking(text.data(), text.size());
      stream->read(buffer);
      laps_end(&laps);
      take_message();
    }
  }

  void converse_blocking() {
    dial_blocking();
    stopwatch_start(&watch);
    if (job.mode == MODE_PINGPONG) {
      pingpong_blocking();
    } else if (job.mode == MODE_RECEIVE) {
      write_blocking(GO_TEXT, sizeof GO_TEXT - 1);
      while (done_count < job.count) {
        stream->read(buffer);
        take_message();
      }
    } else {
      for (; done_count < job.count; done_count++)
        write_blocking(text.data(), text.size());
      stream->read(buffer); /* the peer has read all */
    }
    stopwatch_stop(&watch);
  }

  void connect_blocking() {
    for (; done_count <= job.count; done_count++) {
      if (done_count == 1)
        stopwatch_start(&watch); /* the first one warms up, and fetches a TLS session */
      dial_blocking();
      error_code error;
      stream->close(websocket::close_code::normal, error);
    }
    stopwatch_stop(&watch);
  }

  void run_blocking() {
    if (job.mode == MODE_CONNECT)
      connect_blocking();
    else
      converse_blocking();
  }

  /* ---- asynchronous calls ---- */

  void dial() {
    stream_renew();
    socket().async_connect(endpoint, [this](error_code error) {
      check(error, "connect");
      socket().set_option(tcp::no_delay(true));
      tls_connect_async(*stream, [this](error_code tls_error) {
        check(tls_error, "TLS");
        stream->async_handshake("127.0.0.1", path, [this](error_code refusal) {
          check(refusal, "upgrade");
          on_open();
        });
      });
    });
  }

  void on_open() {
    if (job.mode == MODE_CONNECT) {
      stream->async_close(websocket::close_code::normal, [this](error_code) { on_closed(); });
      return;
    }
    stopwatch_start(&watch);
    if (job.mode == MODE_RECEIVE)
      stream->async_write(net::buffer(GO_TEXT, sizeof GO_TEXT - 1),
                          [](error_code error, std::size_t) { check(error, "write"); });
    else
      write_next();
    read_next();
  }

  void on_closed() {
    if (done_count == 0)
      stopwatch_start(&watch); /* the first one warms up, and fetches a TLS session */
    if (done_count++ == job.count)
      stopwatch_stop(&watch);
    else
      dial();
  }

  void write_next() {
    laps_begin(&laps);
    stream->async_write(net::buffer(text), [this](error_code error, std::size_t) {
      check(error, "write");
      if (job.mode == MODE_SEND && ++done_count < job.count)
        write_next();
    });
  }

  void read_next() {
    stream->async_read(buffer, [this](error_code error, std::size_t) {
      check(error, "read");
      laps_end(&laps);
      on_message();
    });
  }

  void on_message() {
    if (job.mode != MODE_SEND) {
      take_message();
      if (done_count < job.count) {
        if (job.mode == MODE_PINGPONG)
          write_next();
        read_next();
        return;
      }
    }
    stopwatch_stop(&watch);
    loop.stop();
  }
};

template <class Stream> static void run(const client_args &args) {
  Run<Stream> one(args);
  if (args.job.mode == MODE_HOLD)
    one.hold();
  else
    one.run();
}

int main(int argc, char **argv) {
  client_args args;
  client_args_read(&args, argc, argv,
                   "usage: bench-beast [--tls CA.PEM] PORT MODE KIND SIZE COUNT");
  try {
    if (args.ca_file != nullptr)
      run<Tls>(args);
    else
      run<Plain>(args);
  } catch (const std::exception &error) {
    std::cerr << "bench: " << error.what() << "\n";
    return 1;
  }
  SSL_SESSION_free(last_session);
  return 0;
}
