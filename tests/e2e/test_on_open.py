#!/usr/bin/python3
"""`limpet connect --on-open FILE`: what goes out first on every link, read afresh each time."""

import paths  # noqa: F401

import os
import tempfile
import threading

from e2e_limpet import LimpetCase, main
from hostile import HostileServer
from rawws import BINARY, DEADLINE_S, TEXT

ONCE = ("--max-retries", "0")
AGAIN = ("--initial-delay", "5", "--max-delay", "5", "--jitter", "none")


class OnOpen(LimpetCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="limpet-on-open-")
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "first")

    def write(self, data):
        with open(self.path + ".new", "wb") as out:
            out.write(data)
        os.rename(self.path + ".new", self.path)
        return ("--on-open", self.path)

    CASES = [  # the file, what goes out of it
        (b"", []),
        (b"login\n", [b"login"]),
        (b"login\r\n\nlast without feed", [b"login\r", b"", b"last without feed"]),
        ("größer 🐚\n".encode(), ["größer 🐚".encode()]),
        (b"x" * 200000 + b"\n" + b"s\n" * 20000, [b"x" * 200000] + [b"s"] * 20000),
    ]

    def test_it_goes_out_before_standard_input(self):
        for data, messages in self.CASES:
            with self.subTest(data[:20]):
                server = self.keep(HostileServer("sink"))
                run = self.connect(*ONCE, *self.write(data), server.url(), stdin=b"from stdin\n")
                self.assert_exit(run, 0)
                self.assertEqual(server.records[0].messages,
                                 [(TEXT, m) for m in (*messages, b"from stdin")])

    def test_binary(self):
        payloads = [b"\xff\n", b"", b"last"]
        data = b"".join(len(p).to_bytes(4, "big") + p for p in payloads)
        server = self.keep(HostileServer("sink"))
        run = self.connect(*ONCE, "--binary", *self.write(data), server.url(), stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual(server.records[0].messages, [(BINARY, p) for p in payloads])

    def test_with_acknowledgements_it_goes_out_as_it_is(self):
        server = self.keep(HostileServer("sink"))
        run = self.connect(*ONCE, "--confirm", "ack", *self.write(b"login\n"), server.url(),
                           stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual(server.records[0].texts, ["login"])

    def test_each_link_gets_the_file_of_its_time(self):
        server = self.keep(HostileServer("reset_after?n=2", "sink"))
        run = self.connect(*AGAIN, *self.write(b"token 1\n"), server.url())
        server.wait("the first token", lambda rs: rs[0].texts == ["token 1"])
        self.write(b"token 2\n")
        run.feed(b"one\n")
        run.wait_event("state", to="CONNECTED", count=2)
        run.feed(b"two\n")
        server.wait("all", lambda rs: rs[1].texts[-1:] == ["two"])
        run.end_input()
        self.assert_exit(run, 0)
        self.assertEqual(server.records[1].texts[0], "token 2")
        self.assertNotIn("token 1", server.records[1].texts)

    BAD = [  # options, the file, what standard error must name
        ((), b"fine\n\xff\n", "line 2 "),
        (("--max-message", "10"), b"0123456789\n0123456789a\n", "line 2 "),
        (("--binary",), b"\0\0\0\3ab", "message 1 "),
        ((), b"x" * 1000001, "1000000"),
        ((), b"\n" * 100000, "1000000"),  # each message has a frame
    ]

    def test_an_unusable_file_is_refused_at_the_start(self):
        server = self.keep(HostileServer("sink"))
        for options, data, named in self.BAD:
            with self.subTest(named):
                run = self.limpet("connect", *options, *self.write(data), server.url(), stdin=b"")
                self.assert_exit(run, 1)
                self.assertIn(named, run.text)
                self.assertIn("--on-open", run.text)
                self.assertIn(self.path, run.text)
        os.unlink(self.path)
        for make in (lambda: None, lambda: os.mkfifo(self.path)):
            make()
            run = self.limpet("connect", "--on-open", self.path, server.url(), stdin=b"")
            self.assert_exit(run, 1)
            self.assertIn(self.path, run.text)
        self.assertEqual(server.records, [])

    def test_a_file_that_vanished_makes_the_link_unready(self):
        """Nothing is sent on such a link, and nothing that waited is lost."""
        gone = threading.Event()

        def reset_when_gone(peer):
            peer.open()
            peer.read_event()
            gone.wait(DEADLINE_S)
            peer.reset()
        server = self.keep(HostileServer(reset_when_gone, "sink"))
        run = self.connect("--max-retries", "forever", *AGAIN, *self.write(b"login\n"),
                           server.url())
        server.wait("the first login", lambda rs: rs[0].texts == ["login"])
        os.unlink(self.path)
        gone.set()
        run.wait_event("error", message="Not ready", retryable=True)
        self.assertIn(self.path, run.events("error", message="Not ready")[0]["detail"])
        run.feed(b"waits\n")
        run.end_input()
        run.wait_event("error", kind="connection_lost",
                       detail="not declared ready within 10000 ms")
        self.write(b"login\n")
        self.assert_exit(run, 0)
        self.assertEqual(server.records[-1].texts, ["login", "waits"])
        for record in server.records[1:-1]:
            self.assertEqual(record.messages, [])

    def test_a_link_that_ends_meanwhile_is_a_loss_like_any_other(self):
        server = self.keep(HostileServer("reset_open", "close?code=1012", "sink"))
        run = self.connect(*AGAIN, "--max-retries", "forever", "--confirm", "barrier",
                           *self.write(b"login\n" * 1000), server.url(), stdin=b"after\n")
        self.assert_exit(run, 0)
        self.assertEqual(server.records[-1].texts, ["login"] * 1000 + ["after"])


if __name__ == "__main__":
    main()
