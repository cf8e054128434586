#!/usr/bin/python3
"""The contract of `limpet connect` with standard input and output: lines, --binary, the end of
input, --linger, --keep-open."""

import paths  # noqa: F401

import os
import socket
import tempfile
import threading
import time

from e2e_limpet import LimpetCase, main, wait_until
from hostile import HostileServer
from rawws import BINARY, CLOSE, PING, PONG, TEXT

ONCE = ("--max-retries", "0")
AGAIN = ("--initial-delay", "5", "--max-delay", "5", "--jitter", "none")


def prefixed(*payloads):
    return b"".join(len(p).to_bytes(4, "big") + p for p in payloads)


class Lines(LimpetCase):

    CASES = [  # standard input, messages that go out
        (b"", []),
        (b"\n", [b""]),
        (b"a\nb\n", [b"a", b"b"]),
        (b"last without feed", [b"last without feed"]),
        (b"a\n\n\nb", [b"a", b"", b"", b"b"]),
        (b"carriage return stays\r\n\r\n", [b"carriage return stays\r", b"\r"]),
        (b"nul \x00 is a character\n", [b"nul \x00 is a character"]),
        (" umlaut ü, shell 🐚 \n".encode(), [" umlaut ü, shell 🐚 ".encode()]),
        (b"z" * 300000 + b"\n", [b"z" * 300000]),
    ]

    def test_lines_become_text_messages(self):
        for given, messages in self.CASES:
            with self.subTest(given[:40]):
                server = self.keep(HostileServer("echo"))
                run = self.connect(*ONCE, server.url(), stdin=given)
                self.assert_exit(run, 0)
                self.assertEqual(server.records[0].messages, [(TEXT, m) for m in messages])
                self.assertEqual(run.out, b"".join(m + b"\n" for m in messages))
                self.assertEqual(server.records[0].close_code, 1000)
                self.assertEqual(server.records[0].violations, [])

    def test_a_line_goes_out_while_more_input_may_come(self):
        server = self.keep(HostileServer("echo"))
        run = self.connect(*ONCE, server.url())
        for line in (b"one\n", b"two\n"):
            expected = len(run.out) + len(line)  # before the echo can be there
            run.feed(line)
            run.wait_out(expected)
        run.feed(b"no line feed yet")
        run.end_input()
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"one\ntwo\nno line feed yet\n")

    def test_input_from_a_file(self):
        server = self.keep(HostileServer("echo"))
        lines = b"".join(b"line %d\n" % i for i in range(5000)) + b"without feed"
        with tempfile.NamedTemporaryFile() as file:
            file.write(lines)
            file.flush()
            run = self.connect(*ONCE, server.url(), stdin=file.name)
            self.assert_exit(run, 0)
        self.assertEqual(run.out, lines + b"\n")

    def test_no_input_at_all(self):
        server = self.keep(HostileServer("push?n=2"))
        run = self.connect(*ONCE, server.url(), stdin="/dev/null")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"1\n2\n")

    def test_received_messages_are_printed_raw(self):
        def say(peer):
            peer.open()
            peer.send_frame(TEXT, b"two\nlines")
            peer.send_frame(BINARY, b"\x00\xff\xfe")
            peer.send_frame(TEXT, b"")
            peer.serve()
        server = self.keep(HostileServer(say))
        run = self.connect(*ONCE, server.url(), stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"two\nlines\n\x00\xff\xfe\n\n")

    BAD = [  # name, options, input, messages delivered before, what standard error must name
        ("invalid UTF-8", (), b"one\ntwo\nbad \xff\nfour\n", [b"one", b"two"], "line 3"),
        ("a surrogate", (), b"\xed\xa0\x80\n", [], "line 1"),
        ("cut UTF-8 in the last line", (), b"one\n\xe2\x82", [b"one"], "line 2"),
        ("too long", ("--max-message", "10"), b"0123456789\n0123456789a\nc\n", [b"0123456789"],
         "line 2"),
        ("too long without end", ("--max-message", "1000"), b"a\n" + b"x" * 500000, [b"a"],
         "line 2"),
    ]

    def test_unusable_lines_end_the_run_after_what_came_before(self):
        for name, options, given, before, named in self.BAD:
            with self.subTest(name):
                server = self.keep(HostileServer("echo"))
                run = self.limpet("connect", *ONCE, *options, server.url(), stdin=given)
                self.assert_exit(run, 1)
                self.assertRegex(run.text, named + r"\b")
                self.assertEqual([m for _, m in server.records[0].messages], before)
                self.assertEqual(run.out, b"".join(m + b"\n" for m in before))
                self.assertEqual(server.records[0].close_code, 1000)

    def test_unusable_line_told_as_an_event(self):
        server = self.keep(HostileServer("echo"))
        run = self.connect(*ONCE, server.url(), stdin=b"good\nbad \xff\n")
        self.assert_exit(run, 1)
        errors = run.events("error")  # events and nothing else: parsing fails on other lines
        self.assertTrue([e for e in errors if "line 2" in e["detail"]], run.story())


class Binary(LimpetCase):

    def test_prefixed_both_ways(self):
        payloads = [b"", b"a", b"\n\n", b"\xff\x00" * 40000]
        server = self.keep(HostileServer("echo"))
        run = self.connect(*ONCE, "--binary", server.url(), stdin=prefixed(*payloads))
        self.assert_exit(run, 0)
        self.assertEqual(server.records[0].messages, [(BINARY, p) for p in payloads])
        self.assertEqual(run.out, prefixed(*payloads))

    def test_texts_are_prefixed_too(self):
        server = self.keep(HostileServer("push?n=2"))
        run = self.connect(*ONCE, "--binary", server.url(), stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, prefixed(b"1", b"2"))

    def test_unusable_input(self):
        for name, given in [("cut in a payload", prefixed(b"whole") + b"\0\0\0\x05abc"),
                            ("cut in a length", prefixed(b"whole") + b"\0\0"),
                            ("longer than --max-message", prefixed(b"whole") + b"\0\0\0\x41" +
                             b"x" * 65)]:
            with self.subTest(name):
                server = self.keep(HostileServer("echo"))
                run = self.limpet("connect", *ONCE, "--binary", "--max-message", "64",
                                  server.url(), stdin=given)
                self.assert_exit(run, 1)
                self.assertRegex(run.text, r"\b2\b")
                self.assertEqual(server.records[0].messages, [(BINARY, b"whole")])


class EndOfInput(LimpetCase):

    def test_what_the_server_says_before_its_close_is_printed(self):
        server = self.keep(HostileServer("late_on_close?n=3"))
        run = self.connect(*ONCE, server.url(), stdin=b"bye\n")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"1\n2\n3\n")

    def test_linger_waits_until_nothing_came_for_so_long(self):
        def late(peer):
            peer.open()
            while peer.read_event()[0] != PING:
                pass
            peer.send_frame(PONG, peer.record.pings[-1])
            for i in range(4):  # each within --linger, together longer
                wait_until("a while", lambda end=time.monotonic() + 0.4: time.monotonic() > end)
                peer.send_text(str(i))
            peer.serve()
        server = self.keep(HostileServer(late))
        run = self.connect(*ONCE, "--linger", "1000", server.url(), stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"0\n1\n2\n3\n")
        self.assertEqual(server.records[0].close_code, 1000)

    def test_linger_0_does_not_wait(self):
        server = self.keep(HostileServer("echo"))
        run = self.connect(*ONCE, "--linger", "0", server.url(), stdin=b"a\n")
        self.assert_exit(run, 0)
        self.assertEqual(server.records[0].texts, ["a"])

    def test_keep_open_outlives_the_end_of_input(self):
        def talk(peer):
            peer.open()
            peer.server.release.wait(30)
            peer.send_text("much later")
            peer.serve()
        server = self.keep(HostileServer(talk))
        run = self.connect(*ONCE, "--keep-open", "--linger", "20", server.url(), stdin=b"a\n")
        run.wait_event("state", to="CONNECTED")
        quiet = time.monotonic() + 0.5  # far more than the linger
        wait_until("a while", lambda: time.monotonic() > quiet)
        server.release.set()
        run.wait_out(11)
        server.wait("the line", lambda rs: rs[0].texts == ["a"])
        self.assertIsNone(run.process.poll())
        self.interrupt(run)
        self.assertEqual(server.records[0].close_code, 1000)

    def test_a_cut_before_the_proof_means_to_prove_again(self):
        server = self.keep(HostileServer("reset_on_ping", "echo"))
        run = self.connect(*AGAIN, server.url(), stdin=b"a\n")
        self.assert_exit(run, 0)
        self.assertEqual(len(server.records), 2)
        self.assertTrue(server.records[1].pings or server.records[1].close_code == 1000)
        self.assertEqual(run.events("metrics")[-1]["reconnects"], 1)

    def test_never_proven_is_not_done(self):
        server = self.keep(HostileServer("reset_on_ping"))
        run = self.connect(*AGAIN, "--max-retries", "3", server.url(), stdin=b"a\n")
        self.assert_exit(run, 2)
        self.assertEqual(len(server.records), 4)

    def test_the_close_is_proof_enough_where_no_heartbeat_is(self):
        server = self.keep(HostileServer("mute"))
        run = self.connect(*ONCE, "--heartbeat", "off", server.url(), stdin=b"a\nb\n")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"a\nb\n")

    def test_a_proven_run_does_not_wait_for_ever_for_the_peers_close(self):
        server = self.keep(HostileServer("deaf_close"))
        run = self.connect(*ONCE, "--close-timeout", "200", server.url(), stdin=b"a\n")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"a\n")
        self.assertEqual(server.records[0].close_code, 1000)

    def test_the_proof_may_take_as_long_as_any_heartbeat(self):
        def slowly(peer):
            """Answers each ping late, as a server does that works through a backlog."""
            peer.open()
            while True:
                opcode, payload = peer.read_event()
                if opcode == CLOSE:
                    peer.send_frame(CLOSE, payload)
                    return
                if opcode == PING:
                    late = time.monotonic() + 2.5
                    wait_until("2.5 s", lambda: time.monotonic() > late)
                    peer.send_frame(PONG, payload)
        server = self.keep(HostileServer(slowly))
        run = self.connect(*ONCE, "--heartbeat-timeout", "10000", server.url(), stdin=b"a\n")
        self.assert_exit(run, 0)
        self.assertEqual(server.records[0].texts, ["a"])

    def test_neither_reply_nor_close_is_no_success(self):
        server = self.keep(HostileServer(self.swallow))
        run = self.connect(*AGAIN, "--max-retries", "2", "--heartbeat", "off", server.url(),
                           stdin=b"a\n")
        self.assert_exit(run, 2)

    def swallow(self, peer):
        peer.open()
        while peer.read_event()[0] != CLOSE:
            pass
        peer.reset()

    def test_who_never_proves_anything_is_not_hammered(self):
        server = self.keep(HostileServer(self.swallow))
        run = self.connect("--initial-delay", "300", "--jitter", "none", "--max-retries", "2", "--linger",
                           "0", "--heartbeat", "off", server.url(), stdin=b"a\n")
        self.assert_exit(run, 2)
        self.assertEqual([(e["attempt"], e["max_retries"], e["delay_ms"]) for e in run.events("retry")],
                         [(1, 2, 300), (2, 2, 450)])
        closed = [e["t_ms"] for e in run.events("state", to="CLOSED")]
        dialed = [e["t_ms"] for e in run.events("state", to="CONNECTING")]
        self.assertEqual(len(dialed), 3)
        self.assertGreaterEqual(dialed[1] - closed[0], 298)  # two clocks in whole milliseconds
        self.assertGreaterEqual(dialed[2] - closed[1], 448)
        self.assertIn("never proved", run.events("error", kind="gave_up")[0]["detail"])

    def test_interrupted_before_it_proves_again(self):
        server = self.keep(HostileServer(self.swallow))
        run = self.connect("--initial-delay", "60000", "--jitter", "none", "--linger", "0", "--heartbeat",
                           "off", server.url(), stdin=b"a\n")
        run.wait_event("retry")
        self.interrupt(run)
        self.assertEqual(run.events("metrics")[-1]["state"], "CLOSED")

    def test_a_reader_that_goes_away_ends_the_run(self):
        server = self.keep(HostileServer("push?n=200000"))
        run = self.limpet("connect", *ONCE, "--events", "none", server.url(), stdout_gone=True)
        self.assertGreater(run.wait(), 0, "an error, not a signal, not success")

    def test_a_slow_reader_gets_all_and_the_server_waits_for_it(self):
        server = self.keep(HostileServer("echo"))
        reader, writer = os.pipe()
        line = b"x" * 999 + b"\n"
        run = self.connect(*ONCE, "--linger", "0", server.url(), stdout=writer)
        os.close(writer)
        run.feed_aside(line * 3000)
        run.wait_for("input that is taken before anybody reads", lambda: run.fed > 65536)
        with os.fdopen(reader, "rb") as out:
            self.assertEqual(out.read(), line * 3000)
        self.assert_exit(run, 0)

    def test_one_socket_for_input_and_output(self):
        server = self.keep(HostileServer("echo"))
        ours, its = socket.socketpair()
        line = b"x" * 999 + b"\n"
        run = self.connect(*ONCE, server.url(), stdin=its, stdout=its)
        self.addCleanup(ours.close)
        def say():
            ours.sendall(line * 3000)
            ours.shutdown(socket.SHUT_WR)
        saying = threading.Thread(target=say, daemon=True)
        saying.start()
        with ours.makefile("rb") as out:
            self.assertEqual(out.read(), line * 3000)
        saying.join()
        self.assert_exit(run, 0)

    def test_output_that_cannot_be_written_is_an_error(self):
        server = self.keep(HostileServer("push?n=1"))
        with open("/dev/full", "wb") as full:
            run = self.limpet("connect", *ONCE, server.url(), stdin=b"", stdout=full)
        self.assert_exit(run, 1)
        self.assertIn("cannot write to standard output: No space left on device", run.text)

    def closing(self, *numbers):
        return lambda: [os.close(number) for number in numbers]

    def test_closed_standard_input_has_ended(self):
        server = self.keep(HostileServer("echo"))
        run = self.connect(*ONCE, server.url(), preexec_fn=self.closing(0))
        self.assert_exit(run, 0)
        self.assertEqual(server.records[0].messages, [])

    def test_closed_standard_output_cannot_be_written(self):
        server = self.keep(HostileServer("echo"))
        run = self.limpet("connect", *ONCE, server.url(), stdin=b"a\n", preexec_fn=self.closing(1))
        self.assert_exit(run, 1)
        self.assertIn("cannot write to standard output: Bad file descriptor", run.text)

    def test_closed_standard_error_says_nothing(self):
        server = self.keep(HostileServer("echo"))
        run = self.connect(*ONCE, server.url(), stdin=b"a\n", preexec_fn=self.closing(2))
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"a\n")


if __name__ == "__main__":
    main()
