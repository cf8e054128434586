/* An outbox under test: a file in a folder of its own, its events pumped by waiting for wakes. A
   wait that lasts longer than RIG_PATIENCE_S fails the test. */
#ifndef OUTBOX_RIG_H
#define OUTBOX_RIG_H

#include "folder.h"
#include "outbox.h"

#include <pthread.h>

#define RIG_PATIENCE_S 60

struct outbox_rig {
  pthread_mutex_t lock;
  pthread_cond_t woken;
  unsigned wakes; /* not yet seen */
  bool is_held, stands_still;
  struct outbox *outbox;
  struct outbox_config config;
  struct outbox_event event; /* the last one taken */
  char folder[FOLDER_CAP];
  char path[FOLDER_CAP + 16];
  char detail[OUTBOX_DETAIL_CAP];
};

/** Makes the folder. Limits are wide. */
void rig_init(struct outbox_rig *rig);
/** Abandons the outbox if there is one, and removes the folder. */
void rig_deinit(struct outbox_rig *rig);

void rig_open(struct outbox_rig *rig);
enum outbox_result rig_try_open(struct outbox_rig *rig);
/** Closes, takes events up to IS_CLOSED and frees. */
void rig_close(struct outbox_rig *rig);
void rig_reopen(struct outbox_rig *rig);

/** The outbox's thread goes no further than the next wake, which does not return until
    rig_release(). What is handed in once it stands still waits together. */
void rig_hold(struct outbox_rig *rig);
/** Something must have been put: the wake that it causes is the last that this waits for. */
void rig_until_still(struct outbox_rig *rig);
void rig_release(struct outbox_rig *rig);

/** The next event, which is waited for. MESSAGE: `data` stays until the next call of these. */
const struct outbox_event *rig_next(struct outbox_rig *rig);
/** It must be of this kind and number. */
const struct outbox_event *rig_expect(struct outbox_rig *rig, enum outbox_event_kind kind,
                                      uint64_t number);
/** Waits until outbox_oldest() is this. */
void rig_until_oldest(struct outbox_rig *rig, uint64_t number);
/** Waits until so many are stored: a removal may be tried more than once. */
void rig_until_count(struct outbox_rig *rig, uint64_t count);
/** Waits until the thread has done all that was handed in so far, and no event has come of it. */
void rig_expect_nothing(struct outbox_rig *rig);

/** A text message; its id is "id-" and the text, unless there is one. */
uint64_t rig_put(struct outbox_rig *rig, const char *text);
uint64_t rig_put_as(struct outbox_rig *rig, const struct outbox_put *put);
/** And waits for STORED. */
uint64_t rig_store(struct outbox_rig *rig, const char *text);
/** The next event is this MESSAGE. */
void rig_expect_message(struct outbox_rig *rig, uint64_t number, const char *text);

uint64_t rig_count(struct outbox_rig *rig);

#endif
