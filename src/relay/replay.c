/*
 * What a member missed: pages of the store, one after the other as it reads them, until a page
 * finds the end. Inside the `done` of that one it goes live: by [S4] everything stored before was
 * in a page, and everything after will be broadcast later.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

struct replay {
  struct store_read read; /* first: a read is its replay */
  struct member *member;  /* NULL: gone */
  struct relay *relay;
  int64_t at; /* the last number sent, or asked for */
  bool is_reading;
  char conversation_id[]; /* a read can outlive its room */
};

static void on_page(struct store_read *read, enum store_result result,
                    const struct store_page *page, const char *detail);

static void read_page(struct replay *replay) {
  replay->is_reading = true;
  replay->read = (struct store_read){.conversation_id = replay->conversation_id,
                                     .after = replay->at,
                                     .limit = STORE_PAGE_MAX,
                                     .max_bytes = REPLAY_PAGE_BYTES,
                                     .done = on_page};
  store_read(replay->relay->store, &replay->read);
}

void replay_start(struct member *member, int64_t after) {
  const size_t id_size = strlen(member->room->id) + 1;
  struct replay *replay = calloc(1, sizeof *replay + id_size);
  if (!replay) {
    member_close(member, 1011, "no memory for a replay", END_INTERNAL);
    return;
  }
  member->relay->metrics.replays++;
  replay->member = member;
  replay->relay = member->relay;
  replay->at = after;
  memcpy(replay->conversation_id, member->room->id, id_size);
  member->replay = replay;
  read_page(replay);
}

/* Numbers beyond the last one come from another store, or from nowhere. What is no longer kept may
   have gone since the last page, while this member did not read. Telling may close it, and free the
   replay. */
static void check_number(struct replay *replay, const struct store_page *page) {
  struct member *member = replay->member;
  if (replay->at > page->last) {
    replay->at = page->last;
    member_tell(member, protocol_write_error_at(
                            "unknown_sequence_number",
                            "this conversation has not come to that number; it goes on from here",
                            page->last));
  } else if (replay->at < page->gone) {
    replay->at = page->gone;
    member_tell(member, protocol_write_error_at("history_gone",
                                                "messages up to this number are no longer kept",
                                                page->gone));
  }
}

/* A page is written whole: it is bounded, and the next one waits until this one is read. */
static bool send_page(struct replay *replay, const struct store_page *page) {
  struct member *member = replay->member;
  for (size_t i = 0; i < page->count; i++) {
    char *text = protocol_write_message(&page->messages[i]);
    const bool is_sent = text && member_write(member, text, strlen(text));
    free(text);
    if (!is_sent)
      return false;
    member->relay->metrics.replayed_messages++;
    replay->at = page->messages[i].sequence_number;
  }
  return true;
}

static void go_live(struct replay *replay) {
  struct member *member = replay->member;
  member->replay = NULL;
  member_tell(member, protocol_write_replayed(replay->at));
  free(replay);
}

static void fail(struct replay *replay, const char *detail) {
  struct member *member = replay->member;
  relay_note_trouble(replay->relay, detail);
  member_tell_error(member, "store_unavailable", "the store cannot be read", NULL);
  member_close(member, 1011, "the store cannot be read", END_INTERNAL);
}

static void on_page(struct store_read *read, enum store_result result,
                    const struct store_page *page, const char *detail) {
  struct replay *replay = (struct replay *)read;
  struct member *member = replay->member;
  replay->is_reading = false;
  if (!member) {
    free(replay);
    return;
  }
  if (result != STORE_OK) {
    fail(replay, detail);
    return;
  }
  check_number(replay, page);
  if (!member_hears(member))
    return;
  if (!send_page(replay, page))
    member_close(member, 1011, "no memory for a replay", END_INTERNAL);
  else if (!page->has_more)
    go_live(replay);
  else
    replay_go_on(member);
}

void replay_go_on(struct member *member) {
  struct replay *replay = member->replay;
  if (replay && !replay->is_reading && !member->is_closing && link_is_writable(member->link))
    read_page(replay);
}

void replay_abandon(struct member *member) {
  struct replay *replay = member->replay;
  member->replay = NULL;
  if (!replay)
    return;
  replay->member = NULL;
  if (!replay->is_reading)
    free(replay);
}
