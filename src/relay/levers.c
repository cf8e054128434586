/* What a visitor of the demo's page may break: only where LIMPET_DEMO_LEVERS says so, on 127.0.0.1,
   and from no other site's page. */
#include "internal.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static void cut(struct relay *relay, const char *conversation_id, const char *user_id) {
  struct member *next;
  for (struct member *member = relay->members; member; member = next) {
    next = member->next;
    if (member->room && strcmp(member->room->id, conversation_id) == 0 &&
        strcmp(member->user_id, user_id) == 0)
      member_drop(member, END_LOST);
  }
}

void levers_cut(struct relay *relay, struct http_exchange *exchange) {
  const struct http_request *request = http_request(exchange);
  char conversation_id[PROTOCOL_ID_MAX + 1], user_id[PROTOCOL_ID_MAX + 1];
  const struct http_response done = {.status = 204};
  if (http_query(request, "conversation_id", conversation_id, sizeof conversation_id) !=
          HTTP_TEXT_FINE ||
      http_query(request, "user_id", user_id, sizeof user_id) != HTTP_TEXT_FINE) {
    routes_refuse(relay, exchange, 400, "bad_query",
                  "'conversation_id' and 'user_id' say whom to cut", NULL);
    return;
  }
  cut(relay, conversation_id, user_id);
  routes_log(relay, exchange, 204, "");
  http_respond(exchange, &done);
}

/* As a power failure would: no answer, no goodbye, nothing flushed. The demo starts it again. */
void levers_kill(struct relay *relay, struct http_exchange *exchange) {
  routes_log(relay, exchange, 0, "");
  (void)kill(getpid(), SIGKILL);
}
