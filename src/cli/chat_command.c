/* The options of `limpet chat`. */
#include "chat_command.h"

#include "cli.h"
#include "connection_rows.h"

#include "chat.h"
#include "utf8.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define SEQUENCE_MAX 9007199254740991 /* relays know no higher ones */

#define OWN(field) offsetof(struct chat_command, field)
#define CONNECT(field) offsetof(struct chat_command, connect.field)

/* Shown by terminals, written into the URL and, as JSON, beside an outbox. */
static bool apply_id(void *target, const char *value, const struct option_row *row, char *error) {
  const size_t len = strlen(value);
  bool is_text = utf8_is_valid((const uint8_t *)value, len);
  for (const char *c = value; *c; c++)
    is_text &= (unsigned char)*c >= 0x20 && *c != 0x7F;
  if (len > 0 && len <= CHAT_ID_MAX && is_text)
    return option_text(target, value, row, error);
  (void)snprintf(error, OPTION_ERROR_CAP,
                 "1-128 bytes of UTF-8 without control characters are needed");
  return false;
}

static const struct option_row rows[] = {
    {"user", "ID", "who you are; required", apply_id, OWN(user_id), 0, 0},
    {"conversation", "ID", "which one to join; required", apply_id, OWN(conversation_id), 0, 0},
    {"outbox", "FILE",
     "keep what you say on disk until the relay has stored it,\n"
     "over restarts; a file belongs to one user in one\n"
     "conversation",
     option_text, CONNECT(client.outbox), 0, 0},
    {"after", "SEQ", "show what came after this sequence number (0: all)", option_u64, OWN(after),
     0, SEQUENCE_MAX},
    {"history", "N", "messages kept for scrolling back (1000)", option_u64, OWN(history_max), 1,
     1000000},
    {"linger", "MS",
     "not on a terminal: after the end of input, wait until\n"
     "nothing came for this long (200)",
     option_u32, CONNECT(linger_ms), 0, 3600000},
    {"keep-open", NULL, "not on a terminal: the end of input does not end the run", option_true,
     CONNECT(is_kept_open), 0, 0},
};

static const struct connection_command command = {
    .name = "chat",
    .usage = "Usage: limpet chat [OPTION]... --user ID --conversation ID URL\n\n"
             "Joins a conversation at a relay (limpet serve) and holds on through cuts: what was\n"
             "missed meanwhile is shown, what you say is kept until the relay has stored it. On\n"
             "a terminal it fills the screen; else each line of standard input is sent, and each\n"
             "message is printed as SENDER: TEXT. URL: ws:// or wss://; without a path, "
             "/ws.\n\nOptions:",
    .notes =
        "\nKeys: Enter sends; PgUp, PgDn scroll; Up, Down bring back what you said; Ctrl-T or\n"
        "F2 shows figures; Ctrl-R tries to connect now; Ctrl-D leaves when all is stored;\n"
        "Ctrl-C leaves at once.\n\n"
        "Exit status: 0 done and all stored; 1 usage or unusable input; 2 gave up;\n"
        "3 critical error; 4 ended, but messages were dropped; 130, 143 interrupted.\n\n"
        "Examples:\n"
        "  limpet chat --user ann --conversation lunch ws://127.0.0.1:8085\n"
        "  limpet chat --user ann --conversation lunch --outbox ann.outbox wss://relay.example\n"
        "  echo done | limpet chat --user ci --conversation builds ws://127.0.0.1:8085\n"
        "  limpet chat --user log --conversation lunch --keep-open ws://h:8085 </dev/null",
    .own = rows,
    .own_count = sizeof rows / sizeof *rows,
};

static const char *find_missing(const struct chat_command *c) {
  if (!c->user_id)
    return "--user";
  return c->conversation_id ? NULL : "--conversation";
}

bool chat_command_parse(struct chat_command *c, int argc, char **argv, int *status) {
  *c = (struct chat_command){.history_max = CHAT_HISTORY_MAX};
  if (!connection_parse(&command, &c->connect, argc, argv, status))
    return false;
  const char *missing = find_missing(c);
  if (missing)
    *status = complain("chat needs %s; --help tells more", missing);
  return !missing;
}

void chat_command_deinit(struct chat_command *c) {
  connect_options_deinit(&c->connect);
}
