/* The conversation on a client, against a relay in the test's hands. */
#include "chat.h"

#include "client_peer.h"
#include "conversation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct room {
  struct world world;
  struct peer peer;
  struct chat *chat;
  char told[512]; /* texts of on_message, in order */
  unsigned refusals, begun_anew, closed;
};

static void on_message(struct chat *chat, const struct chat_message *m, void *user) {
  struct room *room = user;
  (void)chat;
  const size_t used = strlen(room->told);
  (void)snprintf(room->told + used, sizeof room->told - used, "%llu:%s ",
                 (unsigned long long)m->sequence_number, m->plaintext);
}

static void on_refusal(struct chat *chat, const struct chat_refusal *refusal, void *user) {
  (void)chat;
  assert_string_equal(refusal->code, "too_long");
  assert_string_equal(refusal->message, "No");
  assert_string_equal(refusal->id, "x");
  ((struct room *)user)->refusals++;
}

static void on_begun_anew(struct chat *chat, void *user) {
  (void)chat;
  ((struct room *)user)->begun_anew++;
}

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  struct room *room = chat_user(user);
  (void)client;
  (void)from;
  (void)reason;
  room->closed += to == LIMPET_CLOSED;
}

static void fill_options(struct room *room, struct chat_options *o) {
  chat_options_init(o);
  o->client.url = room->peer.url;
  o->client.initial_delay_ms = o->client.max_delay_ms = 1;
  o->client.callbacks.on_state = on_state;
  o->conversation_id = "c";
  o->user_id = "me";
  o->user = room;
  o->callbacks = (struct chat_callbacks){
      .on_message = on_message, .on_refusal = on_refusal, .on_begun_anew = on_begun_anew};
}

static void room_init(struct room *room) {
  struct chat_options o;
  memset(room, 0, sizeof *room);
  world_init(&room->world);
  peer_init(&room->peer, &room->world);
  fill_options(room, &o);
  assert_int_equal(chat_new(&o, (struct uv_loop_s *)room->world.uv, &room->chat, NULL), LIMPET_OK);
}

static void room_open(struct room *room) {
  limpet_connect(chat_client(room->chat));
  world_until(&room->world, room->peer.opened_count == 1);
}

static void room_end(struct room *room) {
  const unsigned closed = room->closed;
  limpet_stop(chat_client(room->chat), 1000);
  if (room->peer.opened_count) /* else it is CLOSED already */
    world_until(&room->world, room->closed > closed);
  peer_deinit(&room->peer);
  world_deinit(&room->world);
  chat_free(room->chat);
}

static void tell(struct room *room, uint64_t number, const char *id, const char *sender,
                 const char *text) {
  char wire[512];
  (void)snprintf(
      wire, sizeof wire,
      "{\"type\":\"message\",\"id\":\"%s\",\"conversation_id\":\"c\",\"sender_id\":\"%s\","
      "\"plaintext\":\"%s\",\"sequence_number\":%llu,"
      "\"created_at\":\"2026-11-25T16:34:18.123Z\"}",
      id, sender, text, (unsigned long long)number);
  peer_send(&room->peer, wire);
}

static void tell_replayed(struct room *room, uint64_t number) {
  char wire[80];
  (void)snprintf(wire, sizeof wire, "{\"type\":\"replayed\",\"sequence_number\":%llu}",
                 (unsigned long long)number);
  peer_send(&room->peer, wire);
}

/* Cuts the link and waits for the next one. */
static void cut(struct room *room) {
  const unsigned opened = room->peer.opened_count;
  peer_reset(&room->peer);
  world_until(&room->world, room->peer.opened_count == opened + 1 && room->peer.link);
}

static bool url_asks_after(struct room *room, const char *number) {
  char end[40];
  const char *url = limpet_url(chat_client(room->chat));
  (void)snprintf(end, sizeof end, "&after=%s", number);
  return strlen(url) > strlen(end) && strcmp(url + strlen(url) - strlen(end), end) == 0;
}

static void each_link_asks_for_what_was_missed(void **state) {
  struct room room;
  (void)state;
  room_init(&room);
  assert_true(url_asks_after(&room, "0"));
  room_open(&room);
  tell(&room, 3, "a", "ann", "one");
  tell(&room, 7, "b", "ann", "two");
  tell_replayed(&room, 7);
  world_until(&room.world, chat_is_settled(room.chat));
  assert_int_equal(chat_whole_to(room.chat), 7);
  cut(&room);
  assert_true(url_asks_after(&room, "7"));
  assert_false(chat_is_settled(room.chat));
  tell(&room, 7, "b", "ann", "two");
  tell(&room, 8, "c", "ann", "three");
  tell_replayed(&room, 8);
  world_until(&room.world, chat_is_settled(room.chat));
  assert_string_equal(room.told, "3:one 7:two 8:three ");
  room_end(&room);
}

/* The id that stands in the last message that the relay received. */
static const char *sent_id(struct room *room) {
  static char id[64];
  const char *text = room->peer.messages[room->peer.messages_count - 1].data;
  assert_int_equal(sscanf(text, "{\"type\":\"message\",\"id\":\"%63[^\"]\"", id), 1);
  return id;
}

static void acknowledge(struct room *room, const char *id) {
  char wire[128];
  (void)snprintf(wire, sizeof wire, "{\"type\":\"ack\",\"id\":\"%s\",\"sequence_number\":9}", id);
  peer_send(&room->peer, wire);
}

static enum chat_delivery delivery(struct room *room) {
  return chat_at(room->chat, chat_count(room->chat) - 1)->delivery;
}

static void an_echo_is_pending_until_the_relay_has_it(void **state) {
  struct room room;
  (void)state;
  room_init(&room);
  room_open(&room);
  assert_int_equal(chat_send(room.chat, "hi", 2), LIMPET_OK);
  assert_int_equal(chat_count(room.chat), 1);
  assert_int_equal(delivery(&room), CHAT_PENDING);
  world_until(&room.world, room.peer.messages_count == 1);
  char first[64];
  (void)snprintf(first, sizeof first, "%s", sent_id(&room));
  cut(&room); /* not acknowledged: it goes again, under the same id */
  world_until(&room.world, room.peer.messages_count == 2);
  assert_string_equal(sent_id(&room), first);
  acknowledge(&room, first);
  world_until(&room.world, delivery(&room) == CHAT_STORED);
  assert_int_equal(chat_whole_to(room.chat), 0);
  tell(&room, 8, "other", "ann", "before");
  tell(&room, 9, first, "me", "hi");
  tell_replayed(&room, 9);
  world_until(&room.world, chat_is_settled(room.chat));
  assert_int_equal(chat_count(room.chat), 2);
  assert_string_equal(room.told, "8:before 9:hi ");
  room_end(&room);
}

static void what_makes_no_sense_is_counted(void **state) {
  static const char elsewhere[] =
      "{\"type\":\"message\",\"id\":\"i\",\"conversation_id\":\"another\",\"sender_id\":\"s\","
      "\"plaintext\":\"p\",\"sequence_number\":1,\"created_at\":\"2026-11-25T16:34:18.123Z\"}";
  static const char *const nonsense[] = {
      "", "x", "[]", "{\"type\":\"message\"}", "{\"type\":\"ack\"}", elsewhere};
  const size_t count = sizeof nonsense / sizeof *nonsense;
  struct room room;
  (void)state;
  room_init(&room);
  room_open(&room);
  for (size_t i = 0; i < count; i++)
    peer_send(&room.peer, nonsense[i]);
  peer_send(&room.peer, "{\"type\":\"something new\"}"); /* is fine */
  peer_send(&room.peer,
            "{\"type\":\"error\",\"code\":\"too_long\",\"message\":\"No\",\"id\":\"x\"}");
  world_until(&room.world, room.refusals == 1);
  assert_int_equal(chat_malformed_count(room.chat), count);
  assert_int_equal(chat_count(room.chat), 0);
  room_end(&room);
}

static void typing_comes_and_goes(void **state) {
  const char *ids[4];
  struct room room;
  (void)state;
  room_init(&room);
  room_open(&room);
  peer_send(&room.peer, "{\"type\":\"typing\",\"conversation_id\":\"c\",\"user_id\":\"me\"}");
  peer_send(&room.peer, "{\"type\":\"typing\",\"conversation_id\":\"d\",\"user_id\":\"bob\"}");
  peer_send(&room.peer, "{\"type\":\"typing\",\"conversation_id\":\"c\",\"user_id\":\"ann\"}");
  world_until(&room.world, chat_typing(room.chat, limpet_now_ms(), ids, 4) == 1);
  assert_string_equal(ids[0], "ann");
  tell(&room, 1, "a", "ann", "done");
  world_until(&room.world, chat_typing(room.chat, limpet_now_ms(), ids, 4) == 0);
  chat_say_typing(room.chat, 1000); /* said once, however many keys */
  chat_say_typing(room.chat, 1001);
  chat_say_typing(room.chat, 2000);
  assert_int_equal(chat_send(room.chat, "x", 1), LIMPET_OK);
  world_until(&room.world, room.peer.messages_count == 2);
  assert_non_null(strstr(room.peer.messages[0].data, "\"typing\""));
  room_end(&room);
}

static void a_full_queue_takes_no_more_and_loses_nothing(void **state) {
  struct room room;
  (void)state;
  room_init(&room); /* never connected */
  for (unsigned i = 0; i < 100; i++)
    assert_int_equal(chat_send(room.chat, "x", 1), LIMPET_OK);
  assert_int_equal(chat_send(room.chat, "x", 1), LIMPET_QUEUE_OVERFLOW);
  assert_int_equal(chat_pending_count(room.chat), 100);
  assert_int_equal(chat_count(room.chat), 100);
  limpet_connect(chat_client(room.chat));
  world_until(&room.world, room.peer.messages_count == 100);
  room_end(&room);
  assert_int_equal(room.refusals, 0);
}

/* The relay sent them back, but its acknowledgements were lost with the link: they are shown as
   stored, and still take their place in the queue. */
static void what_is_not_acknowledged_counts(void **state) {
  struct room room;
  (void)state;
  room_init(&room);
  room_open(&room);
  for (unsigned i = 0; i < 100; i++)
    assert_int_equal(chat_send(room.chat, "x", 1), LIMPET_OK);
  world_until(&room.world, room.peer.messages_count == 100);
  for (unsigned i = 0; i < 100; i++)
    tell(&room, i + 1, chat_at(room.chat, i)->id, "me", "x");
  world_until(&room.world, chat_pending_count(room.chat) == 0);
  assert_int_equal(chat_send(room.chat, "x", 1), LIMPET_QUEUE_OVERFLOW);
  room_end(&room);
}

static void what_cannot_be_sent_is_refused(void **state) {
  static char longest[CHAT_TEXT_MAX + 1];
  struct room room;
  (void)state;
  room_init(&room);
  memset(longest, 'x', sizeof longest);
  assert_int_equal(chat_send(room.chat, longest, sizeof longest), LIMPET_MESSAGE_TOO_BIG);
  assert_int_equal(chat_send(room.chat, "\xFF", 1), LIMPET_INVALID_UTF8);
  assert_int_equal(chat_send(room.chat, "a\0b", 3), LIMPET_INVALID_UTF8);
  assert_int_equal(chat_count(room.chat), 0);
  memset(longest, 1, sizeof longest); /* the most that JSON can make of it */
  assert_int_equal(chat_send(room.chat, longest, CHAT_TEXT_MAX), LIMPET_OK);
  room_open(&room);
  world_until(&room.world, room.peer.messages_count == 1);
  assert_true(room.peer.messages[0].len < 65536);
  room_end(&room);
}

static void a_relay_that_began_anew_is_told(void **state) {
  struct room room;
  (void)state;
  room_init(&room);
  room_open(&room);
  tell(&room, 5, "a", "ann", "old");
  world_until(&room.world, chat_count(room.chat) == 1);
  cut(&room);
  tell_replayed(&room, 2);
  world_until(&room.world, room.begun_anew == 1);
  assert_int_equal(chat_count(room.chat), 0);
  cut(&room);
  assert_true(url_asks_after(&room, "0"));
  room_end(&room);
}

static void options_are_checked(void **state) {
  struct room room;
  struct chat *chat;
  char detail[LIMPET_DETAIL_CAP];
  static char long_id[CHAT_ID_MAX + 2];
  (void)state;
  room_init(&room);
  memset(long_id, 'x', CHAT_ID_MAX + 1);
  for (unsigned i = 0; i < 7; i++) {
    struct chat_options o;
    fill_options(&room, &o);
    o.conversation_id = i == 0 ? NULL : i == 1 ? "" : i == 2 ? long_id : "c";
    o.user_id = i == 3 ? NULL : "me";
    o.history_max = i == 4 ? 0 : 10;
    o.client.url = i == 5 ? NULL : i == 6 ? "http://h" : room.peer.url;
    detail[0] = '\0';
    assert_int_equal(chat_new(&o, (struct uv_loop_s *)room.world.uv, &chat, detail),
                     LIMPET_INVALID_ARGUMENT);
    assert_true(strlen(detail) > 10);
  }
  room_end(&room);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_link_asks_for_what_was_missed),
      cmocka_unit_test(an_echo_is_pending_until_the_relay_has_it),
      cmocka_unit_test(what_makes_no_sense_is_counted),
      cmocka_unit_test(typing_comes_and_goes),
      cmocka_unit_test(a_full_queue_takes_no_more_and_loses_nothing),
      cmocka_unit_test(what_is_not_acknowledged_counts),
      cmocka_unit_test(what_cannot_be_sent_is_refused),
      cmocka_unit_test(a_relay_that_began_anew_is_told),
      cmocka_unit_test(options_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
