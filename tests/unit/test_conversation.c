#include "conversation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *id_of(uint64_t number) {
  static char id[32];
  (void)snprintf(id, sizeof id, "m%llu", (unsigned long long)number);
  return id;
}

static enum conversation_arrival receive_as(struct conversation *c, uint64_t number,
                                            const char *id) {
  const struct chat_message *taken;
  const struct chat_message m = {
      .sequence_number = number, .id = id, .sender_id = "ann", .plaintext = "text"};
  const enum conversation_arrival arrival = conversation_receive(c, &m, &taken);
  if (arrival == CONVERSATION_NEW) {
    assert_int_equal(taken->sequence_number, number);
    assert_int_equal(taken->delivery, CHAT_STORED);
  } else {
    assert_null(taken);
  }
  return arrival;
}

static enum conversation_arrival receive(struct conversation *c, uint64_t number) {
  return receive_as(c, number, id_of(number));
}

static limpet_result echo(struct conversation *c, const char *id) {
  const struct chat_message m = {.id = id, .sender_id = "me", .plaintext = "mine"};
  return conversation_echo(c, &m);
}

/* The view as "1 2 +id? id! idx": numbers, then pending (?), stored (!) and dropped (x) echoes. */
static const char *view(const struct conversation *c) {
  static char text[512];
  size_t len = 0;
  text[0] = '\0';
  for (size_t i = 0; i < conversation_count(c); i++) {
    const struct chat_message *m = conversation_at(c, i);
    len += m->sequence_number
               ? (size_t)snprintf(text + len, sizeof text - len, "%s%llu", i ? " " : "",
                                  (unsigned long long)m->sequence_number)
               : (size_t)snprintf(text + len, sizeof text - len, "%s%s%c", i ? " " : "", m->id,
                                  "?!x"[m->delivery]);
  }
  return text;
}

struct order_case {
  const char *name;
  uint64_t after;
  size_t history_max;
  uint64_t numbers[8]; /* up to the first 0 */
  const char *view;
  uint64_t whole_to;
};

static void messages_stand_in_order_once(void **state) {
  (void)state;
  static const struct order_case cases[] = {
      {"nothing", 0, 9, {0}, "", 0},
      {"nothing after 7", 7, 9, {0}, "", 7},
      {"in order", 0, 9, {1, 2, 3}, "1 2 3", 3},
      {"numbers have gaps", 0, 9, {2, 5, 9}, "2 5 9", 9},
      {"repeats", 0, 9, {1, 2, 1, 2, 3, 3}, "1 2 3", 3},
      {"what was not asked for", 4, 9, {3, 4, 5}, "5", 5},
      {"a late one takes its place, and is doubt", 0, 9, {1, 4, 3, 5}, "1 3 4 5", 3},
      {"the lowest of several late ones", 0, 9, {9, 5, 7, 3}, "3 5 7 9", 3},
      {"a repeat is no doubt", 0, 9, {1, 4, 1, 5}, "1 4 5", 5},
      {"the oldest are forgotten", 0, 3, {1, 2, 3, 4, 5}, "3 4 5", 5},
      {"and stay so", 0, 3, {1, 2, 3, 4, 5, 1, 2}, "3 4 5", 5},
      {"late and older than what is kept", 0, 2, {5, 6, 3}, "5 6", 3},
      {"one message of history", 0, 1, {1, 2}, "2", 2},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    const struct order_case *x = &cases[i];
    struct conversation *c = conversation_new(x->after, x->history_max);
    for (size_t k = 0; x->numbers[k]; k++)
      (void)receive(c, x->numbers[k]);
    if (strcmp(view(c), x->view) != 0 || conversation_whole_to(c) != x->whole_to)
      fail_msg("%s: '%s', whole to %llu", x->name, view(c),
               (unsigned long long)conversation_whole_to(c));
    conversation_free(c);
  }
}

static void a_repeat_is_told_by_id_or_number(void **state) {
  (void)state;
  static const struct {
    uint64_t number;
    const char *id;
    enum conversation_arrival arrival;
  } cases[] = {
      {1, "a", CONVERSATION_NEW},      {1, "a", CONVERSATION_REPEATED},
      {1, "b", CONVERSATION_REPEATED}, {2, "a", CONVERSATION_REPEATED},
      {2, "b", CONVERSATION_NEW},      {3, "c", CONVERSATION_NEW},
  };
  struct conversation *c = conversation_new(0, 10);
  for (size_t i = 0; i < COUNT(cases); i++)
    if (receive_as(c, cases[i].number, cases[i].id) != cases[i].arrival)
      fail_msg("case %zu", i);
  assert_string_equal(view(c), "1 2 3");
  conversation_free(c);
}

/* A replay after a cut brings what is known and what is not. */
static void a_replay_fills_the_gap(void **state) {
  (void)state;
  struct conversation *c = conversation_new(0, 10);
  conversation_replay_begins(c);
  assert_false(conversation_replay_ended(c, 0));
  receive(c, 1);
  receive(c, 2);
  assert_int_equal(conversation_whole_to(c), 2);
  conversation_replay_begins(c); /* a cut in the midst of the replay */
  receive(c, 3);
  assert_int_equal(conversation_whole_to(c), 3);
  conversation_replay_begins(c);
  receive(c, 3);
  receive(c, 4);
  assert_false(conversation_replay_ended(c, 4));
  receive(c, 5);
  assert_string_equal(view(c), "1 2 3 4 5");
  assert_int_equal(conversation_whole_to(c), 5);
  conversation_free(c);
}

/* Doubt about the order ends with the next link, which asks for all after the doubtful place. */
static void doubt_is_cured_by_asking_again(void **state) {
  (void)state;
  struct conversation *c = conversation_new(0, 10);
  conversation_replay_begins(c);
  receive(c, 5);
  receive(c, 2);
  receive(c, 6);
  assert_int_equal(conversation_whole_to(c), 2);
  conversation_replay_begins(c);
  assert_int_equal(conversation_whole_to(c), 2);
  for (uint64_t number = 3; number <= 6; number++)
    receive(c, number);
  assert_int_equal(conversation_whole_to(c), 6);
  assert_string_equal(view(c), "2 3 4 5 6");
  conversation_free(c);
}

static void a_relay_that_began_anew_is_noticed(void **state) {
  (void)state;
  struct conversation *c = conversation_new(0, 10);
  conversation_replay_begins(c);
  for (uint64_t number = 1; number <= 3; number++)
    receive(c, number);
  assert_int_equal(echo(c, "e"), LIMPET_OK);
  conversation_replay_begins(c);
  assert_true(conversation_replay_ended(c, 2));
  assert_string_equal(view(c), "e?");
  receive_as(c, 3, "other");
  assert_string_equal(view(c), "3 e?");
  assert_int_equal(conversation_whole_to(c), 0); /* 1 and 2 are asked for by the next link */
  conversation_replay_begins(c);
  receive_as(c, 1, "x");
  receive_as(c, 2, "y");
  receive_as(c, 3, "other");
  assert_false(conversation_replay_ended(c, 3));
  assert_string_equal(view(c), "1 2 3 e?");
  assert_int_equal(conversation_whole_to(c), 3);
  conversation_free(c);
}

static void an_echo_becomes_its_message(void **state) {
  (void)state;
  struct conversation *c = conversation_new(0, 10);
  receive(c, 1);
  assert_int_equal(echo(c, "e1"), LIMPET_OK);
  assert_int_equal(echo(c, "e2"), LIMPET_OK);
  assert_string_equal(view(c), "1 e1? e2?");
  assert_int_equal(conversation_pending_count(c), 2);
  receive(c, 2); /* other people's go above what has no number */
  assert_string_equal(view(c), "1 2 e1? e2?");
  assert_true(conversation_stored(c, "e1"));
  assert_string_equal(view(c), "1 2 e1! e2?");
  assert_int_equal(conversation_whole_to(c), 2); /* the acknowledgement raised nothing */
  receive_as(c, 3, "e1");
  assert_string_equal(view(c), "1 2 3 e2?");
  receive_as(c, 4, "e2"); /* before its acknowledgement */
  assert_string_equal(view(c), "1 2 3 4");
  assert_false(conversation_stored(c, "e2"));
  assert_int_equal(receive_as(c, 4, "e2"), CONVERSATION_REPEATED);
  assert_int_equal(conversation_numbered_count(c), 4);
  conversation_free(c);
}

static void fates_of_echoes(void **state) {
  (void)state;
  struct conversation *c = conversation_new(0, 10);
  echo(c, "a");
  echo(c, "b");
  echo(c, "c");
  assert_true(conversation_dropped(c, "a", LIMPET_DROP_NOT_STORED));
  assert_int_equal(conversation_at(c, 0)->drop, LIMPET_DROP_NOT_STORED);
  assert_true(conversation_stored(c, "b"));
  assert_false(conversation_dropped(c, "b", LIMPET_DROP_DISCONNECTED)); /* stored is stored */
  conversation_retract(c, "c");
  assert_string_equal(view(c), "ax b!");
  assert_int_equal(conversation_pending_count(c), 0);
  assert_false(conversation_stored(c, "of an earlier run"));
  assert_false(conversation_dropped(c, "of an earlier run", LIMPET_DROP_CLEARED));
  receive_as(c, 1, "of an earlier run");
  assert_string_equal(view(c), "1 ax b!");
  conversation_free(c);
}

/* The relay's copy is there under a number: nothing waits any more. */
static void an_echo_of_a_known_message_goes(void **state) {
  (void)state;
  struct conversation *c = conversation_new(0, 10);
  receive_as(c, 1, "a");
  echo(c, "b");
  assert_int_equal(receive_as(c, 1, "b"), CONVERSATION_REPEATED);
  assert_string_equal(view(c), "1");
  conversation_free(c);
}

static void echoes_are_bounded(void **state) {
  (void)state;
  char id[32];
  struct conversation *c = conversation_new(0, 10);
  for (unsigned i = 0; i < CONVERSATION_ECHOES_MAX; i++) {
    (void)snprintf(id, sizeof id, "e%u", i);
    assert_int_equal(echo(c, id), LIMPET_OK);
  }
  assert_int_equal(echo(c, "more"), LIMPET_QUEUE_OVERFLOW);
  assert_int_equal(conversation_count(c), CONVERSATION_ECHOES_MAX);
  conversation_stored(c, "e7");
  assert_int_equal(echo(c, "more"), LIMPET_OK);
  assert_int_equal(conversation_count(c), CONVERSATION_ECHOES_MAX);
  assert_int_equal(echo(c, "even more"), LIMPET_QUEUE_OVERFLOW);
  conversation_free(c);
}

static void history_is_bounded(void **state) {
  (void)state;
  struct conversation *c = conversation_new(0, 100);
  echo(c, "mine");
  for (uint64_t number = 1; number <= 5000; number++)
    assert_int_equal(receive(c, number), CONVERSATION_NEW);
  assert_int_equal(conversation_numbered_count(c), 100);
  assert_int_equal(conversation_count(c), 101);
  assert_int_equal(conversation_at(c, 0)->sequence_number, 4901);
  assert_int_equal(conversation_forgotten_count(c), 4900);
  assert_int_equal(conversation_pending_count(c), 1);
  conversation_free(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_stand_in_order_once),
      cmocka_unit_test(a_repeat_is_told_by_id_or_number),
      cmocka_unit_test(a_replay_fills_the_gap),
      cmocka_unit_test(doubt_is_cured_by_asking_again),
      cmocka_unit_test(a_relay_that_began_anew_is_noticed),
      cmocka_unit_test(an_echo_becomes_its_message),
      cmocka_unit_test(fates_of_echoes),
      cmocka_unit_test(an_echo_of_a_known_message_goes),
      cmocka_unit_test(echoes_are_bounded),
      cmocka_unit_test(history_is_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
