/*
 * A bot in a conversation of `limpet serve`: it answers whatever ends in a question mark, once,
 * however often the link is cut and the bot is restarted.
 *
 *     limpet serve --store relay.db &
 *     example-chatbot ws://127.0.0.1:8085 tea robot robot.seen
 *     limpet chat --user ann --conversation tea ws://127.0.0.1:8085
 *
 * The last one is the file in which it remembers the number of the last question it has answered
 * for sure. An answer's id is made of the question's number: one that is given again after a crash
 * is dropped by the relay. SIGINT or SIGTERM ends it.
 */
#include <jansson.h>
#include <limpet/limpet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_CAP 1024
#define CLOSE_MS 2000
/* A long history comes in one go, and nothing says "not so fast" to it: acknowledgements come
   behind it. So all its answers must find room. */
#define ANSWERS_MAX 1000000
#define ANSWERS_MAX_BYTES (UINT64_C(1) << 30)

/* Touched by the client's thread alone once it runs. */
struct bot {
  const char *server, *conversation, *name, *file;
  json_int_t seen; /* nothing up to here is looked at again */
};

static bool write_url(const struct bot *bot, char url[URL_CAP]) {
  const int len =
      snprintf(url, URL_CAP, "%s/ws?conversation_id=%s&user_id=%s&after=%" JSON_INTEGER_FORMAT,
               bot->server, bot->conversation, bot->name, bot->seen);
  return len > 0 && len < URL_CAP;
}

static void recall(struct bot *bot) {
  FILE *file = fopen(bot->file, "r");
  if (file && fscanf(file, "%" JSON_INTEGER_FORMAT, &bot->seen) != 1)
    fprintf(stderr, "%s: no number in it; beginning with the first message\n", bot->file);
  if (file)
    fclose(file);
}

/* By way of another file, so that a crash leaves the old number or the new one. */
static void remember(const struct bot *bot, json_int_t seen) {
  char fresh[URL_CAP];
  (void)snprintf(fresh, sizeof fresh, "%s.new", bot->file);
  FILE *file = fopen(fresh, "w");
  bool is_written = file && fprintf(file, "%" JSON_INTEGER_FORMAT "\n", seen) > 0;
  is_written = file && fclose(file) == 0 && is_written;
  if (!is_written || rename(fresh, bot->file) != 0)
    perror(bot->file);
}

static void answer(limpet_client *client, const struct bot *bot, json_int_t question,
                   const char *asker) {
  char id[LIMPET_MESSAGE_ID_MAX + 1], words[256];
  (void)snprintf(id, sizeof id, "%" JSON_INTEGER_FORMAT "-by-%s", question, bot->name);
  (void)snprintf(words, sizeof words, "%.100s, that is a good question.", asker);
  json_t *message = json_pack("{s:s, s:s, s:s}", "type", "message", "id", id, "plaintext", words);
  char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
  const limpet_send_options how = {.message_id = id};
  if (!text || limpet_send_text(client, text, strlen(text), &how, NULL) != LIMPET_OK)
    fprintf(stderr, "no answer to %" JSON_INTEGER_FORMAT "\n", question);
  free(text);
  json_decref(message);
}

/* Its own messages come back to it like everybody's. */
static void take_message(limpet_client *client, const char *type, const char *text, size_t len,
                         void *user) {
  struct bot *bot = user;
  const char *sender, *words;
  json_int_t number;
  (void)type;
  json_t *message = json_loadb(text, len, 0, NULL);
  if (message &&
      json_unpack(message, "{s:s, s:s, s:I}", "sender_id", &sender, "plaintext", &words,
                  "sequence_number", &number) == 0 &&
      number > bot->seen) {
    const size_t words_len = strlen(words);
    bot->seen = number;
    printf("%s: %s\n", sender, words);
    if (strcmp(sender, bot->name) != 0 && words_len > 0 && words[words_len - 1] == '?')
      answer(client, bot, number, sender);
  }
  json_decref(message);
}

/* The relay's log began anew: what is remembered is of another one. */
static void take_error(limpet_client *client, const char *type, const char *text, size_t len,
                       void *user) {
  struct bot *bot = user;
  const char *code;
  json_int_t last;
  (void)client, (void)type;
  json_t *error = json_loadb(text, len, 0, NULL);
  if (error && json_unpack(error, "{s:s, s:I}", "code", &code, "sequence_number", &last) == 0 &&
      strcmp(code, "unknown_sequence_number") == 0) {
    bot->seen = last;
    remember(bot, last);
  }
  fprintf(stderr, "%.*s\n", (int)len, text);
  json_decref(error);
}

/* Acknowledged by the relay: now the question is done with. They come in the order of sending. */
static void on_fate(limpet_client *client, const limpet_fate_report *report, void *user) {
  json_int_t question;
  (void)client;
  if (report->fate == LIMPET_FATE_CONFIRMED && report->message_id &&
      sscanf(report->message_id, "%" JSON_INTEGER_FORMAT, &question) == 1)
    remember(user, question);
  if (report->fate == LIMPET_FATE_DROPPED)
    fprintf(stderr, "answer %s was dropped: %s\n", report->message_id,
            limpet_drop_name(report->drop));
}

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  char url[URL_CAP];
  (void)from;
  printf("%s (%s)\n", limpet_state_name(to), limpet_reason_name(reason));
  if (to == LIMPET_DISCONNECTED &&
      write_url(user, url)) /* the next link goes on where this ended */
    limpet_set_url(client, url, NULL);
}

int main(int argc, char **argv) {
  char url[URL_CAP], detail[LIMPET_DETAIL_CAP];
  limpet_client *client;
  limpet_options options;
  sigset_t signals;
  int number;
  if (argc != 5) {
    fprintf(stderr, "usage: %s ws://HOST:PORT CONVERSATION NAME FILE\n", argv[0]);
    return 1;
  }
  struct bot bot = {argv[1], argv[2], argv[3], argv[4], 0};
  recall(&bot);
  setvbuf(stdout, NULL, _IOLBF, 0);
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, NULL); /* before the client's thread is made */
  limpet_options_init(&options, sizeof options);
  options.url = write_url(&bot, url) ? url : "";
  options.user = &bot;
  options.confirm = LIMPET_CONFIRM_ACK;
  options.max_retries = LIMPET_RETRY_FOREVER;
  options.queue_limit = ANSWERS_MAX;
  options.queue_limit_bytes = ANSWERS_MAX_BYTES;
  options.callbacks.on_state = on_state;
  options.callbacks.on_fate = on_fate;
  if (limpet_new(&options, NULL, &client, detail) != LIMPET_OK) {
    fprintf(stderr, "%s\n", detail);
    return 1;
  }
  limpet_result result = limpet_on_type(client, "message", take_message, &bot, NULL);
  if (result == LIMPET_OK)
    result = limpet_on_type(client, "error", take_error, &bot, NULL);
  if (result == LIMPET_OK)
    result = limpet_connect(client);
  if (result == LIMPET_OK)
    sigwait(&signals, &number);
  limpet_stop(client, CLOSE_MS);
  return result == LIMPET_OK ? 0 : 1;
}
