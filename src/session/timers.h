/* All of a session's times, and the question whose reply they wait for. */
#ifndef SESSION_TIMERS_H
#define SESSION_TIMERS_H

#include "session.h"

void timers_link_opened(struct session *s, uint64_t now_ms);
/** Resets the counter if the open link has lasted, whether or not a tick has come. */
void timers_settle_stability(struct session *s, uint64_t now_ms);

bool timers_want_question(const struct session *s, uint64_t now_ms);
void timers_question_handed(struct session *s, uint64_t now_ms,
                            struct heartbeat_question *question);
void timers_question_asked(struct session *s, uint64_t now_us, uint64_t stream_begin,
                           uint64_t stream_end);
/** `stream_sent` has grown. */
void timers_stream_advanced(struct session *s, uint64_t now_ms);
void timers_stream_shifted(struct session *s, uint64_t stream_at, uint64_t len);
void timers_frame_progressed(struct session *s, uint64_t now_ms, uint64_t len);
void timers_ask_now(struct session *s, uint64_t now_ms);
void timers_probed(struct session *s, uint64_t now_ms);
/** The pause is over: what was waited for meanwhile may have arrived long ago. */
void timers_resumed(struct session *s, uint64_t now_ms);
/** Whether it answers the question; then the question is over. */
bool timers_reply_received(struct session *s, uint64_t now_us, const struct heartbeat_reply *reply);

uint64_t timers_deadline(const struct session *s);
/** Does what is due. */
void timers_run(struct session *s, uint64_t now_ms);

#endif
