/* The note beside an outbox. */
#include "chat_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_CAP (PATH_MAX + 16)

static bool is_owner(const json_t *note, const char *user_id, const char *conversation_id) {
  const char *user = json_string_value(json_object_get(note, "user_id"));
  const char *conversation = json_string_value(json_object_get(note, "conversation_id"));
  return user && conversation && strcmp(user, user_id) == 0 &&
         strcmp(conversation, conversation_id) == 0;
}

static bool write_synced(const char *path, const json_t *note) {
  const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0)
    return false;
  const bool is_written = json_dumpfd(note, file, JSON_COMPACT) == 0 && fsync(file) == 0;
  const int error = errno;
  (void)close(file);
  errno = error;
  return is_written;
}

/* Not all file systems can, or need it. */
static void sync_folder(const char *path) {
  char folder[PATH_CAP];
  (void)snprintf(folder, sizeof folder, "%s", path);
  const int file = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0)
    return;
  (void)fsync(file);
  (void)close(file);
}

/* Written aside and renamed: a note cut short would be none. Synced, as what waits will be. */
static bool write_note(const char *path, const char *user_id, const char *conversation_id) {
  char aside[PATH_CAP + 1];
  json_t *note = json_pack("{ss ss}", "user_id", user_id, "conversation_id", conversation_id);
  (void)snprintf(aside, sizeof aside, "%s~", path);
  const bool is_written = note && write_synced(aside, note) && rename(aside, path) == 0;
  json_decref(note);
  if (is_written)
    sync_folder(path);
  return is_written;
}

static void explain(char *error, const char *outbox, const json_t *note,
                    unsigned long long waiting) {
  const char *user = json_string_value(json_object_get(note, "user_id"));
  const char *conversation = json_string_value(json_object_get(note, "conversation_id"));
  (void)snprintf(error, CHAT_OWNER_ERROR_CAP,
                 "%llu message%s in %.200s %s for conversation '%.80s' as user '%.80s': deliver "
                 "%s there first, or use another file",
                 waiting, waiting == 1 ? "" : "s", outbox, waiting == 1 ? "waits" : "wait",
                 conversation ? conversation : "?", user ? user : "?",
                 waiting == 1 ? "it" : "them");
}

static bool claim(const char *outbox, const char *path, const json_t *note, const char *user_id,
                  const char *conversation_id, unsigned long long waiting, char *error) {
  if (is_owner(note, user_id, conversation_id))
    return true;
  if (note && waiting > 0) {
    explain(error, outbox, note, waiting);
    return false;
  }
  if (write_note(path, user_id, conversation_id))
    return true;
  (void)snprintf(error, CHAT_OWNER_ERROR_CAP, "cannot write %.300s: %s", path, strerror(errno));
  return false;
}

/* Beside the file itself, whatever it is called. */
static void name_note(const char *outbox, char path[PATH_CAP]) {
  char real[PATH_MAX];
  (void)snprintf(path, PATH_CAP, "%s.chat", realpath(outbox, real) ? real : outbox);
}

bool chat_owner_claim(const char *outbox, const char *user_id, const char *conversation_id,
                      unsigned long long waiting, char *error) {
  char path[PATH_CAP];
  name_note(outbox, path);
  json_t *note = json_load_file(path, 0, NULL);
  const bool is_claimed = claim(outbox, path, note, user_id, conversation_id, waiting, error);
  json_decref(note);
  return is_claimed;
}

void chat_owner_release(const char *outbox) {
  char path[PATH_CAP];
  name_note(outbox, path);
  (void)unlink(path);
}
