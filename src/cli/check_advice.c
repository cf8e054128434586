#include "check_advice.h"

#include <stddef.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

const char *check_step_name(enum check_step step) {
  static const char *const names[] = {
      [CHECK_DNS] = "dns",
      [CHECK_TCP] = "tcp",
      [CHECK_PROXY] = "proxy",
      [CHECK_TLS] = "tls",
      [CHECK_UPGRADE] = "upgrade",
      [CHECK_ON_OPEN] = "on_open",
      [CHECK_HEARTBEAT] = "heartbeat",
  };
  return names[step];
}

/* ---- where the kind alone says it ---- */

static const struct {
  limpet_error_kind kind;
  const char *advice;
} of_kind[] = {
    {LIMPET_ERROR_DNS,
     "Check the spelling of the host's name, and whether this machine can look up "
     "names at all."},
    {LIMPET_ERROR_NETWORK_UNREACHABLE,
     "This machine has no way to that address: check its network, VPN and firewall."},
    {LIMPET_ERROR_CONNECT_REFUSED,
     "Nothing listens there: check address and port, and whether the server runs."},
    {LIMPET_ERROR_TLS,
     "The server speaks no TLS here, or no version from 1.2 on: check the port, or whether this is "
     "a ws:// address."},
    {LIMPET_ERROR_PROXY, "Check the proxy's address, its user and password, and whether it allows "
                         "this target."},
    {LIMPET_ERROR_HEARTBEAT_TIMEOUT,
     "The WebSocket is open, but this heartbeat is not answered: choose one that the server knows "
     "(--heartbeat), or give it more time (--heartbeat-timeout)."},
    {LIMPET_ERROR_HANDSHAKE,
     "What answers here is no WebSocket server, or it does not offer what was asked for: check "
     "host, port, path and --subprotocol."},
    {LIMPET_ERROR_PROTOCOL,
     "The server breaks the rules of WebSockets: tell those who run it, with the line above."},
    {LIMPET_ERROR_CLOSED_BY_PEER,
     "The server closes the WebSocket by itself; the code and the reason above say why. It may "
     "want a token, a login (--on-open) or a subprotocol."},
    {LIMPET_ERROR_MESSAGE_TOO_BIG, "The server sends longer messages: allow them (--max-message)."},
};

static const char *advise_by_kind(limpet_error_kind kind) {
  for (size_t i = 0; i < COUNT_OF(of_kind); i++)
    if (of_kind[i].kind == kind)
      return of_kind[i].advice;
  return "This is a trouble of this machine, not of the server: see the line above.";
}

/* ---- where it depends on what happened ---- */

static const struct {
  const char *word; /* of the verifier's sentence */
  const char *advice;
} of_certificate[] = {
    {"expired", "The server needs a new certificate; or this machine's clock is wrong."},
    {"not yet valid", "This machine's clock is wrong, or the certificate is meant for later."},
    {"mismatch",
     "Use a host name that the certificate is made for, or give the server one for this "
     "name."},
    {"revoked", "The server needs a new certificate: this one was revoked."},
};

static const char *advise_on_certificate(const char *detail) {
  for (size_t i = 0; i < COUNT_OF(of_certificate); i++)
    if (strstr(detail, of_certificate[i].word))
      return of_certificate[i].advice;
  return "If the certificate comes from an authority of your own, trust it by --cacert FILE; the "
         "server must send its intermediate certificates along.";
}

static const struct {
  uint16_t from, to;
  const char *advice;
} of_status[] = {
    {200, 299,
     "A plain web server answers here: check port and path, and whether proxies on the "
     "way pass on the Upgrade header."},
    {300, 399, "Redirects are not followed: use the address that the line above names."},
    {401, 401,
     "The server wants to know who you are: --token-file, --header, or user:password@ in "
     "the URL."},
    {403, 403,
     "The server refuses: check what the token may do, and whether it wants an --origin."},
    {404, 404, "There is no WebSocket at this path: check the path of the URL."},
    {407, 407, "A proxy wants to know who you are: give it user and password."},
    {408, 408, "The server was too slow, or is overloaded: try later."},
    {425, 425, "The server does not want to answer yet: try later."},
    {429, 429, "The server has had too many requests: try later, and dial less often."},
    {400, 499,
     "The server does not take this request: check path, query, headers and "
     "--subprotocol."},
    {500, 599,
     "The server, or a proxy in front of it, is in trouble: try later, and look at its "
     "log."},
};

static const char *advise_on_status(uint16_t status) {
  for (size_t i = 0; i < COUNT_OF(of_status); i++)
    if (status >= of_status[i].from && status <= of_status[i].to)
      return of_status[i].advice;
  return advise_by_kind(LIMPET_ERROR_HANDSHAKE);
}

static const char *advise_on_silence(enum check_step step) {
  switch (step) {
  case CHECK_DNS:
    return "The look-up hangs: check the name servers of this machine.";
  case CHECK_TCP:
    return "Nobody answers: a firewall may drop the packets, or the address is wrong "
           "(--connect-timeout gives it more time).";
  case CHECK_PROXY:
    return "The proxy takes the connection, but does not let us through: check its address, "
           "whether it is of that kind (--proxy), and whether it reaches this target.";
  case CHECK_TLS:
    return "It takes the connection, but says nothing of TLS: check the port, or whether this is a "
           "ws:// address.";
  default:
    return "It takes the connection, but does not answer: check the port, whether this is a wss:// "
           "address, and the server's log.";
  }
}

static const char *advise_on_loss(enum check_step step) {
  switch (step) {
  case CHECK_TLS:
    return "The other end hangs up during TLS: check the port, and whether it wants a client "
           "certificate (--cert, --key).";
  case CHECK_UPGRADE:
    return "The other end hangs up instead of answering: check the port, whether this is a wss:// "
           "address, and whether it wants a client certificate (--cert, --key).";
  default:
    return "The server hangs up after the upgrade: it may want a login (--on-open), a token or a "
           "subprotocol; its log tells.";
  }
}

const char *check_advice(enum check_step step, const limpet_error *error) {
  switch (error->kind) {
  case LIMPET_ERROR_TLS_VERIFY:
    return advise_on_certificate(error->detail);
  case LIMPET_ERROR_HTTP_STATUS:
    return advise_on_status(error->http_status);
  case LIMPET_ERROR_CONNECT_TIMEOUT:
    return advise_on_silence(step);
  case LIMPET_ERROR_CONNECTION_LOST:
    return advise_on_loss(step);
  default:
    return advise_by_kind(error->kind);
  }
}
