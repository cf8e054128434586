#!/usr/bin/python3
"""`limpet chat` on a terminal, at the real relay: what the screen shows, editing, trouble, sizes, and the
way out."""

import paths  # noqa: F401

import fcntl
import os
import pty
import select
import signal
import tempfile
import threading
import unicodedata

from e2e_limpet import DEADLINE_S, LimpetCase, main, wait_until
from e2e_relay import Relay
from e2e_terminal import Terminal
from hostile import HostileServer

PATIENT = ("--max-retries", "forever", "--initial-delay", "20", "--max-delay", "100",
           "--stable-after", "0")
# Between attempts so long that a test sees the state that it waits for.
SLOW = ("--max-retries", "forever", "--initial-delay", "60000", "--max-delay", "60000")


class TerminalCase(LimpetCase):

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def start_relay(self):
        return self.keep(Relay(self.path("relay")))

    def chat(self, relay, *args, user="ann", **kwargs):
        url = relay if isinstance(relay, str) else f"ws://{relay.address}"
        return self.keep(Terminal("chat", "--user", user, "--conversation", "lunch", *args, url,
                                  **kwargs))

    def open_chat(self, *args, **kwargs):
        terminal = self.chat(*args, **kwargs)
        terminal.wait_text("Connected (")
        return terminal

    def assert_left_clean(self, terminal, status):
        """Ended with `status`, and the terminal is as it was: its modes, and the main screen."""
        self.assertEqual(terminal.wait(), status, terminal.story())
        self.assertIn(b"\x1b[?1049h", terminal.raw)
        tail = terminal.raw[terminal.raw.rindex(b"\x1b[?7h"):]
        for sequence in (b"\x1b[?2004l", b"\x1b[?25h", b"\x1b[?1049l"):
            self.assertIn(sequence, tail)


class Talk(TerminalCase):

    def test_two_people_talk(self):
        relay = self.start_relay()
        ann = self.open_chat(relay)
        bob = self.open_chat(relay, user="bob", rows=10, columns=40)
        ann.say("hello 你好 🦀")
        bob.wait_text("ann: hello 你好 🦀")
        ann.wait_text(":")
        ann.wait_for("the time of the message", lambda: "…" not in ann.text)
        bob.type("w")
        ann.wait_text("bob is typing…")
        bob.say("hat?")
        ann.wait_text("bob: what?")
        ann.wait_gone("typing")
        colours = {ann.styles("bob:")[0], "default"}
        self.assertEqual(len(colours), 2, "a sender has a colour")
        ann.press("ctrl_d")
        self.assert_left_clean(ann, 0)
        bob.press("ctrl_c")
        self.assert_left_clean(bob, 130)
        self.assertEqual([m["plaintext"] for m in relay.stored("lunch")], ["hello 你好 🦀", "what?"])

    def test_the_line_is_edited(self):
        relay = self.start_relay()
        ann = self.open_chat(relay)
        ann.type("wörld 你")
        ann.press("backspace", "backspace", "home")
        ann.type("hello ")
        ann.press("end", "left", "delete")
        ann.type("d!")
        ann.wait_text("> hello wörld!")
        self.assertEqual((ann.screen.cursor.y, ann.screen.cursor.x), (23, 14))
        ann.press("enter")
        ann.wait_text("ann: hello wörld!")
        ann.press("up")
        ann.wait_text("> hello wörld!")
        ann.press("ctrl_w")
        ann.type("you")
        ann.press("enter")
        ann.wait_text("ann: hello you")
        ann.type("x" * 100)
        ann.wait_for("the end of a long line", lambda: ann.rows[-1].endswith("x" * 60))
        self.assertLess(ann.screen.cursor.x, 80)
        ann.press("ctrl_u")
        ann.wait_for("an empty line", lambda: ann.rows[-1] == ">")
        ann.type("\x1b[200~one\ntwo\x1b[201~")  # a paste is not sent
        ann.wait_text("> one two")

    def test_scrolling_stays_where_it_is(self):
        relay = self.start_relay()
        for i in range(1, 61):
            relay.post("lunch", "bob", f"line {i}.")
        ann = self.open_chat(relay)
        ann.wait_text("line 60.")
        ann.press("page_up")
        ann.wait_gone("line 60.")
        ann.wait_text("PgDn")
        top = ann.rows[1]
        relay.post("lunch", "bob", "news!")
        ann.wait_text("1 new below")
        self.assertEqual(ann.rows[1], top)
        for _ in range(9):
            ann.press("page_up")
        ann.wait_text("line 1.")
        for _ in range(9):
            ann.press("page_down")
        ann.wait_text("news!")
        ann.wait_gone("PgDn")

    def test_nothing_from_the_network_steers_the_terminal(self):
        relay = self.start_relay()
        relay.post("lunch", "bob", "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eevil\x1b[6n")
        ann = self.open_chat(relay)
        ann.wait_text("evil")
        self.assertIn("bob: \ufffd[2J\ufffd]0;owned\ufffd\ufffd31mevil\ufffd[6n", ann.text)
        self.assertNotIn(b"\x1b]0;", ann.raw)
        self.assertNotIn("\x9b", ann.raw.decode())
        self.assertNotIn("\u202e", ann.raw.decode())


class Trouble(TerminalCase):

    def test_banner_badge_and_echo(self):
        relay = self.start_relay()
        ann = self.open_chat(relay, *SLOW)
        ann.say("before")
        ann.wait_text("ann: before")
        ann.wait_gone("…")
        relay.kill()
        ann.wait_text("Reconnecting")
        self.assertNotIn("Ctrl-R", ann.text)  # not yet
        ann.wait_text("Ctrl-R: try now")
        self.assertNotIn("will be sent", ann.text)  # nothing waits
        self.assertEqual(ann.styles("Reconnecting ·")[:2], ("black", "ffaf00"), "amber")
        ann.say("in the dark")
        ann.wait_text("1 message will be sent")
        ann.wait_text("1 waiting")
        ann.wait_text("  …   ann: in the dark")
        relay.start()
        ann.press("ctrl_r")
        ann.wait_text("Connected (")
        ann.wait_gone("Ctrl-R")
        ann.wait_gone("…")
        ann.wait_gone("waiting")
        self.assertEqual([m["plaintext"] for m in relay.stored("lunch")], ["before", "in the dark"])

    def test_messages_of_an_earlier_run(self):
        relay = self.start_relay()
        relay.kill()
        ann = self.chat(relay, *SLOW, "--outbox", self.path("outbox"))
        ann.wait_text("Connecting")
        ann.say("one")
        ann.say("two")
        ann.wait_text("2 waiting")
        ann.press("ctrl_c")
        self.assert_left_clean(ann, 130)
        self.assertIn(b"2 messages wait in the outbox", ann.raw)
        ann = self.chat(relay, *SLOW, "--outbox", self.path("outbox"))
        ann.wait_text("2 messages of an earlier run still to be sent")
        relay.start()
        ann.press("ctrl_r")
        ann.wait_text("ann: two")
        ann.wait_gone("earlier run")
        self.assertEqual(ann.text.count("ann: one"), 1)

    def test_gave_up(self):
        ann = self.chat("ws://127.0.0.1:1", "--max-retries", "1", "--initial-delay", "20")
        ann.wait_text("Gave up after 1 attempt")
        ann.say("later")
        ann.wait_text("1 message waits · Ctrl-R: try now")
        ann.press("ctrl_d")
        self.assert_left_clean(ann, 2)

    def test_critical(self):
        server = self.keep(HostileServer(lambda peer: peer.send(
            b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")))
        ann = self.chat(server.url())
        ann.wait_text("WebSocket error: ")
        ann.press("ctrl_d")
        self.assert_left_clean(ann, 3)

    def test_figures(self):
        relay = self.start_relay()
        ann = self.open_chat(relay)
        for key in ("f2", "ctrl_t"):
            ann.press(key)
            ann.wait_text("reconnects 0")
            ann.press(key)
            ann.wait_gone("reconnects 0")


class Looks(TerminalCase):

    def test_every_size_is_without_garbage(self):
        relay = self.start_relay()
        relay.post("lunch", "bob", "a line that is too long for most of these 你好 screens, " * 3)
        ann = self.open_chat(relay)
        ann.press("f2")
        for rows, columns in ((24, 80), (10, 40), (5, 20), (4, 12), (3, 8), (2, 3), (1, 1), (50, 200),
                              (24, 80)):
            with self.subTest(rows=rows, columns=columns):
                ann.resize(rows, columns)
                ann.type("y")
                ann.wait_for("the cursor in the last row",
                             lambda: ann.screen.cursor.y == rows - 1)
                ann.wait_for("the line typed", lambda: columns < 3 or "y" in ann.rows[-1])
        ann.wait_text("bob: a line")
        ann.wait_text("reconnects 0")
        for row in ann.rows:
            self.assertLessEqual(sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in row
                                     if c.strip()), 80)

    def test_no_color(self):
        relay = self.start_relay()
        relay.post("lunch", "bob", "hello")
        ann = self.open_chat(relay, *SLOW, env={"NO_COLOR": "1"})
        ann.wait_text("bob: hello")
        relay.kill()
        ann.wait_text("Ctrl-R")
        cells = [cell for row in ann.screen.buffer.values() for cell in row.values()]
        self.assertEqual({(cell.fg, cell.bg) for cell in cells}, {("default", "default")})
        self.assertTrue(ann.styles("Reconnecting ·")[3], "the banner stands out")

    def test_a_dumb_terminal_is_spoken_to_plainly(self):
        relay = self.start_relay()
        relay.post("lunch", "bob", "hello")
        ann = self.chat(relay, "--events", "none", env={"TERM": "dumb"})
        ann.wait_text("bob: hello")
        self.assertNotIn(b"\x1b", ann.raw)
        ann.signal(signal.SIGTERM)
        self.assertEqual(ann.wait(), 143)


class Exits(TerminalCase):

    def test_signals_leave_the_terminal_as_it_was(self):
        relay = self.start_relay()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(number=number):
                ann = self.open_chat(relay)
                ann.signal(number)
                self.assert_left_clean(ann, 128 + number)

    def test_a_terminal_that_stands_still_is_not_gone(self):
        relay = self.start_relay()
        ann = self.open_chat(relay)
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        with os.fdopen(theirs, "r+b", buffering=0) as terminal:
            run = self.limpet("chat", "--user", "bob", "--conversation", "lunch",
                              f"ws://{relay.address}", stdout=terminal,
                              stdin=os.fdopen(os.dup(theirs), "rb"), env={"TERM": "xterm"})
            for number in range(400):
                relay.post("lunch", "eve", f"<{number}>" + "x" * 300)
            ann.wait_text("<399>x")
            wait_until("a full terminal", lambda: not select.select([], [terminal], [], 0)[1])
            self.assertFalse(fcntl.fcntl(terminal, fcntl.F_GETFL) & os.O_NONBLOCK)
            ended = threading.Event()

            def read():
                seen = b""
                while not ended.is_set():
                    seen += os.read(ours, 65536)
                    if b"<399>x" in seen:
                        ended.set()
            reading = threading.Thread(target=read, daemon=True)
            reading.start()
            self.assertTrue(ended.wait(DEADLINE_S), "it shows the last message")
            os.write(ours, b"\x03")
            self.assert_exit(run, 130)
        ann.press("ctrl_c")
        ann.wait()

    def test_a_crash_leaves_the_terminal_as_it_was(self):
        relay = self.start_relay()
        ann = self.open_chat(relay)
        ann.signal(signal.SIGABRT)
        self.assert_left_clean(ann, -signal.SIGABRT)

    def test_ctrl_d_waits_until_all_is_stored(self):
        relay = self.start_relay()
        ann = self.open_chat(relay, *PATIENT)
        relay.kill()
        ann.wait_text("Reconnecting")
        ann.say("the last word")
        ann.press("ctrl_d")
        ann.wait_text("Leaving when all is stored")
        relay.start()
        self.assert_left_clean(ann, 0)
        self.assertEqual([m["plaintext"] for m in relay.stored("lunch")], ["the last word"])

    def test_continued_after_a_stop(self):
        relay = self.start_relay()
        relay.post("lunch", "bob", "hello")
        ann = self.open_chat(relay)
        ann.wait_text("bob: hello")
        ann.signal(signal.SIGSTOP)
        ann.screen.reset()
        ann.signal(signal.SIGCONT)
        ann.wait_text("bob: hello")
        ann.press("ctrl_z")  # nobody could continue it: it goes on at once
        ann.wait_for("the screen again", lambda: ann.raw.count(b"\x1b[?1049h") == 3)
        ann.wait_text("bob: hello")
        ann.press("ctrl_c")
        self.assert_left_clean(ann, 130)


if __name__ == "__main__":
    main()
