/* Writing the address of a conversation. */
#include "join_url.h"

#include "chat_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENCODED_CAP (3 * CHAT_ID_MAX + 1)

static bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c && strchr("-._~", c));
}

/* RFC 3986 section 2. */
static void encode(char out[ENCODED_CAP], const char *text) {
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < CHAT_ID_MAX && text[i]; i++) {
    const unsigned char c = (unsigned char)text[i];
    if (is_unreserved(text[i])) {
      *out++ = text[i];
    } else {
      *out++ = '%';
      *out++ = digits[c >> 4];
      *out++ = digits[c & 15];
    }
  }
  *out = '\0';
}

/* What lacks at the end of the address before its query: the path, or what stands for it behind a
   socket's. */
static const char *missing_path(const char *url, size_t len) {
  static const char unix_scheme[] = "ws+unix:";
  if (strncmp(url, unix_scheme, sizeof unix_scheme - 1) == 0)
    return memchr(url + sizeof unix_scheme - 1, ':', len - (sizeof unix_scheme - 1)) ? "" : ":/ws";
  const char *authority = strstr(url, "://");
  if (!authority || authority > url + len)
    return "";
  authority += 3;
  const char *path = memchr(authority, '/', (size_t)(url + len - authority));
  if (!path)
    return "/ws";
  return path + 1 == url + len ? "ws" : "";
}

char *join_url_write(const char *relay_url, const char *conversation_id, const char *user_id,
                     uint64_t after) {
  char conversation[ENCODED_CAP], user[ENCODED_CAP];
  const size_t size = strlen(relay_url) + 2 * (size_t)ENCODED_CAP + 80;
  const size_t len = strcspn(relay_url, "?");
  const char *query = relay_url + len;
  char *url = malloc(size);
  if (!url)
    return NULL;
  encode(conversation, conversation_id);
  encode(user, user_id);
  (void)snprintf(url, size, "%.*s%s%s%sconversation_id=%s&user_id=%s&after=%llu", (int)len,
                 relay_url, missing_path(relay_url, len), *query ? query : "?",
                 query[0] && query[1] ? "&" : "", conversation, user, (unsigned long long)after);
  return url;
}
