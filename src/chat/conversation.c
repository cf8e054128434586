/* Order, repeats, echoes. */
#include "conversation.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One allocation: the strings stand behind it. The hash makes looking for an id a walk over
 * numbers. */
struct item {
  struct chat_message message;
  uint64_t id_hash;
};

struct conversation {
  struct item **items; /* numbered_count of them, then the echoes */
  size_t count, numbered_count, cap;
  size_t history_max;
  uint64_t asked;     /* all after this number, when the link opened */
  uint64_t highest;   /* seen on this link, or asked */
  uint64_t held_at;   /* something after this number is missing; UINT64_MAX: nothing */
  uint64_t forgotten; /* the highest number that was let go */
  uint64_t forgotten_count;
};

/* FNV-1a, 64 bits. */
static uint64_t hash_text(const char *text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (; *text; text++)
    hash = (hash ^ (unsigned char)*text) * 0x100000001B3;
  return hash;
}

static const char *put_text(char **at, const char *text) {
  const size_t size = strlen(text) + 1;
  char *copy = *at;
  memcpy(copy, text, size);
  *at += size;
  return copy;
}

static struct item *make_item(const struct chat_message *m) {
  struct item *item =
      malloc(sizeof *item + strlen(m->id) + strlen(m->sender_id) + strlen(m->plaintext) + 3);
  if (!item)
    return NULL;
  char *at = (char *)(item + 1);
  item->message = *m;
  item->message.id = put_text(&at, m->id);
  item->message.sender_id = put_text(&at, m->sender_id);
  item->message.plaintext = put_text(&at, m->plaintext);
  item->id_hash = hash_text(m->id);
  return item;
}

struct conversation *conversation_new(uint64_t after, size_t history_max) {
  assert(history_max > 0);
  struct conversation *c = calloc(1, sizeof *c);
  if (!c)
    return NULL;
  c->asked = c->highest = c->forgotten = after;
  c->held_at = UINT64_MAX;
  c->history_max = history_max;
  return c;
}

void conversation_free(struct conversation *c) {
  if (!c)
    return;
  for (size_t i = 0; i < c->count; i++)
    free(c->items[i]);
  free(c->items);
  free(c);
}

/* ---- places ---- */

static bool find_id(const struct conversation *c, const char *id, size_t begin, size_t *index) {
  const uint64_t hash = hash_text(id);
  for (*index = begin; *index < c->count; ++*index)
    if (c->items[*index]->id_hash == hash && strcmp(c->items[*index]->message.id, id) == 0)
      return true;
  return false;
}

/* Where a number stands, or belongs. */
static size_t place_of(const struct conversation *c, uint64_t number) {
  size_t low = 0, high = c->numbered_count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (c->items[middle]->message.sequence_number < number)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool has_number(const struct conversation *c, uint64_t number) {
  const size_t at = place_of(c, number);
  return at < c->numbered_count && c->items[at]->message.sequence_number == number;
}

static bool make_room(struct conversation *c) {
  if (c->count < c->cap)
    return true;
  const size_t cap = c->cap ? c->cap * 2 : 64;
  struct item **grown = realloc(c->items, cap * sizeof(struct item *));
  if (!grown)
    return false;
  c->items = grown;
  c->cap = cap;
  return true;
}

/* There is room. */
static void insert_at(struct conversation *c, size_t at, struct item *item) {
  memmove(c->items + at + 1, c->items + at, (c->count - at) * sizeof(struct item *));
  c->items[at] = item;
  c->count++;
}

static void remove_at(struct conversation *c, size_t at) {
  free(c->items[at]);
  c->count--;
  memmove(c->items + at, c->items + at + 1, (c->count - at) * sizeof(struct item *));
  if (at < c->numbered_count)
    c->numbered_count--;
}

/* ---- what comes ---- */

static void hold_at(struct conversation *c, uint64_t number) {
  if (number < c->held_at)
    c->held_at = number;
}

static void forget_oldest(struct conversation *c) {
  const uint64_t number = c->items[0]->message.sequence_number;
  if (number > c->forgotten)
    c->forgotten = number;
  c->forgotten_count++;
  remove_at(c, 0);
}

/* Takes the place of its echo, so there is room. */
static void replace_echo(struct conversation *c, size_t echo, struct item *item) {
  remove_at(c, echo);
  insert_at(c, place_of(c, item->message.sequence_number), item);
  c->numbered_count++;
}

static bool is_known(const struct conversation *c, const struct chat_message *m) {
  size_t at;
  return m->sequence_number <= c->forgotten || has_number(c, m->sequence_number) ||
         (find_id(c, m->id, 0, &at) && at < c->numbered_count);
}

static bool take(struct conversation *c, const struct chat_message *m, struct item **taken) {
  size_t echo;
  struct item *item = make_item(m);
  if (!item || !make_room(c)) {
    free(item);
    return false;
  }
  if (find_id(c, m->id, c->numbered_count, &echo)) {
    replace_echo(c, echo, item);
  } else {
    insert_at(c, place_of(c, m->sequence_number), item);
    c->numbered_count++;
  }
  *taken = item;
  return true;
}

/* An echo whose message is already here under another number has nothing to wait for. */
static void settle_repeated(struct conversation *c, const struct chat_message *m) {
  size_t at;
  if (find_id(c, m->id, c->numbered_count, &at))
    remove_at(c, at);
}

enum conversation_arrival conversation_receive(struct conversation *c, const struct chat_message *m,
                                               const struct chat_message **taken) {
  struct item *item = NULL;
  const bool is_late = m->sequence_number < c->highest;
  assert(m->sequence_number > 0);
  *taken = NULL;
  if (!is_late)
    c->highest = m->sequence_number;
  if (is_known(c, m)) {
    settle_repeated(c, m);
    return CONVERSATION_REPEATED;
  }
  if (!take(c, m, &item)) {
    hold_at(c, m->sequence_number - 1);
    return CONVERSATION_NO_MEMORY;
  }
  item->message.delivery = CHAT_STORED;
  if (is_late) /* the relay does not keep the order: more like it may be on its way */
    hold_at(c, m->sequence_number);
  if (c->numbered_count > c->history_max)
    forget_oldest(c);
  if (m->sequence_number <= c->forgotten)
    return CONVERSATION_REPEATED; /* it was the oldest itself */
  *taken = &item->message;
  return CONVERSATION_NEW;
}

/* ---- echoes ---- */

/* What is stored or dropped and has no number makes room first. */
static bool make_room_for_echo(struct conversation *c) {
  if (c->count - c->numbered_count < CONVERSATION_ECHOES_MAX)
    return true;
  for (size_t i = c->numbered_count; i < c->count; i++)
    if (c->items[i]->message.delivery != CHAT_PENDING) {
      remove_at(c, i);
      return true;
    }
  return false;
}

limpet_result conversation_echo(struct conversation *c, const struct chat_message *m) {
  if (!make_room_for_echo(c))
    return LIMPET_QUEUE_OVERFLOW;
  struct item *item = make_item(m);
  if (!item || !make_room(c)) {
    free(item);
    return LIMPET_NO_MEMORY;
  }
  item->message.sequence_number = 0;
  item->message.delivery = CHAT_PENDING;
  c->items[c->count++] = item;
  return LIMPET_OK;
}

static struct chat_message *find_echo(struct conversation *c, const char *id) {
  size_t at;
  return find_id(c, id, c->numbered_count, &at) ? &c->items[at]->message : NULL;
}

bool conversation_stored(struct conversation *c, const char *id) {
  struct chat_message *echo = find_echo(c, id);
  if (echo)
    echo->delivery = CHAT_STORED;
  return echo != NULL;
}

bool conversation_dropped(struct conversation *c, const char *id, limpet_drop drop) {
  struct chat_message *echo = find_echo(c, id);
  if (!echo || echo->delivery == CHAT_STORED)
    return false;
  echo->delivery = CHAT_DROPPED;
  echo->drop = drop;
  return true;
}

void conversation_retract(struct conversation *c, const char *id) {
  size_t at;
  if (find_id(c, id, c->numbered_count, &at))
    remove_at(c, at);
}

/* ---- links ---- */

uint64_t conversation_whole_to(const struct conversation *c) {
  return c->highest < c->held_at ? c->highest : c->held_at;
}

void conversation_replay_begins(struct conversation *c) {
  c->asked = c->highest = conversation_whole_to(c);
  c->held_at = UINT64_MAX;
}

/* Its numbers mean other messages now. What came before this link's opening is asked for on the
   next one, from the first number on. */
static void begin_anew(struct conversation *c) {
  while (c->numbered_count)
    remove_at(c, c->numbered_count - 1);
  c->forgotten = c->forgotten_count = 0;
  c->asked = c->highest = c->held_at = 0;
}

bool conversation_replay_ended(struct conversation *c, uint64_t last) {
  if (last >= c->asked)
    return false;
  begin_anew(c);
  return true;
}

/* ---- the view ---- */

size_t conversation_count(const struct conversation *c) {
  return c->count;
}

const struct chat_message *conversation_at(const struct conversation *c, size_t index) {
  assert(index < c->count);
  return &c->items[index]->message;
}

size_t conversation_numbered_count(const struct conversation *c) {
  return c->numbered_count;
}

size_t conversation_pending_count(const struct conversation *c) {
  size_t pending = 0;
  for (size_t i = c->numbered_count; i < c->count; i++)
    pending += c->items[i]->message.delivery == CHAT_PENDING;
  return pending;
}

uint64_t conversation_forgotten_count(const struct conversation *c) {
  return c->forgotten_count;
}
