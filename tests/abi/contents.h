/* What the first header declares: each member of a struct and each constant, by name. Included by
   one file with the first header and by one with today's, so that the two can be compared. */
#ifndef ABI_CONTENTS_H
#define ABI_CONTENTS_H

#define ABI_STRUCTS(X)                                                                             \
  X(limpet_error)                                                                                  \
  X(limpet_retry)                                                                                  \
  X(limpet_fate_report)                                                                            \
  X(limpet_close_info)                                                                             \
  X(limpet_metrics)                                                                                \
  X(limpet_snapshot)                                                                               \
  X(limpet_callbacks)                                                                              \
  X(limpet_allocator)                                                                              \
  X(limpet_options)                                                                                \
  X(limpet_send_options)

#define ABI_MEMBERS(X)                                                                             \
  X(limpet_error, kind)                                                                            \
  X(limpet_error, retryable)                                                                       \
  X(limpet_error, message)                                                                         \
  X(limpet_error, detail)                                                                          \
  X(limpet_error, close_code)                                                                      \
  X(limpet_error, http_status)                                                                     \
  X(limpet_error, endpoint)                                                                        \
  X(limpet_retry, attempt)                                                                         \
  X(limpet_retry, max_retries)                                                                     \
  X(limpet_retry, delay_ms)                                                                        \
  X(limpet_fate_report, id)                                                                        \
  X(limpet_fate_report, fate)                                                                      \
  X(limpet_fate_report, drop)                                                                      \
  X(limpet_fate_report, attempts)                                                                  \
  X(limpet_fate_report, message_id)                                                                \
  X(limpet_close_info, code)                                                                       \
  X(limpet_close_info, reason)                                                                     \
  X(limpet_close_info, was_clean)                                                                  \
  X(limpet_metrics, reconnects)                                                                    \
  X(limpet_metrics, queued_messages)                                                               \
  X(limpet_metrics, queued_bytes)                                                                  \
  X(limpet_metrics, connection_duration_ms)                                                        \
  X(limpet_metrics, messages_in)                                                                   \
  X(limpet_metrics, messages_out)                                                                  \
  X(limpet_metrics, bytes_in)                                                                      \
  X(limpet_metrics, bytes_out)                                                                     \
  X(limpet_metrics, dropped)                                                                       \
  X(limpet_metrics, downtime_ms)                                                                   \
  X(limpet_metrics, longest_outage_ms)                                                             \
  X(limpet_metrics, rtt_last_us)                                                                   \
  X(limpet_metrics, rtt_min_us)                                                                    \
  X(limpet_metrics, rtt_mean_us)                                                                   \
  X(limpet_metrics, rtt_max_us)                                                                    \
  X(limpet_metrics, clock_offset_ms)                                                               \
  X(limpet_metrics, outbox_messages)                                                               \
  X(limpet_metrics, outbox_bytes)                                                                  \
  X(limpet_snapshot, state)                                                                        \
  X(limpet_snapshot, reason)                                                                       \
  X(limpet_snapshot, attempt)                                                                      \
  X(limpet_snapshot, max_retries)                                                                  \
  X(limpet_snapshot, next_retry_at_ms)                                                             \
  X(limpet_snapshot, now_ms)                                                                       \
  X(limpet_snapshot, last_error)                                                                   \
  X(limpet_snapshot, last_error_retryable)                                                         \
  X(limpet_snapshot, last_close_code)                                                              \
  X(limpet_snapshot, last_http_status)                                                             \
  X(limpet_snapshot, last_error_detail)                                                            \
  X(limpet_snapshot, metrics)                                                                      \
  X(limpet_callbacks, on_text)                                                                     \
  X(limpet_callbacks, on_binary)                                                                   \
  X(limpet_callbacks, on_state)                                                                    \
  X(limpet_callbacks, on_open)                                                                     \
  X(limpet_callbacks, on_close)                                                                    \
  X(limpet_callbacks, on_error)                                                                    \
  X(limpet_callbacks, on_typing)                                                                   \
  X(limpet_callbacks, on_fate)                                                                     \
  X(limpet_callbacks, on_high_water)                                                               \
  X(limpet_callbacks, on_drained)                                                                  \
  X(limpet_callbacks, on_heartbeat)                                                                \
  X(limpet_callbacks, on_retry)                                                                    \
  X(limpet_callbacks, on_log)                                                                      \
  X(limpet_callbacks, policy)                                                                      \
  X(limpet_allocator, alloc)                                                                       \
  X(limpet_allocator, realloc)                                                                     \
  X(limpet_allocator, free)                                                                        \
  X(limpet_allocator, context)                                                                     \
  X(limpet_options, size)                                                                          \
  X(limpet_options, url)                                                                           \
  X(limpet_options, origin)                                                                        \
  X(limpet_options, headers)                                                                       \
  X(limpet_options, subprotocols)                                                                  \
  X(limpet_options, user)                                                                          \
  X(limpet_options, callbacks)                                                                     \
  X(limpet_options, max_retries)                                                                   \
  X(limpet_options, initial_delay_ms)                                                              \
  X(limpet_options, max_delay_ms)                                                                  \
  X(limpet_options, multiplier)                                                                    \
  X(limpet_options, jitter)                                                                        \
  X(limpet_options, stable_after_ms)                                                               \
  X(limpet_options, retry_after_max_ms)                                                            \
  X(limpet_options, reconnect_on_normal_close)                                                     \
  X(limpet_options, heartbeat)                                                                     \
  X(limpet_options, heartbeat_interval_ms)                                                         \
  X(limpet_options, heartbeat_timeout_ms)                                                          \
  X(limpet_options, probe_timeout_ms)                                                              \
  X(limpet_options, connect_timeout_ms)                                                            \
  X(limpet_options, close_timeout_ms)                                                              \
  X(limpet_options, hold_until_ready)                                                              \
  X(limpet_options, ready_timeout_ms)                                                              \
  X(limpet_options, confirm)                                                                       \
  X(limpet_options, in_flight)                                                                     \
  X(limpet_options, ack_timeout_ms)                                                                \
  X(limpet_options, queue_limit)                                                                   \
  X(limpet_options, queue_limit_bytes)                                                             \
  X(limpet_options, high_water)                                                                    \
  X(limpet_options, max_message)                                                                   \
  X(limpet_options, max_handshake)                                                                 \
  X(limpet_options, compress)                                                                      \
  X(limpet_options, compress_window_bits)                                                          \
  X(limpet_options, compress_no_context_takeover)                                                  \
  X(limpet_options, outbox)                                                                        \
  X(limpet_options, outbox_limit)                                                                  \
  X(limpet_options, outbox_limit_bytes)                                                            \
  X(limpet_options, outbox_durability_ms)                                                          \
  X(limpet_options, tls_ca_file)                                                                   \
  X(limpet_options, tls_cert_file)                                                                 \
  X(limpet_options, tls_key_file)                                                                  \
  X(limpet_options, tls_insecure)                                                                  \
  X(limpet_options, happy_eyeballs_delay_ms)                                                       \
  X(limpet_options, busy_poll_us)                                                                  \
  X(limpet_options, allocator)                                                                     \
  X(limpet_send_options, promise)                                                                  \
  X(limpet_send_options, ttl_ms)                                                                   \
  X(limpet_send_options, replace_key)                                                              \
  X(limpet_send_options, message_id)

#define ABI_CONSTANTS(X)                                                                           \
  X(LIMPET_OK)                                                                                     \
  X(LIMPET_INVALID_ARGUMENT)                                                                       \
  X(LIMPET_NOT_CONNECTED)                                                                          \
  X(LIMPET_QUEUE_OVERFLOW)                                                                         \
  X(LIMPET_MESSAGE_TOO_BIG)                                                                        \
  X(LIMPET_INVALID_UTF8)                                                                           \
  X(LIMPET_NO_MEMORY)                                                                              \
  X(LIMPET_SYSTEM)                                                                                 \
  X(LIMPET_TIMED_OUT)                                                                              \
  X(LIMPET_WRONG_THREAD)                                                                           \
  X(LIMPET_OUTBOX)                                                                                 \
  X(LIMPET_CLOSED)                                                                                 \
  X(LIMPET_CONNECTING)                                                                             \
  X(LIMPET_CONNECTED)                                                                              \
  X(LIMPET_DISCONNECTED)                                                                           \
  X(LIMPET_RECONNECTING)                                                                           \
  X(LIMPET_WAITING_FOR_NETWORK)                                                                    \
  X(LIMPET_ERROR)                                                                                  \
  X(LIMPET_FAILED)                                                                                 \
  X(LIMPET_REASON_NONE)                                                                            \
  X(LIMPET_REASON_CONNECT)                                                                         \
  X(LIMPET_REASON_OPENED)                                                                          \
  X(LIMPET_REASON_LOST)                                                                            \
  X(LIMPET_REASON_RETRY)                                                                           \
  X(LIMPET_REASON_CRITICAL)                                                                        \
  X(LIMPET_REASON_GAVE_UP)                                                                         \
  X(LIMPET_REASON_NETWORK_DOWN)                                                                    \
  X(LIMPET_REASON_NETWORK_UP)                                                                      \
  X(LIMPET_REASON_DISCONNECT)                                                                      \
  X(LIMPET_ERROR_NONE)                                                                             \
  X(LIMPET_ERROR_DNS)                                                                              \
  X(LIMPET_ERROR_NETWORK_UNREACHABLE)                                                              \
  X(LIMPET_ERROR_CONNECT_REFUSED)                                                                  \
  X(LIMPET_ERROR_CONNECT_TIMEOUT)                                                                  \
  X(LIMPET_ERROR_TLS)                                                                              \
  X(LIMPET_ERROR_TLS_VERIFY)                                                                       \
  X(LIMPET_ERROR_PROXY)                                                                            \
  X(LIMPET_ERROR_CONNECTION_LOST)                                                                  \
  X(LIMPET_ERROR_HEARTBEAT_TIMEOUT)                                                                \
  X(LIMPET_ERROR_HTTP_STATUS)                                                                      \
  X(LIMPET_ERROR_HANDSHAKE)                                                                        \
  X(LIMPET_ERROR_PROTOCOL)                                                                         \
  X(LIMPET_ERROR_CLOSED_BY_PEER)                                                                   \
  X(LIMPET_ERROR_MESSAGE_TOO_BIG)                                                                  \
  X(LIMPET_ERROR_GAVE_UP)                                                                          \
  X(LIMPET_ERROR_INVALID_ARGUMENT)                                                                 \
  X(LIMPET_ERROR_NOT_CONNECTED)                                                                    \
  X(LIMPET_ERROR_QUEUE_OVERFLOW)                                                                   \
  X(LIMPET_ERROR_OUTBOX)                                                                           \
  X(LIMPET_ERROR_PROVIDER)                                                                         \
  X(LIMPET_ERROR_NO_MEMORY)                                                                        \
  X(LIMPET_ERROR_SYSTEM)                                                                           \
  X(LIMPET_JITTER_NONE)                                                                            \
  X(LIMPET_JITTER_EQUAL)                                                                           \
  X(LIMPET_JITTER_FULL)                                                                            \
  X(LIMPET_JITTER_DECORRELATED)                                                                    \
  X(LIMPET_DIALECT_WEBSOCKET)                                                                      \
  X(LIMPET_DIALECT_PING)                                                                           \
  X(LIMPET_DIALECT_TIMESTAMP)                                                                      \
  X(LIMPET_DIALECT_OFF)                                                                            \
  X(LIMPET_CONFIRM_NONE)                                                                           \
  X(LIMPET_CONFIRM_BARRIER)                                                                        \
  X(LIMPET_CONFIRM_ACK)                                                                            \
  X(LIMPET_FATE_QUEUED)                                                                            \
  X(LIMPET_FATE_STORED)                                                                            \
  X(LIMPET_FATE_WRITTEN)                                                                           \
  X(LIMPET_FATE_CONFIRMED)                                                                         \
  X(LIMPET_FATE_DROPPED)                                                                           \
  X(LIMPET_DROP_NONE)                                                                              \
  X(LIMPET_DROP_OVERFLOW)                                                                          \
  X(LIMPET_DROP_EXPIRED)                                                                           \
  X(LIMPET_DROP_REPLACED)                                                                          \
  X(LIMPET_DROP_DISCONNECTED)                                                                      \
  X(LIMPET_DROP_CLEARED)                                                                           \
  X(LIMPET_DROP_NOT_STORED)                                                                        \
  X(LIMPET_BACK_OFF)                                                                               \
  X(LIMPET_RETRY_NOW)                                                                              \
  X(LIMPET_GIVE_UP)                                                                                \
  X(LIMPET_LOG_ERROR)                                                                              \
  X(LIMPET_LOG_WARN)                                                                               \
  X(LIMPET_LOG_INFO)                                                                               \
  X(LIMPET_LOG_DEBUG)                                                                              \
  X(LIMPET_PROMISE_QUEUE)                                                                          \
  X(LIMPET_PROMISE_NOW)                                                                            \
  X(LIMPET_PROMISE_DURABLE)

#endif
