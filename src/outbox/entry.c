/* Messages in memory, on their way in or out. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define NUMBERS_FIRST_CAP 64

void entries_init(struct entry_list *list) {
  *list = (struct entry_list){.end = &list->first};
}

void entries_append(struct entry_list *list, struct entry *entry) {
  entry->next = NULL;
  *list->end = entry;
  list->end = &entry->next;
  list->count++;
  list->bytes += entry->put.len;
}

struct entry *entries_take(struct entry_list *list) {
  struct entry *const entry = list->first;
  if (!entry)
    return NULL;
  list->first = entry->next;
  if (!list->first)
    list->end = &list->first;
  list->count--;
  list->bytes -= entry->put.len;
  return entry;
}

void entries_free(struct entry_list *list) {
  for (struct entry *entry = entries_take(list); entry; entry = entries_take(list))
    entry_free(entry);
}

struct entry *entry_new(struct outbox *outbox, const struct outbox_put *put) {
  const size_t id_size = strlen(put->id) + 1;
  const size_t key_size = put->replace_key ? strlen(put->replace_key) + 1 : 0;
  struct entry *entry = malloc(sizeof *entry + id_size + key_size + put->len);
  if (!entry)
    return NULL;
  *entry = (struct entry){.outbox = outbox, .put = *put};
  entry->put.id = memcpy(entry->bytes, put->id, id_size);
  if (key_size)
    entry->put.replace_key = memcpy(entry->bytes + id_size, put->replace_key, key_size);
  entry->put.data = entry->bytes + id_size + key_size;
  if (put->len)
    memcpy(entry->bytes + id_size + key_size, put->data, put->len);
  return entry;
}

struct entry *entry_of_row(struct outbox *outbox, enum outbox_event_kind kind,
                           const struct row *row) {
  const struct outbox_put put = {
      .opcode = row->opcode, .id = row->id, .expires_at_wall_ms = row->expires_at_wall_ms};
  struct entry *entry = entry_new(outbox, &put);
  if (!entry)
    return NULL;
  entry->kind = kind;
  entry->number = row->number;
  entry->attempts = row->attempts;
  return entry;
}

void entry_free(struct entry *entry) {
  if (!entry)
    return;
  free(entry->detail);
  free(entry->replaced);
  free(entry);
}

bool numbers_add(struct numbers *numbers, uint64_t number) {
  if (numbers->count == numbers->cap) {
    const size_t cap = numbers->cap ? 2 * numbers->cap : NUMBERS_FIRST_CAP;
    uint64_t *all = realloc(numbers->all, cap * sizeof *all);
    if (!all)
      return false;
    numbers->all = all;
    numbers->cap = cap;
  }
  numbers->all[numbers->count++] = number;
  return true;
}
