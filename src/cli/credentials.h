/* --token-file: its first line as Authorization: Bearer, read anew before every dial. */
#ifndef CLI_CREDENTIALS_H
#define CLI_CREDENTIALS_H

#include <limpet/limpet.h>

#define CREDENTIALS_ERROR_CAP 256

/** A file's text, to be freed; NULL with a sentence in `error` (CREDENTIALS_ERROR_CAP). */
char *credentials_read_file(const char *path, char *error);
/** Reads it once, to see that it can be used. False with a sentence in `error`. */
bool credentials_use_token_file(const char *path, char *error);
#define CREDENTIALS_LINE_CAP 4096
/** The header line, once a token file is in use. False with a sentence in `error`. */
bool credentials_write_header(char line[CREDENTIALS_LINE_CAP], char *error);
/** For limpet_options.provider, once a token file is in use. */
void credentials_provide(limpet_client *client, const limpet_provider_request *request, void *user);

#endif
