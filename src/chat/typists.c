/* Typing that expires. */
#include "typists.h"

#include <string.h>

static struct typist *find(struct typists *t, const char *user_id) {
  for (size_t i = 0; i < t->count; i++)
    if (strcmp(t->rows[i].user_id, user_id) == 0)
      return &t->rows[i];
  return NULL;
}

bool typists_note(struct typists *t, const char *user_id, uint64_t now_ms) {
  const size_t len = strlen(user_id);
  struct typist *known = find(t, user_id);
  if (known)
    known->until_ms = now_ms + TYPISTS_FADE_MS;
  if (known || len == 0 || len > CHAT_ID_MAX || t->count == TYPISTS_MAX)
    return false;
  struct typist *row = &t->rows[t->count++];
  memcpy(row->user_id, user_id, len + 1);
  row->until_ms = now_ms + TYPISTS_FADE_MS;
  return true;
}

/* The others keep their order, so that a view does not jump. */
static void remove_row(struct typists *t, struct typist *row) {
  const size_t behind = (size_t)(t->rows + t->count - (row + 1));
  memmove(row, row + 1, behind * sizeof *row);
  t->count--;
}

bool typists_remove(struct typists *t, const char *user_id) {
  struct typist *row = find(t, user_id);
  if (row)
    remove_row(t, row);
  return row != NULL;
}

bool typists_expire(struct typists *t, uint64_t now_ms) {
  const size_t before = t->count;
  for (size_t i = t->count; i-- > 0;)
    if (t->rows[i].until_ms <= now_ms)
      remove_row(t, &t->rows[i]);
  return t->count != before;
}
