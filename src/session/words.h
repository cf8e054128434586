/* States, reasons, fates: the words of the contract, and their names. */
#ifndef SESSION_WORDS_H
#define SESSION_WORDS_H

enum session_state {
  STATE_CLOSED,
  STATE_CONNECTING,
  STATE_CONNECTED,
  STATE_DISCONNECTED,
  STATE_RECONNECTING,
  STATE_WAITING_FOR_NETWORK,
  STATE_ERROR,
  STATE_FAILED,
  STATE_COUNT
};

enum session_reason {
  REASON_NONE,
  REASON_CONNECT,
  REASON_OPENED,
  REASON_LOST,
  REASON_RETRY,
  REASON_CRITICAL,
  REASON_GAVE_UP,
  REASON_NETWORK_DOWN,
  REASON_NETWORK_UP,
  REASON_DISCONNECT,
  REASON_COUNT
};

enum session_confirm { CONFIRM_NONE, CONFIRM_BARRIER, CONFIRM_ACK };

enum session_fate { FATE_QUEUED, FATE_STORED, FATE_WRITTEN, FATE_CONFIRMED, FATE_DROPPED };

enum session_drop {
  DROP_NONE,
  DROP_OVERFLOW,
  DROP_EXPIRED,
  DROP_REPLACED,
  DROP_DISCONNECTED,
  DROP_CLEARED,
  DROP_NOT_STORED, /* the driver's: its outbox refused it */
  DROP_DUPLICATE   /* the driver's: its outbox has one with this id */
};

/** "RECONNECTING"; "?" for no such value. */
const char *session_state_name(enum session_state state);
/** "lost" */
const char *session_reason_name(enum session_reason reason);
/** "written" */
const char *session_fate_name(enum session_fate fate);
/** "overflow" */
const char *session_drop_name(enum session_drop drop);

#endif
