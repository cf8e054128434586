#include "internal.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

/* Keys are the rooms themselves; one to look for is made of its id alone. */
static int compare(const void *a, const void *b) {
  return strcmp(((const struct room *)a)->id, ((const struct room *)b)->id);
}

static struct room *room_new(const char *id) {
  const size_t size = strlen(id) + 1;
  struct room *room = calloc(1, sizeof *room + size);
  if (room)
    memcpy(room->id, id, size);
  return room;
}

union room_key {
  struct room room;
  char room_for_id[sizeof(struct room) + PROTOCOL_ID_MAX + 1];
};

static struct room *find(const struct relay *relay, const char *id) {
  union room_key key;
  memcpy(key.room.id, id, strlen(id) + 1);
  void *const *node = tfind(&key.room, &relay->rooms, compare);
  return node ? *node : NULL;
}

static struct room *find_or_make(struct relay *relay, const char *id) {
  struct room *room = find(relay, id);
  if (room)
    return room;
  room = room_new(id);
  if (room && tsearch(room, &relay->rooms, compare)) {
    relay->metrics.rooms++;
    return room;
  }
  free(room);
  return NULL;
}

struct room *room_enter(struct relay *relay, const char *id, struct member *member) {
  struct room *room = find_or_make(relay, id);
  if (!room)
    return NULL;
  member->room = room;
  member->room_previous = NULL;
  member->room_next = room->members;
  if (room->members)
    room->members->room_previous = member;
  room->members = member;
  return room;
}

void room_leave(struct relay *relay, struct member *member) {
  struct room *room = member->room;
  if (!room)
    return;
  if (member->room_previous)
    member->room_previous->room_next = member->room_next;
  else
    room->members = member->room_next;
  if (member->room_next)
    member->room_next->room_previous = member->room_previous;
  member->room = NULL;
  if (room->members)
    return;
  (void)tdelete(room, &relay->rooms, compare);
  free(room);
  relay->metrics.rooms--;
}

/* Sending may close the one sent to, and nobody else: it leaves the list, the next one stays. The
   room itself may go with its last member. */
unsigned room_broadcast(struct relay *relay, const char *id, const char *text, size_t len,
                        const struct member *except) {
  const struct room *room = find(relay, id);
  unsigned count = 0;
  struct member *next;
  for (struct member *member = room ? room->members : NULL; member; member = next) {
    next = member->room_next;
    if (member == except || !member->is_open || member->replay)
      continue;
    member_send(member, text, len);
    count++;
  }
  return count;
}
