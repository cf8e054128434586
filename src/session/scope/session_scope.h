/*
 * What the drivers of a build can ask for; the compiler leaves out what is 0. A driver that can
 * do less puts a header of this name in the include path instead of this folder, as the browser's
 * engine does (web/engine/session_scope.h).
 */
#ifndef SESSION_SCOPE_H
#define SESSION_SCOPE_H

enum {
  HAS_REPLACE_KEYS = 1, /* session_message.replace_key */
  HAS_STORED = 1,       /* session_message.is_stored */
  HAS_RECOVERED = 1,    /* session_recovered() */
  HAS_ACKS = 1,         /* CONFIRM_ACK */
  HAS_HTTP_STATUS = 1,  /* failure.http_status and failure.retry_after_ms */
  HAS_PINGS = 1,        /* DIALECT_WEBSOCKET: replies carry a counter */
  HAS_PAUSE = 1,        /* session_pause() */
  HAS_MOVE = 1,         /* VERDICT_MOVE */
  HAS_FRAMES = 1        /* session_frame_progress() */
};

#endif
