/*
 * Limpet: a WebSocket client that outlives its sockets.
 *
 * A client is one conversation with a service. It dials, notices a dead link by
 * its heartbeat, waits, dials again, and keeps the messages that it promised to
 * keep. States, reasons and promises are described in docs/states.md and in the
 * comments below.
 *
 * Conventions
 *   NULL       Pointers must not be NULL unless the comment says "or NULL".
 *   Strings    UTF-8, NUL-terminated unless a length is given. The library copies
 *              what it keeps; what a callback is given is valid until it returns.
 *   Ownership  limpet_new() makes a client, limpet_stop() ends and frees it.
 *   Threads    A client belongs to one loop thread: the thread that runs the
 *              caller's uv_loop_t, or a thread of the client's own. Callbacks run on
 *              it, never under a lock, and may call every function here. Functions
 *              marked [any thread] may be called from anywhere; all others, where
 *              the client runs on the caller's loop, on the loop thread only; a
 *              client with its own thread accepts every call from any thread.
 *   Time       Durations are milliseconds (`_ms`); moments (`_at_ms`) count on the
 *              monotonic clock of limpet_now_ms(). LIMPET_NEVER means no moment.
 *   Errors     Calls return a limpet_result, 0 is success. Why a link ended is a
 *              limpet_error_kind; what travels in a close frame is a close code
 *              (RFC 6455, section 7.4). The three are never mixed.
 */
#ifndef LIMPET_LIMPET_H
#define LIMPET_LIMPET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32) || !defined(__GNUC__)
#define LIMPET_API
#else
#define LIMPET_API __attribute__((visibility("default")))
#endif

#define LIMPET_VERSION "0.1.0"

/** No such moment: a deadline that never comes. */
#define LIMPET_NEVER UINT64_MAX
/** For max_retries: never give up. */
#define LIMPET_RETRY_FOREVER UINT32_MAX
/** Longest detail of an error, with its NUL. Longer ones are cut at a character. */
#define LIMPET_DETAIL_CAP 256

typedef struct limpet_client limpet_client;
struct uv_loop_s;

/* ---- results ------------------------------------------------------------------ */

/** What a call answers. */
typedef enum limpet_result {
  LIMPET_OK = 0,
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
  LIMPET_OUTBOX            /**< the outbox file cannot be used; the detail says why */
} limpet_result;

/** The constant's name in lower case, without prefix, as "not_connected". [any thread] */
LIMPET_API const char *limpet_result_name(limpet_result result);
/** A sentence for people. [any thread] */
LIMPET_API const char *limpet_result_text(limpet_result result);

/* ---- words -------------------------------------------------------------------- */

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
  LIMPET_REASON_NONE,
  LIMPET_REASON_CONNECT,
  LIMPET_REASON_OPENED,
  LIMPET_REASON_LOST,
  LIMPET_REASON_RETRY,
  LIMPET_REASON_CRITICAL,
  LIMPET_REASON_GAVE_UP,
  LIMPET_REASON_NETWORK_DOWN,
  LIMPET_REASON_NETWORK_UP,
  LIMPET_REASON_DISCONNECT
} limpet_reason;

/** Why a link ended or could not be made. */
typedef enum limpet_error_kind {
  LIMPET_ERROR_NONE,
  LIMPET_ERROR_DNS,
  LIMPET_ERROR_NETWORK_UNREACHABLE,
  LIMPET_ERROR_CONNECT_REFUSED,
  LIMPET_ERROR_CONNECT_TIMEOUT,
  LIMPET_ERROR_TLS,
  LIMPET_ERROR_TLS_VERIFY,
  LIMPET_ERROR_PROXY,
  LIMPET_ERROR_CONNECTION_LOST,
  LIMPET_ERROR_HEARTBEAT_TIMEOUT,
  LIMPET_ERROR_HTTP_STATUS,
  LIMPET_ERROR_HANDSHAKE,
  LIMPET_ERROR_PROTOCOL,
  LIMPET_ERROR_CLOSED_BY_PEER,
  LIMPET_ERROR_MESSAGE_TOO_BIG,
  LIMPET_ERROR_GAVE_UP,
  LIMPET_ERROR_INVALID_ARGUMENT,
  LIMPET_ERROR_NOT_CONNECTED,
  LIMPET_ERROR_QUEUE_OVERFLOW,
  LIMPET_ERROR_OUTBOX,
  LIMPET_ERROR_PROVIDER,
  LIMPET_ERROR_NO_MEMORY,
  LIMPET_ERROR_SYSTEM
} limpet_error_kind;

typedef enum limpet_jitter {
  LIMPET_JITTER_NONE,
  LIMPET_JITTER_EQUAL,       /**< delay x uniform(0.5, 1.0) */
  LIMPET_JITTER_FULL,        /**< delay x uniform(0, 1) */
  LIMPET_JITTER_DECORRELATED /**< uniform(initial, min(max, 3 x previous)) */
} limpet_jitter;

/** How the heartbeat is spelled. */
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
                               message_id; until then it is kept and sent again on each new link, and on
                               this one after ack_timeout_ms without any acknowledgement */
} limpet_confirm;

typedef enum limpet_fate {
  LIMPET_FATE_QUEUED,    /**< accepted and waiting in memory */
  LIMPET_FATE_STORED,    /**< promise "durable": on disk, and only now accepted */
  LIMPET_FATE_WRITTEN,   /**< the kernel has taken its last byte */
  LIMPET_FATE_CONFIRMED, /**< read by the other end: final */
  LIMPET_FATE_DROPPED    /**< will not be sent (again): final */
} limpet_fate;

typedef enum limpet_drop {
  LIMPET_DROP_NONE,
  LIMPET_DROP_OVERFLOW,     /**< the queue was full, this was its oldest message */
  LIMPET_DROP_EXPIRED,      /**< its ttl_ms passed */
  LIMPET_DROP_REPLACED,     /**< a newer message with the same replace_key took its place */
  LIMPET_DROP_DISCONNECTED, /**< limpet_disconnect() or limpet_stop() */
  LIMPET_DROP_CLEARED,      /**< limpet_queue_clear() */
  LIMPET_DROP_NOT_STORED    /**< promise "durable": the outbox could not take it; on_error said why */
} limpet_drop;

/** What to do after an error. */
typedef enum limpet_decision {
  LIMPET_BACK_OFF,  /**< retry after the usual delay */
  LIMPET_RETRY_NOW, /**< retry at once; it counts against max_retries like any other */
  LIMPET_GIVE_UP    /**< enter ERROR */
} limpet_decision;

typedef enum limpet_log_level {
  LIMPET_LOG_ERROR,
  LIMPET_LOG_WARN,
  LIMPET_LOG_INFO,
  LIMPET_LOG_DEBUG
} limpet_log_level;

/** Upper-case names, as "RECONNECTING". Unknown values give "?". [any thread] */
LIMPET_API const char *limpet_state_name(limpet_state state);
/** Lower-case names, as "lost", "connect_refused", "dropped", "overflow". [any thread] */
LIMPET_API const char *limpet_reason_name(limpet_reason reason);
LIMPET_API const char *limpet_error_kind_name(limpet_error_kind kind);
LIMPET_API const char *limpet_fate_name(limpet_fate fate);
LIMPET_API const char *limpet_drop_name(limpet_drop drop);

/* ---- what callbacks are given ------------------------------------------------- */

typedef struct limpet_error {
  limpet_error_kind kind;
  bool retryable;        /**< whether the client goes on trying by itself */
  const char *message;   /**< a short sentence for people, as "Connection lost" */
  const char *detail;    /**< what exactly, for logs; secrets are replaced by *** */
  uint16_t close_code;   /**< received or sent close code, 0 if none */
  uint16_t http_status;  /**< status of a refused upgrade, 0 if none */
  const char *endpoint;  /**< the URL dialed, secrets replaced by *** */
} limpet_error;

typedef struct limpet_retry {
  uint32_t attempt;     /**< 1 for the first retry */
  uint32_t max_retries; /**< or LIMPET_RETRY_FOREVER */
  uint64_t delay_ms;    /**< how long until the dial */
} limpet_retry;

typedef struct limpet_fate_report {
  uint64_t id; /**< as limpet_send_text() gave it; with an outbox unique over all runs on its file */
  limpet_fate fate;
  limpet_drop drop;       /**< set when the fate is LIMPET_FATE_DROPPED */
  uint32_t attempts;      /**< how often it was written so far, earlier runs included */
  const char *message_id; /**< as in limpet_send_options, or NULL if it has none */
} limpet_fate_report;

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
  uint64_t messages_in, messages_out;
  uint64_t bytes_in, bytes_out; /**< payload bytes of those messages */
  uint64_t dropped;             /**< messages dropped, whatever the reason */
  uint64_t downtime_ms;         /**< time between a loss and the next opening, summed */
  uint64_t longest_outage_ms;
  uint32_t rtt_last_us, rtt_min_us, rtt_mean_us, rtt_max_us;
  int64_t clock_offset_ms; /**< server clock minus ours, dialect "timestamp" only */
  uint64_t outbox_messages; /**< stored, or on their way to the disk, and not yet confirmed */
  uint64_t outbox_bytes;    /**< their payload */
} limpet_metrics;

/** One consistent picture of a client. */
typedef struct limpet_snapshot {
  limpet_state state;
  limpet_reason reason;     /**< why the state was entered */
  uint32_t attempt;         /**< retries since the counter was last reset */
  uint32_t max_retries;
  uint64_t next_retry_at_ms; /**< LIMPET_NEVER when none is planned */
  uint64_t now_ms;           /**< the moment of the picture */
  limpet_error_kind last_error;
  bool last_error_retryable;
  uint16_t last_close_code, last_http_status;
  char last_error_detail[LIMPET_DETAIL_CAP];
  limpet_metrics metrics;
} limpet_snapshot;

/**
 * Everything a client reports. All may be NULL. `user` is limpet_options.user.
 * Callbacks come one at a time on the loop thread, and nothing follows CLOSED.
 */
typedef struct limpet_callbacks {
  /** A whole message. `data` points into the receive buffer: copy what you keep. */
  void (*on_text)(limpet_client *client, const char *data, size_t len, void *user);
  void (*on_binary)(limpet_client *client, const void *data, size_t len, void *user);
  /** Each state change, once and in order. */
  void (*on_state)(limpet_client *client, limpet_state from, limpet_state to, limpet_reason reason,
                   void *user);
  /** A link is open. With hold_until_ready, log in here and call limpet_ready(). */
  void (*on_open)(limpet_client *client, void *user);
  /** A link that was open has ended. */
  void (*on_close)(limpet_client *client, const limpet_close_info *info, void *user);
  void (*on_error)(limpet_client *client, const limpet_error *error, void *user);
  /** {"type":"typing"} came; both ids may be "". Without this callback it is an ordinary text. */
  void (*on_typing)(limpet_client *client, const char *conversation_id, const char *user_id,
                    void *user);
  void (*on_fate)(limpet_client *client, const limpet_fate_report *report, void *user);
  /** limpet_buffered_amount() rose to high_water: pause sending. On the loop thread it comes
      inside the limpet_send_*() call that raised it. */
  void (*on_high_water)(limpet_client *client, void *user);
  /** After on_high_water: it fell to half of it. Sending may go on. */
  void (*on_drained)(limpet_client *client, void *user);
  /** A heartbeat was answered: the peer's WebSocket endpoint has read everything that went out
      before the question. */
  void (*on_heartbeat)(limpet_client *client, uint32_t rtt_us, void *user);
  void (*on_retry)(limpet_client *client, const limpet_retry *retry, void *user);
  void (*on_log)(limpet_client *client, limpet_log_level level, const char *line, void *user);
  /** Asked at each error, with what the client would do; the answer is what it does. */
  limpet_decision (*policy)(limpet_client *client, const limpet_error *error,
                            limpet_decision proposed, void *user);
} limpet_callbacks;

/** Where memory comes from. All three or none; must be thread-safe and outlive the client. */
typedef struct limpet_allocator {
  void *(*alloc)(size_t size, void *context);
  void *(*realloc)(void *memory, size_t size, void *context);
  void (*free)(void *memory, void *context);
  void *context;
} limpet_allocator;

/* ---- options ------------------------------------------------------------------ */

/**
 * How a client behaves. Fill it with limpet_options_init(), change what you need and pass
 * it to limpet_new(), which copies all of it. Out of range is LIMPET_INVALID_ARGUMENT.
 */
typedef struct limpet_options {
  size_t size; /**< sizeof of this struct in the program; set by limpet_options_init() */

  /** ws://, wss:// or ws+unix:///path/to.sock:/request/path. User info becomes Basic
      authorization, a fragment is refused. Required. */
  const char *url;
  const char *origin;              /**< Origin header, or NULL for none */
  const char *const *headers;      /**< "Name: value" lines, NULL at the end, or NULL */
  const char *const *subprotocols; /**< tokens in order of preference, NULL at the end, or NULL */
  void *user;                      /**< handed to every callback */
  limpet_callbacks callbacks;

  uint32_t max_retries;      /**< after the first dial; default 10; 0 never retries */
  uint32_t initial_delay_ms; /**< 1-3600000, default 1000 */
  uint32_t max_delay_ms;     /**< initial_delay_ms-86400000, default 60000 */
  double multiplier;         /**< 1.0-10.0, default 1.5 */
  limpet_jitter jitter;      /**< default LIMPET_JITTER_EQUAL */
  uint32_t stable_after_ms;  /**< 0-3600000, default 5000; 0: stable once open */
  uint32_t retry_after_max_ms; /**< bound on a server's Retry-After; 0-86400000, default 300000 */
  bool reconnect_on_normal_close; /**< default true: close codes 1000 and 1001 are retried too */

  limpet_dialect heartbeat;       /**< default LIMPET_DIALECT_WEBSOCKET */
  uint32_t heartbeat_interval_ms; /**< 100-3600000, default 30000 */
  uint32_t heartbeat_timeout_ms;  /**< 10-heartbeat_interval_ms, default 10000 */
  uint32_t probe_timeout_ms;      /**< 10-3600000, default 2000 */

  uint32_t connect_timeout_ms; /**< look-up to 101; 10-600000, default 10000 */
  uint32_t close_timeout_ms;   /**< 0-60000, default 3000 */
  bool hold_until_ready;       /**< default false: the queue drains as soon as a link is open */
  uint32_t ready_timeout_ms;   /**< 10-600000, default 10000 */

  limpet_confirm confirm;    /**< default LIMPET_CONFIRM_NONE; barrier needs a heartbeat */
  uint32_t in_flight;        /**< unconfirmed messages at once; 1-65536, default 256 */
  uint32_t ack_timeout_ms;   /**< confirm ack: written and no acknowledgement came for this long,
                                  what is unconfirmed goes again; 0 (never)-3600000, default 30000 */
  uint32_t queue_limit;      /**< messages kept without a link; 1-1000000, default 100 */
  uint64_t queue_limit_bytes; /**< their payload; 1-2^40, default 1 MiB */
  uint64_t high_water;       /**< 1 KiB-2^40, default 1 MiB */
  uint64_t max_message;      /**< largest message either way; 1-2^31, default 16 MiB */
  uint32_t max_handshake;    /**< largest HTTP response head; 256-1 MiB, default 16 KiB */

  bool compress;           /**< offer permessage-deflate (RFC 7692); default false */
  uint8_t compress_window_bits; /**< 9-15, default 15 */
  bool compress_no_context_takeover; /**< default false */

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

/**
 * Makes a client in state CLOSED. With `loop` it runs there, and that loop must be run by
 * the caller until the client has been stopped; with NULL it runs a thread of its own.
 * The caller's loop thread is the thread of this call. On failure `detail` (LIMPET_DETAIL_CAP
 * bytes, or NULL) receives a sentence that names the option or what the system said.
 * LIMPET_INVALID_ARGUMENT (also a TLS file that cannot be used); LIMPET_OUTBOX (another process
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

/** The URL for the next dial; the present link stays. `detail` as in limpet_new().
    LIMPET_INVALID_ARGUMENT, LIMPET_NO_MEMORY; the old URL stays then. [any thread] */
LIMPET_API limpet_result limpet_set_url(limpet_client *client, const char *url, char *detail);

/* ---- sending ------------------------------------------------------------------ */

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
 * Errors: LIMPET_NOT_CONNECTED, LIMPET_QUEUE_OVERFLOW (durable: the outbox is full),
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

/** Called once when a flush ends: LIMPET_OK, LIMPET_TIMED_OUT, or LIMPET_NOT_CONNECTED after CLOSED. */
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

/** With hold_until_ready: the queue may drain on this link. Else without effect. */
LIMPET_API limpet_result limpet_ready(limpet_client *client);
/** The application vouches for this link: it counts as stable now, the attempt counter is 0. */
LIMPET_API limpet_result limpet_healthy(limpet_client *client);
/** Asks the peer now, with probe_timeout_ms: call it when the machine woke up. */
LIMPET_API limpet_result limpet_probe(limpet_client *client);

/** One consistent picture; `size` is sizeof(limpet_snapshot) in the calling program. [any thread] */
LIMPET_API void limpet_get_snapshot(limpet_client *client, limpet_snapshot *snapshot, size_t size);

/** The state for people, as "Reconnecting (attempt 3 of 10, in 4s)", with its emoji in front if
    asked. Written to `text` (at most `cap` bytes with NUL); 160 are always enough. [any thread] */
LIMPET_API void limpet_status_text(limpet_client *client, bool emoji, char *text, size_t cap);

/** The whole URL of the next dial, valid until limpet_set_url(). */
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

#ifdef __cplusplus
}
#endif

#endif
