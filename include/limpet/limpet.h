/**
 * @mainpage Limpet
 *
 * Limpet: a WebSocket client that outlives its sockets.
 *
 * A client is one conversation with a service. It dials, notices a dead link by
 * its heartbeat, waits, dials again, and keeps the messages that it promised to
 * keep. States, reasons and promises are described in docs/states.md and in the
 * comments below.
 *
 * @par Conventions
 * - **NULL**: Pointers must not be NULL unless the comment says "or NULL".
 * - **Strings**: UTF-8, NUL-terminated unless a length is given. The library copies
 *   what it keeps; what a callback is given is valid until it returns.
 * - **Ownership**: limpet_new() makes a client, limpet_stop() ends and frees it.
 * - **Threads**: A client belongs to one loop thread: the thread that runs the
 *   caller's uv_loop_t or pump, or a thread of the client's own. Callbacks run on
 *   it, never under a lock, and may call every function here. Functions
 *   marked [any thread] may be called from anywhere; all others, where
 *   the client runs on the caller's loop, on the loop thread only; a
 *   client with its own thread accepts every call from any thread.
 * - **Time**: Durations are milliseconds (`_ms`); moments (`_at_ms`) count on the
 *   monotonic clock of limpet_now_ms(). #LIMPET_NEVER means no moment.
 * - **Errors**: Calls return a #limpet_result, 0 is success. Why a link ended is a
 *   #limpet_error_kind; what travels in a close frame is a close code
 *   (RFC 6455, section 7.4). The three are never mixed.
 * - **Growth**: A program runs with every later library of the same soname, without being
 *   compiled again. New members come at the end of #limpet_options and of #limpet_metrics, whose
 *   sizes a program hands over, and of the structs that only callbacks are given. Nothing else
 *   grows: #limpet_callbacks, #limpet_allocator and #limpet_send_options stay as they are; a new
 *   callback is a member of #limpet_options. New constants come at the end of their enum.
 *
 * @par Groups
 * @ref basics, @ref results, @ref words, @ref reports, @ref options, @ref life, @ref sending,
 * @ref receiving, @ref hints, @ref pump.
 *
 * @par A whole program
 * It connects, says hello, and stops once the arrival is proven. The other
 * [examples](examples.html) are whole programs too.
 * @include hello.c
 */

/**
 * @file
 * The public face of the library. Its conventions are on the main page, at the head of this file.
 */
#ifndef LIMPET_LIMPET_H
#define LIMPET_LIMPET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Marks what the shared library exports. */
#if defined(_WIN32) || !defined(__GNUC__)
#define LIMPET_API
#else
#define LIMPET_API __attribute__((visibility("default")))
#endif

/** @defgroup basics Basics
    The version, the numbers that stand for "never", and the client itself.
    @{ */

/** The version of this header, "MAJOR.MINOR.PATCH". */
#define LIMPET_VERSION "0.1.0"

/** No such moment: a deadline that never comes. */
#define LIMPET_NEVER UINT64_MAX
/** For max_retries: never give up. */
#define LIMPET_RETRY_FOREVER UINT32_MAX
/** Longest detail of an error, with its NUL. Longer ones are cut at a character. */
#define LIMPET_DETAIL_CAP 256

/** One conversation with a service; it outlives many sockets. Made by limpet_new(), ended and freed
    by limpet_stop(). What is inside is nobody's business. */
typedef struct limpet_client limpet_client;
struct uv_loop_s; /* libuv's; a program without a loop of its own needs no header of it */
/* ---- results ------------------------------------------------------------------ */
/** @} */
/** @defgroup results Results
    What calls answer.
    @{ */

/** What a call answers. */
typedef enum limpet_result {
  LIMPET_OK = 0,           /**< done, or accepted */
  LIMPET_INVALID_ARGUMENT, /**< an argument or option is out of range */
  LIMPET_NOT_CONNECTED,    /**< promise "now" without an open link, or a send while disconnecting */
  LIMPET_QUEUE_OVERFLOW,   /**< the message alone is larger than the queue may hold, or other
                                threads handed in more than the loop could take: try again later */
  LIMPET_MESSAGE_TOO_BIG,  /**< longer than max_message */
  LIMPET_INVALID_UTF8,     /**< a text message is not UTF-8; nothing was sent */
  LIMPET_NO_MEMORY,        /**< nothing was changed */
  LIMPET_SYSTEM,           /**< the operating system refused */
  LIMPET_TIMED_OUT,        /**< the time given ran out first */
  LIMPET_WRONG_THREAD,     /**< would wait for the thread it was called on */
  LIMPET_OUTBOX,           /**< the outbox file cannot be used; the detail says why */
  LIMPET_IN_USE            /**< clients still live on it */
} limpet_result;

/** The constant's name in lower case, without prefix, as "not_connected". [any thread] */
LIMPET_API const char *limpet_result_name(limpet_result result);
/** A sentence for people. [any thread] */
LIMPET_API const char *limpet_result_text(limpet_result result);

/* ---- words -------------------------------------------------------------------- */
/** @} */
/** @defgroup words Words
    States, reasons, errors, fates, and the names of them.
    @{ */

/** Where a client stands. docs/states.md shows every way from one to another. */
typedef enum limpet_state {
  LIMPET_CLOSED,              /**< not started, or after limpet_disconnect() */
  LIMPET_CONNECTING,          /**< never open yet: the first dial is under way */
  LIMPET_CONNECTED,           /**< open, heartbeat running */
  LIMPET_DISCONNECTED,        /**< the link is gone; the next state follows at once */
  LIMPET_RECONNECTING,        /**< waiting out a delay, or dialing again */
  LIMPET_WAITING_FOR_NETWORK, /**< this machine has no way to the target */
  LIMPET_ERROR,               /**< critical: retrying cannot cure it */
  LIMPET_FAILED               /**< the retries are used up */
} limpet_state;

/** Why a state was entered. */
typedef enum limpet_reason {
  LIMPET_REASON_NONE,         /**< a new client: nothing has happened yet */
  LIMPET_REASON_CONNECT,      /**< limpet_connect() was called */
  LIMPET_REASON_OPENED,       /**< a link opened */
  LIMPET_REASON_LOST,         /**< the link ended, or the first dial failed */
  LIMPET_REASON_RETRY,        /**< another attempt is planned */
  LIMPET_REASON_CRITICAL,     /**< an error that retrying cannot cure, or policy said to give up */
  LIMPET_REASON_GAVE_UP,      /**< max_retries attempts failed */
  LIMPET_REASON_NETWORK_DOWN, /**< this machine lost its way to the target */
  LIMPET_REASON_NETWORK_UP,   /**< the way is back */
  LIMPET_REASON_DISCONNECT    /**< limpet_disconnect() or limpet_stop() was called */
} limpet_reason;

/** Why a link ended or could not be made. "Retried" means that the client goes on by itself, unless
    limpet_callbacks.policy decides otherwise. docs/troubleshooting.md says what to do about each. */
typedef enum limpet_error_kind {
  LIMPET_ERROR_NONE,                /**< no error so far */
  LIMPET_ERROR_DNS,                 /**< the host's name could not be looked up; retried */
  LIMPET_ERROR_NETWORK_UNREACHABLE, /**< no way to the host; retried */
  LIMPET_ERROR_CONNECT_REFUSED,     /**< nobody listens at that port; retried */
  LIMPET_ERROR_CONNECT_TIMEOUT,     /**< not open within connect_timeout_ms; retried */
  LIMPET_ERROR_TLS,                 /**< the TLS handshake or its records went wrong; retried */
  LIMPET_ERROR_TLS_VERIFY,          /**< the certificate is not to be trusted; critical */
  LIMPET_ERROR_PROXY,               /**< the proxy refused, or cannot be used; retried */
  LIMPET_ERROR_CONNECTION_LOST,     /**< reset or ended without a close frame; retried */
  LIMPET_ERROR_HEARTBEAT_TIMEOUT,   /**< no answer within heartbeat_timeout_ms (of a probe:
                                         probe_timeout_ms), though the link looks open; retried */
  LIMPET_ERROR_HTTP_STATUS,         /**< the upgrade was answered with another status than 101. 5xx,
                                         408, 425, 429, and 404 once a link has been open, are
                                         retried; other 3xx and 4xx are critical */
  LIMPET_ERROR_HANDSHAKE,           /**< the answer is no valid upgrade; retried, but critical for a
                                         subprotocol that was not offered and an unusable URL */
  LIMPET_ERROR_PROTOCOL,            /**< the peer broke RFC 6455; retried */
  LIMPET_ERROR_CLOSED_BY_PEER,      /**< a close frame came. 1003, 1007-1010 and 4000-4099 are
                                         critical, 1000 and 1001 too without
                                         reconnect_on_normal_close; others are retried */
  LIMPET_ERROR_MESSAGE_TOO_BIG,     /**< a message longer than max_message came; critical */
  LIMPET_ERROR_GAVE_UP,             /**< max_retries attempts failed; the state is FAILED */
  LIMPET_ERROR_INVALID_ARGUMENT,    /**< the same as LIMPET_INVALID_ARGUMENT, where it is an event */
  LIMPET_ERROR_NOT_CONNECTED,       /**< the same as LIMPET_NOT_CONNECTED, where it is an event */
  LIMPET_ERROR_QUEUE_OVERFLOW,      /**< the same as LIMPET_QUEUE_OVERFLOW, where it is an event */
  LIMPET_ERROR_OUTBOX,              /**< the outbox failed; the link goes on */
  LIMPET_ERROR_PROVIDER,            /**< address or credentials could not be provided; retried */
  LIMPET_ERROR_NO_MEMORY,           /**< the allocator had none; retried */
  LIMPET_ERROR_SYSTEM               /**< the operating system refused (no descriptors, no random
                                         numbers); retried */
} limpet_error_kind;

/** How delays are spread, so that clients that were cut together do not come back together. The
    delay was clamped to max_delay_ms before. */
typedef enum limpet_jitter {
  LIMPET_JITTER_NONE,        /**< the delay as it is */
  LIMPET_JITTER_EQUAL,       /**< delay x uniform(0.5, 1.0) */
  LIMPET_JITTER_FULL,        /**< delay x uniform(0, 1) */
  LIMPET_JITTER_DECORRELATED /**< uniform(initial, min(max, 3 x previous)) */
} limpet_jitter;

/** How the heartbeat is spelled. An answer in JSON may have further members, and 512 bytes in all. */
typedef enum limpet_dialect {
  LIMPET_DIALECT_WEBSOCKET, /**< ping and pong frames, RFC 6455 section 5.5.2 */
  LIMPET_DIALECT_PING,      /**< {"type":"ping"} and {"type":"pong"} */
  LIMPET_DIALECT_TIMESTAMP, /**< {"type":"heartbeat",...} and {"type":"heartbeat_response",...} */
  LIMPET_DIALECT_OFF        /**< no heartbeat: a silent death goes unnoticed */
} limpet_dialect;

/** When a queued message counts as delivered and is let go. */
typedef enum limpet_confirm {
  LIMPET_CONFIRM_NONE,    /**< when the kernel has taken its last byte */
  LIMPET_CONFIRM_BARRIER, /**< when a heartbeat reply proves that the peer's WebSocket endpoint
                               read it; until then it is kept and sent again on each new link */
  LIMPET_CONFIRM_ACK      /**< when the server sends {"type":"ack","id":...} with the message's
                               message_id and perhaps more, 1024 bytes in all; until then it is kept and
                               sent again on each new link, and on this one after ack_timeout_ms without
                               any acknowledgement */
} limpet_confirm;

/** What has become of a message. The steps come in this order; some may be left out, and WRITTEN
    comes again with each time that it is sent again. */
typedef enum limpet_fate {
  LIMPET_FATE_QUEUED,    /**< accepted and waiting in memory */
  LIMPET_FATE_STORED,    /**< promise "durable": on disk, and only now accepted */
  LIMPET_FATE_WRITTEN,   /**< the kernel has taken its last byte */
  LIMPET_FATE_CONFIRMED, /**< read by the other end: final */
  LIMPET_FATE_DROPPED    /**< will not be sent (again): final */
} limpet_fate;

/** Why a message was dropped. */
typedef enum limpet_drop {
  LIMPET_DROP_NONE,         /**< it was not dropped */
  LIMPET_DROP_OVERFLOW,     /**< the queue was full, this was its oldest message */
  LIMPET_DROP_EXPIRED,      /**< its ttl_ms passed */
  LIMPET_DROP_REPLACED,     /**< a newer message with the same replace_key took its place */
  LIMPET_DROP_DISCONNECTED, /**< limpet_disconnect() or limpet_stop() */
  LIMPET_DROP_CLEARED,      /**< limpet_queue_clear() */
  LIMPET_DROP_NOT_STORED,   /**< promise "durable": the outbox could not take it; on_error said why */
  LIMPET_DROP_DUPLICATE     /**< promise "durable": the outbox holds a message with this id, which stays */
} limpet_drop;

/** What to do after an error. */
typedef enum limpet_decision {
  LIMPET_BACK_OFF,  /**< retry after the usual delay */
  LIMPET_RETRY_NOW, /**< retry at once; it counts against max_retries like any other */
  LIMPET_GIVE_UP,   /**< enter ERROR */
  LIMPET_NEW_CREDENTIALS, /**< retry, at this endpoint first, and ask the provider with `refresh` set:
                               at once, or after the usual delay if this dial was made with
                               refreshed ones already. Without a provider as LIMPET_BACK_OFF */
  LIMPET_NEXT_ENDPOINT /**< leave this endpoint for the next: while dialing at once, as part of the
                            same attempt, otherwise after the usual delay. If the error would be
                            critical the endpoint is left out until limpet_connect() from rest. As
                            LIMPET_BACK_OFF when none is left */
} limpet_decision;

/** How much a line of on_log matters. */
typedef enum limpet_log_level {
  LIMPET_LOG_ERROR, /**< a promise is at risk: the outbox fails, or there is no memory */
  LIMPET_LOG_WARN,  /**< a link was lost or could not be made */
  LIMPET_LOG_INFO,  /**< a dial begins, a link is open */
  LIMPET_LOG_DEBUG  /**< each change of state */
} limpet_log_level;

/** Upper-case names, as "RECONNECTING". Unknown values give "?". The text is static. [any thread] */
LIMPET_API const char *limpet_state_name(limpet_state state);
/** Lower-case names, as "lost". Unknown values give "?". The text is static. [any thread] */
LIMPET_API const char *limpet_reason_name(limpet_reason reason);
/** As limpet_reason_name(): "connect_refused". [any thread] */
LIMPET_API const char *limpet_error_kind_name(limpet_error_kind kind);
/** As limpet_reason_name(): "dropped". [any thread] */
LIMPET_API const char *limpet_fate_name(limpet_fate fate);
/** As limpet_reason_name(): "overflow". [any thread] */
LIMPET_API const char *limpet_drop_name(limpet_drop drop);

/* ---- what callbacks are given ------------------------------------------------- */
/** @} */
/** @defgroup reports Reports
    Callbacks, and what they are given.
    @{ */

/** An error, as on_error and policy are given it. Its texts are valid until the callback returns. */
typedef struct limpet_error {
  limpet_error_kind kind; /**< what it is */
  bool retryable;        /**< whether the client goes on trying by itself */
  const char *message;   /**< a short sentence for people, as "Connection lost" */
  const char *detail;    /**< what exactly, for logs; secrets are replaced by *** */
  uint16_t close_code;   /**< received or sent close code, 0 if none */
  uint16_t http_status;  /**< status of a refused upgrade, or of a proxy's refusal; 0 if none */
  const char *endpoint;  /**< the URL dialed, secrets replaced by ***; of several endpoints this one */
} limpet_error;

/** The next attempt, as on_retry is given it. */
typedef struct limpet_retry {
  uint32_t attempt;     /**< 1 for the first retry; 0 where a link's own address is gone: to dial
                             another way counts as none */
  uint32_t max_retries; /**< or LIMPET_RETRY_FOREVER */
  uint64_t delay_ms;    /**< how long until the dial */
} limpet_retry;

/** What has become of one message, as on_fate is given it. */
typedef struct limpet_fate_report {
  uint64_t id; /**< as limpet_send_text() gave it; with an outbox unique over all runs on its file */
  limpet_fate fate;       /**< what has become of it */
  limpet_drop drop;       /**< set when the fate is LIMPET_FATE_DROPPED */
  uint32_t attempts;      /**< how often it was written so far, earlier runs included */
  const char *message_id; /**< as in limpet_send_options, or NULL if it has none */
} limpet_fate_report;

/** How a link ended, as on_close is given it. */
typedef struct limpet_close_info {
  uint16_t code;      /**< close code received; 1006 if the link ended without one */
  const char *reason; /**< the peer's reason, UTF-8, up to 123 bytes */
  bool was_clean;     /**< a close handshake took place */
} limpet_close_info;

/** Figures of a client since limpet_new(). Round trips in microseconds, 0 before the first. */
typedef struct limpet_metrics {
  uint32_t reconnects;             /**< times the link opened again */
  uint32_t queued_messages;        /**< waiting or unconfirmed in memory, the outbox aside */
  uint64_t queued_bytes;           /**< their payload */
  uint64_t connection_duration_ms; /**< age of the present link, 0 without one */
  uint64_t messages_in,            /**< whole messages received, heartbeats aside */
      messages_out;                /**< messages written, each time that they were sent again too */
  uint64_t bytes_in,               /**< payload bytes of the messages received */
      bytes_out;                   /**< payload bytes of the messages written */
  uint64_t dropped;             /**< messages dropped, whatever the reason */
  uint64_t downtime_ms;         /**< time between a loss and the next opening, summed; the present
                                     outage as far as it has come */
  uint64_t longest_outage_ms;   /**< the longest of those times, the present one included */
  uint32_t rtt_last_us, /**< round trip of the last answered heartbeat */
      rtt_min_us,       /**< the shortest */
      rtt_mean_us,      /**< the mean of all */
      rtt_max_us;       /**< the longest */
  int64_t clock_offset_ms; /**< server clock minus ours, dialect "timestamp" only */
  uint64_t outbox_messages; /**< stored, or on their way to the disk, and not yet confirmed */
  uint64_t outbox_bytes;    /**< their payload */
} limpet_metrics;

/** One consistent picture of a client. `metrics` stays its last member, so that both can grow. */
typedef struct limpet_snapshot {
  limpet_state state;       /**< where it stands */
  limpet_reason reason;     /**< why the state was entered */
  uint32_t attempt;         /**< retries since the counter was last reset */
  uint32_t max_retries;     /**< as in limpet_options */
  uint64_t next_retry_at_ms; /**< LIMPET_NEVER when none is planned */
  uint64_t now_ms;           /**< the moment of the picture */
  limpet_error_kind last_error; /**< why the last link ended or could not be made */
  bool last_error_retryable;    /**< whether the client goes on by itself after it */
  uint16_t last_close_code, /**< of that error, 0 if none */
      last_http_status;     /**< of that error, 0 if none */
  char last_error_detail[LIMPET_DETAIL_CAP]; /**< what exactly, without secrets; "" if none */
  limpet_metrics metrics;                    /**< the figures at that moment */
} limpet_snapshot;

/**
 * Everything a client reports. All may be NULL. `user` is limpet_options.user.
 * Callbacks come one at a time on the loop thread, and nothing follows CLOSED.
 * Embedded in limpet_options, so it never grows: see "Growth" above.
 */
typedef struct limpet_callbacks {
  /** A whole message. `data` points into the receive buffer: copy what you keep. */
  void (*on_text)(limpet_client *client, const char *data, size_t len, void *user);
  /** The same for a binary message. */
  void (*on_binary)(limpet_client *client, const void *data, size_t len, void *user);
  /** Each state change, once and in order. */
  void (*on_state)(limpet_client *client, limpet_state from, limpet_state to, limpet_reason reason,
                   void *user);
  /** A link is open. With hold_until_ready, log in here and call limpet_ready(). */
  void (*on_open)(limpet_client *client, void *user);
  /** A link that was open has ended. */
  void (*on_close)(limpet_client *client, const limpet_close_info *info, void *user);
  /** A link ended or could not be made, the retries are used up, or the outbox failed. Before the
      state that follows from it. */
  void (*on_error)(limpet_client *client, const limpet_error *error, void *user);
  /** {"type":"typing"} came; both ids may be "". Without this callback it is an ordinary text. */
  void (*on_typing)(limpet_client *client, const char *conversation_id, const char *user_id,
                    void *user);
  /** A message came one step further, or was dropped. With this callback every message is followed,
      which costs a copy of each. */
  void (*on_fate)(limpet_client *client, const limpet_fate_report *report, void *user);
  /** limpet_buffered_amount() rose to high_water: pause sending. On the loop thread it comes
      inside the limpet_send_*() call that raised it. */
  void (*on_high_water)(limpet_client *client, void *user);
  /** After on_high_water: it fell to half of it. Sending may go on. */
  void (*on_drained)(limpet_client *client, void *user);
  /** A heartbeat was answered: the peer's WebSocket endpoint has read everything that went out
      before the question. */
  void (*on_heartbeat)(limpet_client *client, uint32_t rtt_us, void *user);
  /** Another attempt is planned. At a loss it comes between DISCONNECTED and RECONNECTING. */
  void (*on_retry)(limpet_client *client, const limpet_retry *retry, void *user);
  /** A line for a log, without a line feed and without secrets, of up to 511 bytes. */
  void (*on_log)(limpet_client *client, limpet_log_level level, const char *line, void *user);
  /** Asked at each error, with what the client would do; the answer is what it does. With several
      endpoints that is LIMPET_NEXT_ENDPOINT while another is left in the attempt. */
  limpet_decision (*policy)(limpet_client *client, const limpet_error *error,
                            limpet_decision proposed, void *user);
} limpet_callbacks;

/** What a provider is asked for: the address and the credentials of one dial. */
typedef struct limpet_provider_request {
  uint64_t ticket;  /**< for limpet_provide(); never 0, never used twice by a client */
  const char *url;  /**< the endpoint to be dialed, whole, as the options give it */
  size_t endpoint;  /**< its number: 0 is options.url, 1 the first of options.fallbacks */
  uint32_t attempt; /**< retries since the counter was last reset: 0 for the first dial */
  bool refresh;     /**< what was provided last was refused (LIMPET_NEW_CREDENTIALS): a token kept
                         from before will not do */
} limpet_provider_request;

/** What a dial gets done, in this order; a step that is not needed is not reported. */
typedef enum limpet_step {
  LIMPET_STEP_LOOK_UP,   /**< the host's name was looked up; once for each family of addresses that
                              has any (literals too). Facts: addresses, as "192.0.2.1, 192.0.2.2",
                              and proxy, if they are that proxy's */
  LIMPET_STEP_CONNECTED, /**< the socket is connected. Facts: address, with port, or unix:PATH, and
                              proxy, if it is that proxy's */
  LIMPET_STEP_PROXY,     /**< the proxy let us through. Fact: proxy */
  LIMPET_STEP_TLS,       /**< the TLS handshake is done and, unless tls_insecure is set, the certificate
                              verified. Facts: version, cipher, subject, issuer, expires (of the
                              certificate; RFC 4514 names, the time as "2030-01-31T12:00:00Z"), and
                              verified, with the value "no", if nothing was verified */
  LIMPET_STEP_UPGRADED   /**< the server answered the opening handshake; on_open follows. Facts:
                              status, subprotocol, extensions */
} limpet_step;

/** Lower-case names: "look_up", "connected", "proxy", "tls", "upgraded". [any thread] */
LIMPET_API const char *limpet_step_name(limpet_step step);

/** One thing that is known of a step. A fact without a value is left out. */
typedef struct limpet_fact {
  const char *name;  /**< as listed at limpet_step */
  const char *value; /**< UTF-8 for people, without secrets; it may come from the other end */
} limpet_fact;

/** What on_step is given. */
typedef struct limpet_step_report {
  limpet_step step;         /**< which one is done */
  uint64_t took_us;         /**< microseconds since the report before, or since the dial began */
  const limpet_fact *facts; /**< `facts_count` of them */
  size_t facts_count;       /**< how many */
} limpet_step_report;

/** Where memory comes from. All three or none; must be thread-safe and outlive the client. */
typedef struct limpet_allocator {
  /** As malloc(); `size` is not 0. NULL: there is none. */
  void *(*alloc)(size_t size, void *context);
  /** As realloc(); `memory` may be NULL, `size` is not 0. NULL: `memory` is as it was. */
  void *(*realloc)(void *memory, size_t size, void *context);
  /** As free(); `memory` may be NULL. */
  void (*free)(void *memory, void *context);
  void *context; /**< handed to all three */
} limpet_allocator;

/* ---- options ------------------------------------------------------------------ */
/** @} */
/** @defgroup options Options
    How a client behaves.
    @{ */

/**
 * How a client behaves. Fill it with limpet_options_init(), change what you need and pass
 * it to limpet_new(), which copies all of it. Out of range is LIMPET_INVALID_ARGUMENT, and so is
 * an option that a newer program sets and this library does not know. What an older program
 * does not know has its default.
 */
typedef struct limpet_options { /* NOLINT(clang-analyzer-optin.performance.Padding): it only grows */
  size_t size; /**< sizeof of this struct in the program; set by limpet_options_init() */

  /** ws://, wss:// or ws+unix:///path/to.sock:/request/path. User info becomes Basic
      authorization, a fragment is refused. Required. */
  const char *url;
  const char *origin;              /**< Origin header, up to 287 bytes, or NULL for none */
  const char *const *headers;      /**< "Name: value" lines, NULL at the end, or NULL */
  const char *const *subprotocols; /**< tokens of up to 287 bytes, preferred ones first, NULL at the end, or NULL */
  void *user;                      /**< handed to every callback */
  limpet_callbacks callbacks;      /**< what to call; all NULL by default */

  uint32_t max_retries;      /**< after the first dial; default 10; 0 never retries,
                                  LIMPET_RETRY_FOREVER never gives up */
  uint32_t initial_delay_ms; /**< before the first retry; 1-3600000, default 1000 */
  uint32_t max_delay_ms;     /**< the longest delay; initial_delay_ms-86400000, default 60000 */
  double multiplier;         /**< growth of the delay; 1.0-10.0, default 1.5 */
  limpet_jitter jitter;      /**< how delays are spread; default LIMPET_JITTER_EQUAL */
  uint32_t stable_after_ms;  /**< a link open for so long resets the count of attempts; 0-3600000,
                                  default 5000; 0: stable once open */
  uint32_t retry_after_max_ms; /**< bound on a server's Retry-After; 0-86400000, default 300000 */
  bool reconnect_on_normal_close; /**< default true: close codes 1000 and 1001 are retried too */

  limpet_dialect heartbeat;       /**< how it is spelled; default LIMPET_DIALECT_WEBSOCKET */
  uint32_t heartbeat_interval_ms; /**< between questions; 100-3600000, default 30000 */
  uint32_t heartbeat_timeout_ms;  /**< for an answer; 10-heartbeat_interval_ms, default 10000 */
  uint32_t probe_timeout_ms;      /**< for the answer to limpet_probe(); 10-3600000, default 2000 */

  uint32_t connect_timeout_ms; /**< look-up to 101; 10-600000, default 10000 */
  uint32_t close_timeout_ms;   /**< for the closing handshake; 0-60000, default 3000 */
  bool hold_until_ready;       /**< true: on each link the queue waits for limpet_ready(). Default
                                    false: it drains as soon as a link is open */
  uint32_t ready_timeout_ms;   /**< with hold_until_ready: without limpet_ready() for so long the
                                    link counts as lost; 10-600000, default 10000 */

  limpet_confirm confirm;    /**< when a message counts as delivered; default LIMPET_CONFIRM_NONE;
                                  barrier needs a heartbeat */
  uint32_t in_flight;        /**< unconfirmed messages at once; 1-65536, default 256 */
  uint32_t ack_timeout_ms;   /**< confirm ack: written and no acknowledgement came for this long,
                                  what is unconfirmed goes again; 0 (never)-3600000, default 30000 */
  uint32_t queue_limit;      /**< messages kept without a link; 1-1000000, default 100 */
  uint64_t queue_limit_bytes; /**< their payload; 1-2^40, default 1 MiB */
  uint64_t high_water;       /**< bytes at which on_high_water comes; 1 KiB-2^40, default 1 MiB */
  uint64_t max_message;      /**< largest message either way; 1-2^31, default 16 MiB */
  uint32_t max_handshake;    /**< largest HTTP response head; 256-1 MiB, default 16 KiB */

  bool compress;           /**< offer permessage-deflate (RFC 7692); default false */
  uint8_t compress_window_bits; /**< size of the window, as a power of two; 9-15, default 15 */
  bool compress_no_context_takeover; /**< compress each message by itself: less memory, larger
                                          messages; default false */

  const char *outbox;            /**< file of durable messages (made if missing, one client at a
                                      time), or NULL; needs confirm barrier or ack */
  uint64_t outbox_limit;         /**< messages in it; 1-10^9, default 1,000,000 */
  uint64_t outbox_limit_bytes;   /**< their payload; 1-2^40, default 1 GiB */
  uint32_t outbox_durability_ms; /**< 0 (default): "stored" means synced to the disk. 1-60000, for flash
                                      storage: synced at most this much later; a crash of the
                                      machine (not of the program) loses what was stored meanwhile */

  const char *tls_ca_file;   /**< PEM file trusted instead of the system's store, or NULL */
  const char *tls_cert_file; /**< PEM client certificate chain, or NULL */
  const char *tls_key_file;  /**< its PEM key, or NULL */
  bool tls_insecure;         /**< default false; true accepts any certificate, for tests */

  uint32_t happy_eyeballs_delay_ms; /**< RFC 8305 section 5; 10-2000, default 250 */
  uint32_t busy_poll_us; /**< spin for data this long before sleeping; 0-1000, default 0: never */
  limpet_allocator allocator; /**< default: the C library's */

  /* What follows came later than the first header; new members go behind it, each at an offset that
     was no padding before: see Growth at the head of this file. */

  /** Further URLs of the same service, 15 at the most, NULL at the end, or NULL. One attempt dials
      each endpoint once, without delay between, the last good one first and the others in order, each
      within connect_timeout_ms. */
  const char *const *fallbacks;
  /**
   * Asked before every dial for its URL and header lines, as for a fresh token; or NULL. Answer with
   * limpet_provide() or limpet_provide_failure(), inside this call or later, from any thread. No
   * answer within provider_timeout_ms, a failure, or an unusable answer fails the dial with the
   * error LIMPET_ERROR_PROVIDER, which is retried. Called on the loop thread; what `request` points to
   * is valid until it returns.
   */
  void (*provider)(limpet_client *client, const limpet_provider_request *request, void *user);
  uint32_t provider_timeout_ms; /**< for its answer; 10-600000, default 10000 */

  /** A step of a dial is done, or NULL (the default; then nothing is gathered for it). For
      progress and diagnosis: the step that fails is not reported here, the callback on_error says
      what happened. Like all callbacks it comes on the loop thread, may call every function here,
      and what it is given is valid until it returns; `user` is limpet_options.user. */
  void (*on_step)(limpet_client *client, const limpet_step_report *report, void *user);

  /** Proxy for ws and wss, or NULL (default): "scheme://[user[:password]@]host[:port]", special
      characters of user and password percent-encoded; port 1080 if none is given. http:// (also
      without a scheme): CONNECT, with Basic authorization; socks5h://: SOCKS5, the proxy looks up
      names; socks5://: names are looked up here, and an IPv4 address is preferred. https:// is
      refused. "": none, whatever the environment says. Certificates are checked for the name in
      `url`; everything happens within connect_timeout_ms. Unix sockets have no proxy. Failures are of
      kind LIMPET_ERROR_PROXY, retried unless the policy says otherwise. */
  const char *proxy;
  /** Default false. true: without `proxy` it is taken from the environment as curl does: for ws
      ws_proxy, WS_PROXY or http_proxy (HTTP_PROXY is ignored), for wss wss_proxy, WSS_PROXY,
      https_proxy or HTTPS_PROXY, for both then all_proxy or ALL_PROXY; the first that is not empty.
      no_proxy or NO_PROXY exempts targets, from `proxy` too: "*", or names (each with all below it),
      addresses and networks (10.0.0.0/8), separated by commas; name:port for one port. Read inside
      limpet_new(), which must not run while another thread changes the environment. */
  bool proxy_from_environment;

  /** With confirm ack: the acknowledgement of one of our messages came, and its fate has been told.
      `text` is the whole message as the server sent it. NULL (the default): nobody is told, as
      acknowledgements are not given to on_text. Like all callbacks it comes on the loop thread and may
      call every function here; `text` is valid until it returns; `user` is limpet_options.user. */
  void (*on_ack)(limpet_client *client, const char *text, size_t len, void *user);

  /** Default true: the system tells when interfaces, addresses and routes change (Linux; elsewhere
      without effect). Without a way to the target, or to its proxy, the client waits in
      LIMPET_WAITING_FOR_NETWORK and spends no attempt; when the way is back it dials at once. A link whose
      way changed is probed, as after the machine has slept, and one whose own address is gone is
      replaced at once, which counts as no attempt. false: only limpet_network_hint() tells of it. */
  bool network_watch;
} limpet_options;

/** Writes every default. `size` is sizeof(limpet_options) in the calling program. */
LIMPET_API void limpet_options_init(limpet_options *options, size_t size);

/**
 * Applies a preset on top of the present values: "nova" (dialect ping) or "medtranslate"
 * (dialect timestamp, max delay 30 s, heartbeat timeout 5 s).
 * LIMPET_INVALID_ARGUMENT: no such preset.
 */
LIMPET_API limpet_result limpet_options_preset(limpet_options *options, const char *name);

/* ---- life --------------------------------------------------------------------- */
/** @} */
/** @defgroup life Life
    Making, connecting, disconnecting and ending a client.
    @{ */

/**
 * Makes a client in state CLOSED. With `loop` it runs there, and that loop must be run by
 * the caller until the client has been stopped; with NULL it runs a thread of its own.
 * The caller's loop thread is the thread of this call. On failure `detail` (LIMPET_DETAIL_CAP
 * bytes, or NULL) receives a sentence that names the option or what the system said.
 * LIMPET_INVALID_ARGUMENT (also a TLS file, or a proxy of the environment, that cannot be used); LIMPET_OUTBOX (another process
 * has it, not an outbox, damaged, newer, no room); LIMPET_NO_MEMORY; LIMPET_SYSTEM (no descriptors, no thread, no entropy).
 */
LIMPET_API limpet_result limpet_new(const limpet_options *options, struct uv_loop_s *loop,
                                    limpet_client **client, char *detail);

/** Starts, or tries now while waiting or failed; while disconnecting it is carried out after
    CLOSED. Otherwise nothing happens. */
LIMPET_API limpet_result limpet_connect(limpet_client *client);

/** Closes with 1000 within close_timeout_ms, then CLOSED. Returns at once. Messages that wait in
    memory get the fate "disconnected"; those in the outbox stay there. */
LIMPET_API limpet_result limpet_disconnect(limpet_client *client);

/**
 * Disconnects and frees the client, within `deadline_ms` at the most. May be called in any
 * state and inside callbacks. On the loop thread it returns at once, callbacks go on until
 * CLOSED, and the memory goes at the end of that loop turn. From another thread, with a
 * client on its own thread, it returns when that thread has ended. `client` is dead to the
 * caller afterwards. Calling it twice is an error of the caller.
 * With an outbox it first lets the disk finish: CLOSED comes after the fates of what was on its
 * way there (to a client that was CLOSED already they may come until the deadline, and no other
 * CLOSED). What is confirmed only now is not told: it stays, and the next client with this file
 * sends it again.
 */
LIMPET_API void limpet_stop(limpet_client *client, uint32_t deadline_ms);

/** The URL for the next dial, in place of options.url; the present link stays. `detail` as in limpet_new().
    LIMPET_INVALID_ARGUMENT, LIMPET_NO_MEMORY; the old URL stays then. [any thread] */
LIMPET_API limpet_result limpet_set_url(limpet_client *client, const char *url, char *detail);

/**
 * Answers a provider's request: dial `url` (NULL: the endpoint's own) with these header lines ("Name:
 * value", NULL at the end, or NULL) in place of the lines of the same name in options.headers. Both
 * are copied. An answer that is late or was given before is ignored. `detail` as in limpet_new().
 * LIMPET_INVALID_ARGUMENT: no such URL or header; the dial fails as by limpet_provide_failure().
 * LIMPET_NO_MEMORY: not answered. [any thread]
 */
LIMPET_API limpet_result limpet_provide(limpet_client *client, uint64_t ticket, const char *url,
                                        const char *const *headers, char *detail);
/** Answers that there is nothing to dial with; `why` (or NULL) becomes the error's detail and must
    hold no secrets. LIMPET_NO_MEMORY: not answered. [any thread] */
LIMPET_API limpet_result limpet_provide_failure(limpet_client *client, uint64_t ticket,
                                                const char *why);

/* ---- sending ------------------------------------------------------------------ */
/** @} */
/** @defgroup sending Sending
    Three promises, and waiting until they are kept.
    @{ */

/** What is promised of a message. */
typedef enum limpet_promise {
  LIMPET_PROMISE_QUEUE,  /**< sent, or kept in memory until the next link */
  LIMPET_PROMISE_NOW,    /**< refused unless CONNECTED; lost if the link is */
  LIMPET_PROMISE_DURABLE /**< kept in the outbox until confirmed, over restarts and crashes: at least
                              once with any server, once in effect with one that drops repeated
                              ids. Accepted when the fate "stored" comes. Needs options.outbox */
} limpet_promise;

/** Longest message_id, in bytes. */
#define LIMPET_MESSAGE_ID_MAX 128
/** A new id's text with its NUL. */
#define LIMPET_NEW_ID_CAP 37

/** How one message is sent. All zero is the default of each. */
typedef struct limpet_send_options {
  limpet_promise promise;  /**< default LIMPET_PROMISE_QUEUE */
  uint32_t ttl_ms;         /**< dropped if still waiting after this long; 0: never */
  const char *replace_key; /**< takes the place of a waiting message with this key, or NULL */
  const char *message_id;  /**< 1-128 bytes of UTF-8, or NULL: with confirm ack (which needs one) what
                                the server's acknowledgement names; unique in an outbox. The
                                payload must carry it, the library only looks for it. Durable without
                                one: made by limpet_new_id() */
} limpet_send_options;

/** Writes a UUID of version 7 (RFC 9562), for message_id. False, and "" written: the system has no
    random numbers. [any thread] */
LIMPET_API bool limpet_new_id(char id[LIMPET_NEW_ID_CAP]);

/**
 * Sends one message. The payload is copied or written before the call returns. `options` or
 * NULL means the queue promise; `id` or NULL receives the number that on_fate reports.
 * Text must be UTF-8. Order is kept among the messages of one promise; a durable one stands in line
 * from the moment it is stored.
 * Errors: LIMPET_NOT_CONNECTED, LIMPET_QUEUE_OVERFLOW (durable: the outbox is full; with a
 * replace_key, whose message may make room, that is told as LIMPET_DROP_NOT_STORED instead),
 * LIMPET_MESSAGE_TOO_BIG, LIMPET_INVALID_UTF8, LIMPET_INVALID_ARGUMENT (durable without an outbox, no
 * message_id with confirm ack, or one too long), LIMPET_NO_MEMORY; the message is then not
 * accepted. [any thread]
 */
LIMPET_API limpet_result limpet_send_text(limpet_client *client, const char *text, size_t len,
                                          const limpet_send_options *options, uint64_t *id);
/** The same for a binary message. [any thread] */
LIMPET_API limpet_result limpet_send_binary(limpet_client *client, const void *data, size_t len,
                                            const limpet_send_options *options, uint64_t *id);

/** Sends {"type":"typing","conversation_id":...,"user_id":...} with the promise "now". Ids up to
    128 bytes. [any thread] */
LIMPET_API limpet_result limpet_send_typing(limpet_client *client, const char *conversation_id,
                                            const char *user_id);

/** Payload bytes waiting in memory (for the disk too) or in the link's output. [any thread] */
LIMPET_API uint64_t limpet_buffered_amount(limpet_client *client);

/** Called once when a flush ends: LIMPET_OK, LIMPET_TIMED_OUT, LIMPET_NOT_CONNECTED after CLOSED, or LIMPET_NO_MEMORY. */
typedef void limpet_flush_callback(limpet_client *client, limpet_result result, void *user);

/**
 * Waits until all messages accepted so far are out (with `confirm`: confirmed) or dropped.
 * With a callback it returns at once. With NULL it blocks; that is LIMPET_WRONG_THREAD on the
 * loop thread. Errors else: LIMPET_TIMED_OUT, LIMPET_NOT_CONNECTED (stopped or CLOSED
 * meanwhile), LIMPET_NO_MEMORY. [any thread]
 */
LIMPET_API limpet_result limpet_flush(limpet_client *client, uint32_t deadline_ms,
                                      limpet_flush_callback *callback, void *user);

/** Drops all messages that wait in memory, with the fate "cleared". What is already being written
    stays, and so does the outbox. */
LIMPET_API limpet_result limpet_queue_clear(limpet_client *client);

/* ---- receiving by type -------------------------------------------------------- */
/** @} */
/** @defgroup receiving Receiving by type
    Handlers for JSON messages by their member "type".
    @{ */

/** A JSON object arrived whose member "type" is what was asked for. `text` is the whole message. */
typedef void limpet_type_handler(limpet_client *client, const char *type, const char *text,
                                 size_t len, void *user);

/**
 * Calls `handler` for each text message {"type":TYPE,...}, in order of registration, after
 * on_text. Any number for each type. `handle` or NULL receives the number for
 * limpet_off_type(). Handlers outlive links. LIMPET_NO_MEMORY, LIMPET_INVALID_ARGUMENT (type
 * longer than 128 bytes).
 */
LIMPET_API limpet_result limpet_on_type(limpet_client *client, const char *type,
                                        limpet_type_handler *handler, void *user,
                                        uint64_t *handle);
/** Removes one handler; may be called by the handler itself. Unknown handles are
    LIMPET_INVALID_ARGUMENT. */
LIMPET_API limpet_result limpet_off_type(limpet_client *client, uint64_t handle);

/* ---- hints and questions ------------------------------------------------------ */
/** @} */
/** @defgroup hints Hints and questions
    What the application knows, and what it may ask.
    @{ */

/** What an application tells of the machine's network. */
typedef enum limpet_network_state {
  LIMPET_NETWORK_OFFLINE, /**< no way to the target, until LIMPET_NETWORK_ONLINE is told: dials end and
                               wait in LIMPET_WAITING_FOR_NETWORK, an open link stays as long as it
                               lives */
  LIMPET_NETWORK_ONLINE,  /**< there is a way: who waited, or gave up, dials within 50 ms. The network
                               watch looks again at the next change, 30 s later at the latest */
  LIMPET_NETWORK_CHANGED  /**< perhaps another way: an open link is probed, as by limpet_probe() */
} limpet_network_state;

/** With hold_until_ready: the queue may drain on this link. Else without effect. */
LIMPET_API limpet_result limpet_ready(limpet_client *client);
/** The application vouches for this link: it counts as stable now, the attempt counter is 0. */
LIMPET_API limpet_result limpet_healthy(limpet_client *client);
/**
 * Stops reading, or reads on: for an application that cannot take more messages for now, so that the
 * server notices. The message at hand is the last one that callbacks are given; what the system has
 * received waits there. The wish outlives links, and may be given in every state; while limpet_disconnect() or
 * limpet_stop() is under way reading goes on whatever it says. Until the pause ends no heartbeat is sent
 * or missed, no acknowledgement is late, and nothing is confirmed: a link that dies silently is noticed
 * only afterwards. LIMPET_NO_MEMORY. [any thread]
 */
LIMPET_API limpet_result limpet_pause(limpet_client *client, bool is_paused);
/** Sends the next heartbeat now; the answer is due within heartbeat_timeout_ms as ever, and told by
    on_heartbeat. While one is outstanding, or without a link, this does nothing. For whoever wants proof that
    the peer has read what was sent before (a barrier); a peer may be busy reading. With dialect "off" a
    ping of RFC 6455 section 5.5.2 asks. LIMPET_NO_MEMORY. [any thread] */
LIMPET_API limpet_result limpet_ask(limpet_client *client);
/** The link is in doubt: asks the peer now, with probe_timeout_ms. A client that watches the network does it by itself
    when its way to the peer changed or the machine has slept. */
LIMPET_API limpet_result limpet_probe(limpet_client *client);
/**
 * What the application knows of the network better than the client: from a system's own service, or
 * with limpet_options.network_watch off. [any thread]
 *
 * LIMPET_INVALID_ARGUMENT: no such state. LIMPET_NO_MEMORY: from another thread than the client's, and
 * the hint was not taken.
 */
LIMPET_API limpet_result limpet_network_hint(limpet_client *client, limpet_network_state state);

/** One consistent picture; `size` is sizeof(limpet_snapshot) in the calling program. [any thread] */
LIMPET_API void limpet_get_snapshot(limpet_client *client, limpet_snapshot *snapshot, size_t size);

/** The state for people, as "Reconnecting (attempt 3 of 10, in 4s)", with its emoji in front if
    asked. Written to `text` (at most `cap` bytes with NUL); 160 are always enough. [any thread] */
LIMPET_API void limpet_status_text(limpet_client *client, bool emoji, char *text, size_t cap);

/** The whole URL dialed last, or set since then by limpet_set_url(); before both options.url. Valid
    until the next dial or limpet_set_url(). */
LIMPET_API const char *limpet_url(limpet_client *client);

/** The URL with secrets (user info, query values) replaced by ***. Returns the length it wants;
    what does not fit in `cap` bytes with NUL is cut. [any thread] */
LIMPET_API size_t limpet_url_redact(const char *url, char *text, size_t cap);

/** The monotonic clock of every `_at_ms`. [any thread] */
LIMPET_API uint64_t limpet_now_ms(void);

/**
 * The delay before retry `attempt` + 1, jitter included, in ms. Pure: `unit` in [0, 1) is the
 * random number, `previous_ms` the delay before (decorrelated only; pass 0 at the first).
 * [any thread]
 */
LIMPET_API uint64_t limpet_backoff_delay(const limpet_options *options, uint32_t attempt,
                                         double unit, uint64_t previous_ms);
/** @} */

/* ---- inside a loop of another kind ---------------------------------------------- */
/** @defgroup pump Inside a loop of another kind
    Clients in a program whose loop is not libuv's.
    @{ */

/**
 * Clients in a program whose loop is not libuv's: poll(), epoll, GLib, a game's frame. A pump
 * is a loop that never sleeps by itself; the program sleeps for it, on one descriptor and with one
 * deadline, and any number of clients share it:
 *
 *     limpet_pump_new(NULL, &pump);
 *     limpet_new(&options, limpet_pump_loop(pump), &client, detail);
 *     limpet_connect(client);
 *     while (...) {
 *       struct pollfd fds[] = {{limpet_pump_fd(pump), POLLIN, 0}, ...the program's own...};
 *       poll(fds, count, limpet_pump_timeout_ms(pump));
 *       limpet_pump_run(pump);
 *     }
 *     limpet_stop(client, 1000);
 *     while (limpet_pump_free(pump) == LIMPET_IN_USE) {
 *       poll(fds, 1, limpet_pump_timeout_ms(pump));
 *       limpet_pump_run(pump);
 *     }
 *
 * Threads: the thread that runs a pump is the loop thread of its clients. The functions below belong to
 * it; functions marked [any thread], called elsewhere, make the descriptor readable. A program without
 * a descriptor to sleep on may call limpet_pump_run() once a frame instead.
 */
typedef struct limpet_pump limpet_pump;

/**
 * Makes a pump, with memory from `allocator` or, if NULL, from the C library (its clients have their own
 * allocators). The caller owns it until limpet_pump_free() has answered LIMPET_OK.
 * LIMPET_INVALID_ARGUMENT: an allocator of less than three functions. LIMPET_NO_MEMORY. LIMPET_SYSTEM: no
 * descriptors (a pump takes three, or four with newer versions of libuv). [any thread]
 */
LIMPET_API limpet_result limpet_pump_new(const limpet_allocator *allocator, limpet_pump **pump);

/** What limpet_new() is given as `loop`. It is the pump's, lives as long, and is run by
    limpet_pump_run() alone. The program's own libuv handles may live on it too. [any thread] */
LIMPET_API struct uv_loop_s *limpet_pump_loop(limpet_pump *pump);

/** The descriptor to be polled for reading (level-triggered) while the program sleeps; the same all
    the pump's life. It is not to be read, nor closed. [any thread] */
LIMPET_API int limpet_pump_fd(limpet_pump *pump);

/**
 * How long the program may sleep on the descriptor, in ms, as poll() takes it: 0 not at all, -1 until
 * it is readable. Ask right before each sleep: every call on a client, limpet_send_text() too, may
 * have made it shorter. Changes nothing.
 */
LIMPET_API int limpet_pump_timeout_ms(limpet_pump *pump);

/**
 * Does what is due and returns: reads, writes, judges deadlines, calls callbacks. It never sleeps; a client
 * with busy_poll_us spins that long. At a busy time it returns before all is done, and
 * limpet_pump_timeout_ms() is 0. To be called when the descriptor is readable or the time has passed; once
 * too often does no harm, nor does a late call but for what it delays. Inside a callback of the pump's
 * clients it does nothing.
 */
LIMPET_API void limpet_pump_run(limpet_pump *pump);

/**
 * Frees the pump, after a last limpet_pump_run(), so callbacks may come. LIMPET_IN_USE, and it lives on: a
 * client on it was not stopped or has not come to its end yet (sleep, run, and call again; it takes no
 * longer than the deadline given to limpet_stop()), a handle of the program's own is on its loop, or the call
 * came out of a callback.
 */
LIMPET_API limpet_result limpet_pump_free(limpet_pump *pump);
/** @} */

#ifdef __cplusplus
}
#endif

#endif
