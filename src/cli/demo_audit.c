#include "demo_audit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *message, const char *name) {
  const char *text = json_string_value(json_object_get(message, name));
  return text ? text : "";
}

static void note_id(struct demo_audit *audit, unsigned who, const char *id) {
  const struct demo_chatter *c = &audit->chatters[who];
  for (unsigned i = 0; i < c->accepted_count; i++)
    if (strcmp(c->accepted[i], id) == 0)
      audit->found[who][i]++;
}

/* "ada 17": numbers of one sender only rise. */
static void note_text(struct demo_audit *audit, unsigned who, const char *plaintext) {
  const char *space = strrchr(plaintext, ' ');
  const unsigned number = space ? (unsigned)strtoul(space + 1, NULL, 10) : 0;
  struct demo_verdict *verdict = &audit->verdicts[who];
  verdict->stored++;
  verdict->repeated += number == audit->highest[who];
  verdict->out_of_order += number < audit->highest[who];
  if (number > audit->highest[who])
    audit->highest[who] = number;
}

static void on_message(struct demo_audit *audit, const json_t *message) {
  for (unsigned who = 0; who < DEMO_CHATTERS; who++) {
    if (strcmp(audit->chatters[who].name, text_of(message, "sender_id")) != 0)
      continue;
    note_id(audit, who, text_of(message, "id"));
    note_text(audit, who, text_of(message, "plaintext"));
  }
}

static void on_line(void *user, const char *line) {
  struct demo_audit *audit = user;
  json_t *message = json_loads(line, 0, NULL);
  const char *type = text_of(message, "type");
  if (strcmp(type, "message") == 0)
    on_message(audit, message);
  if (strcmp(type, "replayed") == 0) {
    audit->is_complete = true;
    demo_child_end_input(audit->child);
  }
  json_decref(message);
}

static void judge(struct demo_audit *audit, unsigned who) {
  struct demo_verdict *verdict = &audit->verdicts[who];
  for (unsigned i = 0; i < audit->chatters[who].accepted_count; i++) {
    verdict->lost += audit->found[who][i] == 0;
    verdict->repeated += audit->found[who][i] > 1;
  }
  for (unsigned viewer = 0; viewer < DEMO_CHATTERS; viewer++) {
    const struct demo_seen *seen = &audit->chatters[viewer].seen[who];
    verdict->shown_again += seen->repeated;
    verdict->shown_out_of_order += seen->out_of_order;
  }
}

static void on_exited(void *user, int status) {
  struct demo_audit *audit = user;
  audit->child = NULL;
  audit->is_complete &= status == 0;
  for (unsigned who = 0; who < DEMO_CHATTERS; who++)
    judge(audit, who);
  audit->done(audit->user);
}

bool demo_audit_start(struct demo_audit *audit, uv_loop_t *loop, const char *address) {
  char url[128];
  (void)snprintf(url, sizeof url, "ws://%s/ws?conversation_id=demo&user_id=auditor&after=0",
                 address);
  const char *const arguments[] = {"connect", "--quiet", "--proxy", "", url, NULL};
  const struct demo_child_events events = {.out = on_line, .exited = on_exited, .user = audit};
  audit->child = demo_child_start(loop, arguments, &events);
  return audit->child != NULL;
}

static bool saw_all(const struct demo_audit *audit, const struct demo_chatter *viewer) {
  for (unsigned who = 0; who < DEMO_CHATTERS; who++)
    if (viewer->seen[who].count != audit->verdicts[who].stored)
      return false;
  return true;
}

bool demo_audit_is_clean(const struct demo_audit *audit) {
  bool is_clean = audit->is_complete;
  for (unsigned who = 0; who < DEMO_CHATTERS; who++) {
    const struct demo_verdict *v = &audit->verdicts[who];
    is_clean = is_clean && v->stored && !v->lost && !v->repeated && !v->out_of_order &&
               !v->shown_again && !v->shown_out_of_order && saw_all(audit, &audit->chatters[who]) &&
               audit->chatters[who].exit_status == 0;
  }
  return is_clean;
}
