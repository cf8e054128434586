/* The session, as far as a page can ask for it (see src/session/scope): a page sees no HTTP status
   and sends no pings, and its outbox is JavaScript. */
#ifndef SESSION_SCOPE_H
#define SESSION_SCOPE_H

enum {
  HAS_REPLACE_KEYS = 0, /* session_message.replace_key */
  HAS_STORED = 0,       /* session_message.is_stored */
  HAS_RECOVERED = 0,    /* session_recovered() */
  HAS_ACKS = 0,         /* CONFIRM_ACK */
  HAS_HTTP_STATUS = 0,  /* failure.http_status and failure.retry_after_ms */
  HAS_PINGS = 0,        /* DIALECT_WEBSOCKET: replies carry a counter */
  HAS_PAUSE = 0,        /* session_pause() */
  HAS_MOVE = 0,         /* VERDICT_MOVE */
  HAS_FRAMES = 0        /* session_frame_progress() */
};

#endif
