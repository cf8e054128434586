#!/usr/bin/python3
"""The request that goes out: path, query, headers, tokens, subprotocols, ways to the server; and
that no secret of it shows up in what the program says."""

import paths  # noqa: F401

import base64
import json
import os
import tempfile

from e2e_limpet import LimpetCase, main
from e2e_peers import IMPLEMENTATIONS, EchoPeer
from hostile import HostileServer

ONCE = ("--max-retries", "0")


class RequestCase(LimpetCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="limpet-e2e-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, text):
        path = os.path.join(self.folder, f"file{len(os.listdir(self.folder))}")
        with open(path, "wb") as out:
            out.write(text)
        return path

    def request(self, *options, path="/", userinfo="", mode="echo"):
        """The record of one successful run."""
        server = self.keep(HostileServer(mode))
        run = self.connect(*ONCE, *options, server.url(path).replace("//", "//" + userinfo, 1),
                           stdin=b"a\n")
        self.assert_exit(run, 0)
        return server.records[0]


class Request(RequestCase):

    def test_the_fixed_part(self):
        record = self.request(path="/a/b%20c?x=1&y")
        self.assertEqual(record.target, "/a/b%20c?x=1&y")
        self.assertEqual(record.header("Upgrade").lower(), "websocket")
        self.assertEqual(record.header("Connection").lower(), "upgrade")
        self.assertEqual(record.header("Sec-WebSocket-Version"), "13")
        self.assertEqual(len(base64.b64decode(record.header("Sec-WebSocket-Key"))), 16)
        self.assertRegex(record.header("Host"), r"^127\.0\.0\.1:\d+$")
        for absent in ("Origin", "Authorization", "Cookie", "Sec-WebSocket-Protocol",
                       "Sec-WebSocket-Extensions"):
            self.assertIsNone(record.header(absent), absent)

    def test_an_empty_path_becomes_a_slash(self):
        self.assertEqual(self.request(path="").target, "/")
        self.assertEqual(self.request(path="?x=1").target, "/?x=1")

    def test_query(self):
        record = self.request("--query", "one=1", "--query", "two=a b&c=ü%", "--query", "three=",
                              path="/?zero=0")
        self.assertTrue(record.target.startswith("/?zero=0&one=1&two="), record.target)
        self.assertEqual(record.query, {"zero": ["0"], "one": ["1"], "two": ["a b&c=ü%"],
                                        "three": [""]})
        self.assertEqual(self.request("--query", "q=1").target, "/?q=1")

    def test_headers_from_the_command_line_and_from_a_file(self):
        path = self.file(b"X-One: first\nX-Two:second\r\n\nX-Three:  padded  \n")
        record = self.request("--header", "X-Zero: 0", "--header", "@" + path,
                              "--header", "X-Zero: again")
        values = [(n, v) for n, v in record.headers if n.startswith("X-") and n != "X-Limpet-Client"]
        self.assertEqual(values, [("X-Zero", "0"), ("X-One", "first"), ("X-Two", "second"),
                                  ("X-Three", "padded"), ("X-Zero", "again")])

    def test_user_info_becomes_basic(self):
        record = self.request(userinfo="us%40er:pa%3Ass@")
        self.assertEqual(record.header("Authorization"),
                         "Basic " + base64.b64encode(b"us@er:pa:ss").decode())
        self.assertNotIn("@", record.target)

    def test_token_file(self):
        for content in (b"t0k3n\nsecond line\n", b"t0k3n", b"t0k3n\r\n"):
            with self.subTest(content):
                record = self.request("--token-file", self.file(content))
                self.assertEqual(record.header("Authorization"), "Bearer t0k3n")

    def test_the_token_is_read_again_for_each_dial(self):
        path = self.file(b"first")
        server = self.keep(HostileServer("reset_open"))
        run = self.connect("--initial-delay", "5", "--max-delay", "5", "--max-retries", "forever",
                           "--token-file", path, server.url(), stdin=None)
        server.wait("a dial", lambda records: records[1])
        with open(path, "wb") as out:
            out.write(b"second")
        server.wait("the new token", lambda records: any(
            record.header("Authorization") == "Bearer second" for record in list(records)))
        os.remove(path)
        run.wait_event("error", kind="provider")
        with open(path, "wb") as out:
            out.write(b"third")
        server.wait("the newest token", lambda records: any(
            record.header("Authorization") == "Bearer third" for record in list(records)))
        self.interrupt(run)
        self.assertNotIn("second", run.text)
        self.assertIn("Authorization", {n for n, _ in server.records[0].headers})

    def test_origin(self):
        self.assertEqual(self.request("--origin", "https://app.example").header("Origin"),
                         "https://app.example")

    def test_subprotocols(self):
        for implementation in IMPLEMENTATIONS:
            with self.subTest(implementation):
                peer = self.keep(EchoPeer(implementation))
                run = self.connect(*ONCE, "--subprotocol", "first.example", "--subprotocol",
                                   "second.example", peer.url("/info"), stdin=b"")
                self.assert_exit(run, 0)
                seen = json.loads(run.out)
                self.assertEqual(seen["headers"]["sec-websocket-protocol"].replace(" ", ""),
                                 "first.example,second.example")
                self.assertIn(seen["protocol"], ("first.example", "second.example"))

    def test_a_server_that_ignores_the_offer_is_fine(self):
        record = self.request("--subprotocol", "first.example")
        self.assertEqual(record.header("Sec-WebSocket-Protocol"), "first.example")

    def test_the_offer_of_compression(self):
        offer = self.request("--compress").header("Sec-WebSocket-Extensions")
        self.assertTrue(offer.startswith("permessage-deflate"), offer)


class Ways(RequestCase):

    def test_ipv6(self):
        for implementation in IMPLEMENTATIONS:
            with self.subTest(implementation):
                peer = self.keep(EchoPeer(implementation, "--host", "::1"))
                run = self.connect(*ONCE, peer.url("/info", host="[::1]"), stdin=b"")
                self.assert_exit(run, 0)
                self.assertEqual(json.loads(run.out)["headers"]["host"], f"[::1]:{peer.address}")

    def test_a_name(self):
        record = self.keep(HostileServer("echo"))
        run = self.connect(*ONCE, record.url(host="LOCALHOST"), stdin=b"a\n")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"a\n")

    def test_a_name_whose_first_address_refuses(self):
        server = self.keep(HostileServer("echo", host="::1"))  # 127.0.0.1 refuses that port
        run = self.connect(*ONCE, server.url(host="[::1]"), stdin=b"a\n")
        self.assert_exit(run, 0)

    def test_unix_socket(self):
        path = os.path.join(self.folder, "with space.sock")
        self.keep(EchoPeer("websockets", "--unix", path))
        run = self.connect(*ONCE, f"ws+unix://{path.replace(' ', '%20')}:/info?x=1", stdin=b"")
        self.assert_exit(run, 0)
        seen = json.loads(run.out)
        self.assertEqual(seen["target"], "/info?x=1")
        self.assertTrue(seen["headers"]["host"], "a Host header is required")

    def test_a_unix_socket_that_comes_later(self):
        path = os.path.join(self.folder, "later.sock")
        run = self.connect("--initial-delay", "20", "--max-delay", "20", "--max-retries",
                           "forever", f"ws+unix://{path}:/", stdin=b"a\n")
        run.wait_event("retry", count=2)
        self.keep(EchoPeer("websockets", "--unix", path))
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"a\n")


class Secrets(RequestCase):

    MODES = [  # what the server does, exit status
        ("echo", 0), ("status?code=401", 3), ("status?code=503&retry_after=0", 2),
        ("reset_open", 2), ("garbage", 2), ("frozen_head", 2), ("close?code=4001", 3)]
    FORMATS = (("--events", "json"), ("--events", "text"), ("--events", "json", "--verbose"),
               ("--verbose",), ("--quiet",))

    def secrets(self):
        """Options full of secrets, and what may show up nowhere."""
        header = self.file(b"Cookie: sid=c00kie-secret\nX-Api-Key: k3y-secret\n")
        options = ["--header", "@" + header, "--query", "key=query-secret",
                   "--connect-timeout", "300", "--initial-delay", "5", "--max-delay", "5",
                   "--max-retries", "1", "--linger", "0"]
        words = ["c00kie-secret", "query-secret", "url-secret", "pass-secret"]
        return options, words

    def check_silence(self, run, words):
        said = run.text + run.out.decode("utf-8", "replace")
        for word in words:
            for form in (word, base64.b64encode(b"user:" + word.encode()).decode()):
                self.assertNotIn(form, said)

    def test_nothing_says_a_secret(self):
        for mode, status in self.MODES:
            for form in self.FORMATS:
                with self.subTest(mode, form=form):
                    options, words = self.secrets()
                    server = self.keep(HostileServer(mode))
                    url = server.url("/ws?token=url-secret").replace(
                        "//", "//user:pass-secret@", 1)
                    run = self.limpet("connect", *form, *options, url, stdin=b"a\n")
                    self.assert_exit(run, status)
                    self.assertEqual(server.records[0].query["token"], ["url-secret"])
                    self.check_silence(run, words)

    def test_a_token_is_not_said_either(self):
        for options in (("--token-file", self.file(b"t0k3n-secret\n")),
                        ("--header", "Authorization: Bearer t0k3n-secret")):
            for form in self.FORMATS:
                with self.subTest(options[0], form=form):
                    server = self.keep(HostileServer("status?code=401"))
                    run = self.limpet("connect", *form, *options, server.url(), stdin=b"")
                    self.assert_exit(run, 3)
                    self.assertIn("t0k3n-secret", server.records[0].header("Authorization"))
                    self.check_silence(run, ["t0k3n-secret"])

    def test_names_stay_and_values_become_stars(self):
        server = self.keep(HostileServer("echo"))
        url = server.url("/ws?token=one&conversation=two").replace("//", "//me:three@", 1)
        run = self.connect(*ONCE, "--query", "more=four", url, stdin=b"")
        self.assert_exit(run, 0)
        for metrics in run.events("metrics"):
            self.assertRegex(metrics["url"], r"^ws://[^/]*127\.0\.0\.1:\d+/ws"
                             r"\?token=\*\*\*&conversation=\*\*\*&more=\*\*\*$")
            self.assertNotIn("three", metrics["url"])


if __name__ == "__main__":
    main()
