#include "tls_sessions.h"

#include <string.h>

struct tls_sessions_entry {
  struct tls_sessions_entry *next;
  struct tls_peer peer;
  size_t count;
  SSL_SESSION *sessions[TLS_SESSIONS_EACH]; /* newest last */
};

void tls_sessions_init(struct tls_sessions *sessions, const struct memory *memory) {
  sessions->memory = *memory;
  sessions->entries = NULL;
  pthread_mutex_init(&sessions->lock, NULL);
}

static void free_entry(struct tls_sessions *sessions, struct tls_sessions_entry *entry) {
  for (size_t i = 0; i < entry->count; i++)
    SSL_SESSION_free(entry->sessions[i]);
  memory_free(&sessions->memory, entry);
}

void tls_sessions_deinit(struct tls_sessions *sessions) {
  while (sessions->entries) {
    struct tls_sessions_entry *entry = sessions->entries;
    sessions->entries = entry->next;
    free_entry(sessions, entry);
  }
  pthread_mutex_destroy(&sessions->lock);
}

/* Finds the entry and moves it to the front. */
static struct tls_sessions_entry *find(struct tls_sessions *sessions, const struct tls_peer *peer) {
  struct tls_sessions_entry **place = &sessions->entries;
  while (*place &&
         ((*place)->peer.port != peer->port || strcmp((*place)->peer.host, peer->host) != 0))
    place = &(*place)->next;
  struct tls_sessions_entry *entry = *place;
  if (entry) {
    *place = entry->next;
    entry->next = sessions->entries;
    sessions->entries = entry;
  }
  return entry;
}

static void drop_oldest(struct tls_sessions *sessions) {
  struct tls_sessions_entry **place = &sessions->entries;
  size_t count = 0;
  while (*place && count < TLS_SESSIONS_HOSTS) {
    place = &(*place)->next;
    count++;
  }
  if (*place) {
    struct tls_sessions_entry *last = *place;
    *place = NULL;
    free_entry(sessions, last);
  }
}

static struct tls_sessions_entry *add(struct tls_sessions *sessions, const struct tls_peer *peer) {
  struct tls_sessions_entry *entry = memory_alloc_zeroed(&sessions->memory, sizeof *entry);
  if (!entry)
    return NULL;
  entry->peer = *peer;
  entry->next = sessions->entries;
  sessions->entries = entry;
  drop_oldest(sessions);
  return entry;
}

static void push(struct tls_sessions_entry *entry, SSL_SESSION *session) {
  if (entry->count == TLS_SESSIONS_EACH) {
    SSL_SESSION_free(entry->sessions[0]);
    entry->count--;
    memmove(entry->sessions, entry->sessions + 1, entry->count * sizeof(SSL_SESSION *));
  }
  entry->sessions[entry->count++] = session;
}

void tls_sessions_put(struct tls_sessions *sessions, const struct tls_peer *peer,
                      SSL_SESSION *session) {
  pthread_mutex_lock(&sessions->lock);
  struct tls_sessions_entry *entry = find(sessions, peer);
  if (!entry)
    entry = add(sessions, peer);
  if (entry)
    push(entry, session);
  else
    SSL_SESSION_free(session); /* without memory the next dial is a full handshake */
  pthread_mutex_unlock(&sessions->lock);
}

/* What is kept for another time is lent as a copy: a connection that ends without goodbye spoils
   the object that it was given. */
static SSL_SESSION *take(struct tls_sessions_entry *entry) {
  SSL_SESSION *session = entry->sessions[entry->count - 1];
  if (SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION)
    return SSL_SESSION_dup(session);
  entry->count--;
  return session;
}

SSL_SESSION *tls_sessions_take(struct tls_sessions *sessions, const struct tls_peer *peer) {
  pthread_mutex_lock(&sessions->lock);
  struct tls_sessions_entry *entry = find(sessions, peer);
  SSL_SESSION *session = entry && entry->count > 0 ? take(entry) : NULL;
  pthread_mutex_unlock(&sessions->lock);
  return session;
}
