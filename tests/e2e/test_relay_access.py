#!/usr/bin/python3
"""`limpet serve`: who may come in, and what malformed input gets: status, code, sentence."""

import paths  # noqa: F401

import os
import shutil
import signal
import ssl
import subprocess

from certs import Certificates
from e2e_limpet import main
from e2e_serve import RelayCase, client_context

MESSAGES = "/conversations/tea/messages"
UPGRADE = ("-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H",
           "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
LONG = "x" * 129


def body(text):
    return ("--data-binary", text)


def without(*names):
    """UPGRADE without some headers."""
    found = []
    for flag, header in zip(UPGRADE[::2], UPGRADE[1::2]):
        if header.partition(":")[0] not in names:
            found += [flag, header]
    return tuple(found)


class Malformed(RelayCase):

    REST = [  # path, options, status, code, a part of the sentence
        (MESSAGES, body(""), 400, "bad_json", "not JSON"),
        (MESSAGES, body("{"), 400, "bad_json", "not JSON"),
        (MESSAGES, body("[]"), 400, "bad_json", "not a JSON object"),
        (MESSAGES, body('{"sender_id":"a","plaintext":"\xff"}'.encode("latin-1")), 400, "bad_json",
         "not JSON"),
        (MESSAGES, body('{"plaintext":"x"}'), 400, "bad_message", "'sender_id' is missing"),
        (MESSAGES, body('{"sender_id":"a"}'), 400, "bad_message", "'plaintext' is missing"),
        (MESSAGES, body('{"sender_id":1,"plaintext":"x"}'), 400, "bad_message",
         "'sender_id' is not a string"),
        (MESSAGES, body('{"sender_id":"a","plaintext":{}}'), 400, "bad_message",
         "'plaintext' is not a string"),
        (MESSAGES, body('{"sender_id":"a","plaintext":"x","id":""}'), 400, "bad_message",
         "'id' is not 1 to 128 bytes"),
        (MESSAGES, body('{"sender_id":"%s","plaintext":"x"}' % LONG), 400, "bad_message",
         "'sender_id' is not 1 to 128 bytes"),
        (MESSAGES, body('{"sender_id":"a","plaintext":"x","conversation_id":"other"}'), 400,
         "bad_message", "not the conversation of the path"),
        (MESSAGES, body('{"sender_id":"a","plaintext":"%s"}' % ("x" * 70000)), 413, "too_long",
         "body is too long"),
        (MESSAGES + "?after=x", (), 400, "bad_query", "'after' is not one whole number"),
        (MESSAGES + "?after=-1", (), 400, "bad_query", "'after'"),
        (MESSAGES + "?after=1&after=2", (), 400, "bad_query", "'after'"),
        (MESSAGES + "?after=99999999999999999999", (), 400, "bad_query", "'after'"),
        (MESSAGES + "?limit=0", (), 400, "bad_query", "within 1-1000"),
        (MESSAGES + "?limit=1001", (), 400, "bad_query", "within 1-1000"),
        (MESSAGES, ("-X", "DELETE"), 405, "method_not_allowed", "does not know that method"),
        ("/healthz", ("-X", "POST"), 405, "method_not_allowed", "does not know that method"),
        ("/metrics", ("-X", "PUT"), 405, "method_not_allowed", "does not know that method"),
        ("/", (), 404, "not_found", "nothing at this path"),
        ("/conversations", (), 404, "not_found", "nothing at this path"),
        ("/conversations/tea", (), 404, "not_found", "nothing at this path"),
        ("/conversations/tea/messages/", (), 404, "not_found", "nothing at this path"),
        ("/conversations//messages", (), 400, "bad_path", "1 to 128 bytes"),
        (f"/conversations/{LONG}/messages", (), 400, "bad_path", "1 to 128 bytes"),
        ("/conversations/%00/messages", (), 400, "bad_path", "1 to 128 bytes"),
        ("/conversations/%0a/messages", (), 400, "bad_path", "control characters"),
        ("/conversations/%ff/messages", (), 400, "bad_path", "UTF-8"),
        ("/conversations/%zz/messages", (), 400, "bad_path", "1 to 128 bytes"),
        ("/" + "x" * 20000, (), 414, "too_long", "longer than"),
        ("/healthz", ("-H", "X: " + "x" * 20000), 431, "too_long", "longer than"),
        ("/healthz", ("-H", "Host:"), 400, "bad_request", "no Host header"),
        ("/healthz", ("-H", "Host: a b"), 400, "bad_request", "Host is not a host"),
        ("/ws", (), 426, "upgrade_required", "no 'websocket' in an Upgrade header"),
        ("/echo", (), 426, "upgrade_required", "no 'websocket' in an Upgrade header"),
        ("/ws", ("-X", "POST", *UPGRADE), 405, "method_not_allowed", "method is not GET"),
        ("/ws", without("Connection"), 426, "upgrade_required", "Connection header"),
        ("/ws", without("Sec-WebSocket-Version"), 400, "bad_request", "no Sec-WebSocket-Version"),
        ("/ws", (*without("Sec-WebSocket-Version"), "-H", "Sec-WebSocket-Version: 8"), 426,
         "upgrade_required", "not 13"),
        ("/ws", without("Sec-WebSocket-Key"), 400, "bad_request", "no Sec-WebSocket-Key"),
        ("/ws", (*without("Sec-WebSocket-Key"), "-H", "Sec-WebSocket-Key: x"), 400, "bad_request",
         "not base64 of 16 bytes"),
        ("/ws?conversation_id=tea", UPGRADE, 400, "bad_query", "go together"),
        ("/ws?user_id=ann", UPGRADE, 400, "bad_query", "go together"),
        ("/ws?conversation_id=&user_id=ann", UPGRADE, 400, "bad_query", "'conversation_id'"),
        ("/ws?conversation_id=tea&user_id=a&user_id=b", UPGRADE, 400, "bad_query", "'user_id'"),
        (f"/ws?conversation_id=tea&user_id={LONG}", UPGRADE, 400, "bad_query", "'user_id'"),
        ("/ws?conversation_id=tea&user_id=ann&after=x", UPGRADE, 400, "bad_query", "'after'"),
        ("/ws", (*UPGRADE, "-H", "Origin: https://evil.example"), 403, "origin_not_allowed",
         "--allow-origin"),
        (MESSAGES, (*body('{"sender_id":"a","plaintext":"x"}'), "-H",
                    "Origin: https://evil.example"), 403, "origin_not_allowed", "--allow-origin"),
    ]

    def check(self, relay, table):
        for path, options, status, code, sentence in table:
            with self.subTest(path=path[:60], options=str(options)[:80]):
                answer = relay.curl(path, "--path-as-is", *options)
                self.assertEqual(answer.status, status, answer.body)
                error = answer.json
                self.assertEqual((error["type"], error["code"]), ("error", code))
                self.assertIn(sentence, error["message"])
                self.assertEqual(answer.headers["content-type"], "application/json")
                if status == 405:
                    self.assertIn("allow", answer.headers)

    def test_rest_and_upgrades(self):
        relay = self.relay(store=None)
        self.check(relay, self.REST)
        self.assertEqual(relay.history("tea"), [])

    SOCKET = [  # what is sent, code, a part of the sentence, the id named
        ("nope", "bad_json", "not JSON", None),
        ("", "bad_json", "not JSON", None),
        ('"text"', "bad_json", "", None),
        ("[1]", "bad_json", "not a JSON object", None),
        ("{}", "bad_message", "'type' is missing", None),
        ('{"type":7}', "bad_message", "'type' is not a string", None),
        ('{"type":"dance","id":"m1"}', "unknown_type", "'dance'", "m1"),
        ('{"type":"message","id":"m1"}', "bad_message", "'plaintext' is missing", "m1"),
        ('{"type":"message","id":"m1","plaintext":7}', "bad_message", "not a string", "m1"),
        ('{"type":"message","id":7,"plaintext":"x"}', "bad_message", "'id' is not a string", None),
        ('{"type":"message","id":"%s","plaintext":"x"}' % LONG, "bad_message", "1 to 128", None),
        ('{"type":"message","id":"m1","plaintext":"x","sender_id":"bob"}', "forbidden",
         "its own user", "m1"),
        ('{"type":"message","id":"m1","plaintext":"x","conversation_id":"other"}', "forbidden",
         "conversation only", "m1"),
        ('{"type":"typing","user_id":"bob"}', "forbidden", "its own user", None),
        ('{"type":"heartbeat","timestamp":"x"}', "bad_message", "'timestamp'", None),
        ("[" * 50000, "bad_json", "more than 1000 values", None),
    ]

    def test_websocket(self):
        relay = self.relay(store=None)
        ann = self.join(relay, "tea", "ann")
        for text, code, sentence, id_ in self.SOCKET:
            with self.subTest(text[:60]):
                ann.send(text)
                error = ann.receive()
                self.assertEqual((error["type"], error["code"], error.get("id")),
                                 ("error", code, id_))
                self.assertIn(sentence, error["message"])
        ann.say("m1", "it costs nothing else")
        self.assertEqual(ann.receive("ack")["sequence_number"], 1)

    def test_a_bare_connection_has_no_conversation(self):
        bare = self.ws(self.relay(store=None))
        for message in ({"type": "message", "id": "m1", "plaintext": "x"}, {"type": "typing"}):
            bare.send(message)
            error = bare.receive()
            self.assertEqual((error["code"], error.get("id")), ("no_conversation",
                                                                message.get("id")))


class Tokens(RelayCase):

    FILE = "token-of-ann ann tea,coffee\ntoken-of-bob bob *\n# service\ntoken-of-service * tea\n"

    def start(self):
        self.tokens = self.write("tokens", self.FILE)
        return self.relay("--token-file", self.tokens, store=None)

    SOCKETS = [  # query, Authorization, status; None: accepted
        ({"conversation_id": "tea", "user_id": "ann"}, None, 401),
        ({"conversation_id": "tea", "user_id": "ann", "token": "nope"}, None, 401),
        ({"conversation_id": "tea", "user_id": "ann"}, "Basic YTpi", 401),
        ({"conversation_id": "tea", "user_id": "ann"}, "Bearer nope", 401),
        ({"conversation_id": "tea", "user_id": "ann", "token": "token-of-ann"}, None, None),
        ({"conversation_id": "tea", "user_id": "ann"}, "Bearer token-of-ann", None),
        ({"conversation_id": "tea", "user_id": "ann"}, "bearer token-of-ann", None),
        ({"conversation_id": "tea", "user_id": "bob"}, "Bearer token-of-ann", 403),
        ({"conversation_id": "milk", "user_id": "ann"}, "Bearer token-of-ann", 403),
        ({"conversation_id": "milk", "user_id": "bob"}, "Bearer token-of-bob", None),
        ({"conversation_id": "tea", "user_id": "anyone"}, "Bearer token-of-service", None),
        ({"conversation_id": "milk", "user_id": "anyone"}, "Bearer token-of-service", 403),
        ({}, None, 401),
        ({}, "Bearer token-of-ann", None),
    ]

    def test_websockets(self):
        relay = self.start()
        for query, authorization, status in self.SOCKETS:
            with self.subTest(query=query, authorization=authorization):
                headers = {"Authorization": authorization} if authorization else None
                if status:
                    self.assertEqual(self.refused(relay, headers=headers, **query), status)
                else:
                    self.ws(relay, headers=headers, **query)
        self.assertEqual(self.refused(relay, "/echo"), 401)
        self.ws(relay, "/echo", token="token-of-ann")

    REST = [  # token, sender or None for reading, conversation, status, code
        (None, "ann", "tea", 401, "unauthorized"),
        ("nope", "ann", "tea", 401, "unauthorized"),
        ("token-of-ann", "bob", "tea", 403, "forbidden"),
        ("token-of-ann", "ann", "milk", 403, "forbidden"),
        ("token-of-ann", "ann", "coffee", 201, None),
        ("token-of-service", "anyone", "tea", 201, None),
        (None, None, "tea", 401, "unauthorized"),
        ("token-of-ann", None, "milk", 403, "forbidden"),
        ("token-of-ann", None, "tea", 200, None),
        ("token-of-bob", None, "milk", 200, None),
    ]

    def test_rest(self):
        relay = self.start()
        for token, sender, conversation, status, code in self.REST:
            with self.subTest(token=token, sender=sender, conversation=conversation):
                options = ("-H", f"Authorization: Bearer {token}") if token else ()
                if sender:
                    answer = relay.post(conversation, sender, "x", *options)
                else:
                    answer = relay.curl(f"/conversations/{conversation}/messages", *options)
                self.assertEqual(answer.status, status, answer.body)
                self.assertEqual(answer.json.get("code"), code)
                self.assertEqual("www-authenticate" in answer.headers, status == 401)
        self.assertEqual(relay.curl("/healthz").status, 200)

    def test_reload(self):
        relay = self.start()
        ann = self.ws(relay, conversation_id="tea", user_id="ann", token="token-of-ann")
        bob = self.ws(relay, conversation_id="tea", user_id="bob", token="token-of-bob")
        self.write("tokens", "this is no line of tokens at all\n")
        relay.signal(signal.SIGHUP)
        relay.wait_line("reload_failed kept=tokens")
        self.write("tokens", "token-of-bob bob tea\ntoken-of-carl carl tea\n")
        relay.signal(signal.SIGHUP)
        relay.wait_line("reloaded tokens=2")
        self.assertEqual(ann.closed_with(), 1008)
        bob.say("m1", "still here")
        self.assertEqual(bob.receive("ack")["id"], "m1")
        self.assertEqual(self.refused(relay, conversation_id="tea", user_id="ann", token="token-of-ann"), 401)
        self.ws(relay, conversation_id="tea", user_id="carl", token="token-of-carl")
        self.assertNotIn("token-of-ann", relay.text)


class Origins(RelayCase):

    def test_sockets(self):
        relay = self.relay("--allow-origin", "https://good.example", store=None)
        for origin, status in (("https://good.example", None), (f"http://{relay.host}", None),
                               ("https://good.example.evil", 403), ("null", 403),
                               ("http://good.example", 403)):
            with self.subTest(origin):
                headers = {"Origin": origin}
                if status:
                    self.assertEqual(self.refused(relay, headers=headers), status)
                else:
                    self.ws(relay, headers=headers)

    def test_cors(self):
        relay = self.relay("--allow-origin", "https://good.example", store=None)
        origin = ("-H", "Origin: https://good.example")
        for answer in (relay.post("tea", "ann", "x", *origin), relay.curl(MESSAGES, *origin),
                       relay.curl(MESSAGES + "?limit=0", *origin), relay.curl("/healthz", *origin)):
            self.assertEqual(answer.headers["access-control-allow-origin"], "https://good.example")
            self.assertEqual(answer.headers["vary"], "Origin")
        preflight = relay.curl(MESSAGES, "-X", "OPTIONS", *origin, "-H",
                               "Access-Control-Request-Method: POST")
        self.assertEqual(preflight.status, 204)
        self.assertIn("POST", preflight.headers["access-control-allow-methods"])
        self.assertIn("Content-Type", preflight.headers["access-control-allow-headers"])
        self.assertNotIn("access-control-allow-origin", relay.curl(MESSAGES).headers)
        anyone = self.relay("--allow-origin", "*", store=None)
        answer = anyone.curl(MESSAGES, "-H", "Origin: https://other.example")
        self.assertEqual(answer.headers["access-control-allow-origin"], "https://other.example")


class Tls(RelayCase):

    @classmethod
    def setUpClass(cls):
        cls.certs = Certificates()
        cls.addClassCleanup(cls.certs.close)

    def test_tls_and_its_reload(self):
        pem, key = self.path("cert.pem"), self.path("key.pem")
        shutil.copy(self.certs.pem("good"), pem)
        shutil.copy(self.certs.key("good"), key)
        relay = self.relay("--tls-cert", pem, "--tls-key", key, store=None)
        self.assertTrue(relay.url.startswith("https://127.0.0.1:"))
        trust = ("--cacert", self.certs.pem("ca"))
        self.assertEqual(relay.curl("/healthz", *trust).status, 200)
        self.assertEqual(relay.post("tea", "ann", "x" * 60000, *trust).status, 201)
        context = client_context(self.certs.pem("ca"))
        ann = self.ws(relay, ssl_context=context, conversation_id="tea", user_id="ann", after=0)
        self.assertEqual(len(ann.receive()["plaintext"]), 60000)
        run = self.connect("--cacert", self.certs.pem("ca"), relay.ws_url("/echo"), stdin=b"a\n")
        self.assert_exit(run, 0)
        with open(pem, "w", encoding="utf-8") as file:
            file.write("no certificate\n")
        relay.signal(signal.SIGHUP)
        relay.wait_line("reload_failed kept=certificate")
        self.assertEqual(relay.curl("/healthz", *trust).status, 200)
        shutil.copy(self.certs.pem("unknown_ca"), pem)
        shutil.copy(self.certs.key("unknown_ca"), key)
        relay.signal(signal.SIGHUP)
        relay.wait_line("reloaded certificate=new")
        self.assertEqual(relay.curl("/healthz", "--cacert", self.certs.pem("other_ca")).status, 200)
        with self.assertRaises(ssl.SSLError):
            self.ws(relay, ssl_context=context)
        ann.send({"type": "ping"})  # connections live on with the old one
        self.assertEqual(ann.receive("pong"), {"type": "pong"})
        self.stop(relay)

    def test_plain_text_to_a_tls_port(self):
        relay = self.relay("--tls-cert", self.certs.pem("good"), "--tls-key",
                           self.certs.key("good"), store=None)
        done = subprocess.run(["curl", "-s", f"http://{relay.host}/healthz"], capture_output=True,
                              check=False, env={**os.environ, "no_proxy": "*"})
        self.assertNotEqual(done.returncode, 0)
        relay.wait_line("refused status=0")


if __name__ == "__main__":
    main()
