#include "credentials.h"

#include "handshake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_CAP ((size_t)64 * 1024)

static const char *token_file; /* one for the program: it holds one connection */

static bool fail(char *error, const char *format, const char *path) {
  (void)snprintf(error, CREDENTIALS_ERROR_CAP, format, path);
  return false;
}

char *credentials_read_file(const char *path, char *error) {
  FILE *file = fopen(path, "rb");
  char *text = file ? malloc(FILE_CAP) : NULL;
  size_t len = text ? fread(text, 1, FILE_CAP, file) : 0;
  const bool is_read = text && !ferror(file); /* a folder can be opened, but not read */
  if (file)
    (void)fclose(file);
  if (!is_read) {
    free(text);
    (void)fail(error, "cannot read the file '%.120s'", path);
    text = NULL;
  } else if (len == FILE_CAP || memchr(text, 0, len)) {
    free(text);
    (void)fail(error, "'%.120s' is longer than 64 KiB or holds a NUL byte", path);
    text = NULL;
  } else {
    text[len] = '\0';
  }
  return text;
}

bool credentials_write_header(char line[CREDENTIALS_LINE_CAP], char *error) {
  char *text = credentials_read_file(token_file, error);
  if (!text)
    return false;
  const int len = (int)strcspn(text, "\r\n");
  const int written = snprintf(line, CREDENTIALS_LINE_CAP, "Authorization: Bearer %.*s", len, text);
  free(text);
  if (len > 0 && written < CREDENTIALS_LINE_CAP && !handshake_check_header(line))
    return true;
  return fail(error, "the first line of '%.120s' is no usable token", token_file);
}

bool credentials_use_token_file(const char *path, char *error) {
  char line[CREDENTIALS_LINE_CAP];
  token_file = path;
  return credentials_write_header(line, error);
}

void credentials_provide(limpet_client *client, const limpet_provider_request *request,
                         void *user) {
  char line[CREDENTIALS_LINE_CAP], error[CREDENTIALS_ERROR_CAP];
  const char *const headers[] = {line, NULL};
  (void)user;
  if (credentials_write_header(line, error))
    (void)limpet_provide(client, request->ticket, NULL, headers, NULL);
  else
    (void)limpet_provide_failure(client, request->ticket, error);
}
