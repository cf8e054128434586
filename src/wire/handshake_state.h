/* Part of handshake.h: the two readers' storage, so that their owners can embed them. Its members
   are private. */
#ifndef WIRE_HANDSHAKE_STATE_H
#define WIRE_HANDSHAKE_STATE_H

#include "handshake_head.h"

#define HANDSHAKE_READER_LINE_CAP 1024 /* longer lines are cut: none that counts is as long */
#define HANDSHAKE_SERVER_LINE_CAP 8192 /* longer lines are refused */

struct handshake_reader {
  const struct handshake_request_options *options;
  int64_t wall_s;
  enum handshake_result result; /* sticks once it is not MORE */
  struct handshake_head head;
  struct handshake_response response;
  char accept[HANDSHAKE_ACCEPT_LEN + 1]; /* what must come back */
  /* what the head of a 101 has shown */
  bool has_upgrade, has_connection, has_accept, has_subprotocol;
  char line[HANDSHAKE_READER_LINE_CAP];
};

struct handshake_server {
  struct handshake_server_options options;
  enum handshake_result result; /* sticks once it is not MORE */
  struct handshake_head head;
  struct handshake_request request;
  bool has_host, has_upgrade, has_connection, has_version, has_right_version, has_key, has_origin;
  bool has_body;
  char line[HANDSHAKE_SERVER_LINE_CAP];
};

#endif
