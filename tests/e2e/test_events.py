#!/usr/bin/python3
"""What `limpet connect` tells on standard error: --events json and text, --quiet, --verbose, the
terminal's status line."""

import paths  # noqa: F401

import os
import pty
import re
import signal
import termios
import threading

from e2e_limpet import Limpet, LimpetCase, main
from e2e_terminal import Terminal as Screen
from hostile import HostileServer
from rawws import CLOSE

QUICK = ("--initial-delay", "5", "--max-delay", "5", "--jitter", "none")
STATES = {"CLOSED", "CONNECTING", "CONNECTED", "DISCONNECTED", "RECONNECTING",
          "WAITING_FOR_NETWORK", "ERROR", "FAILED"}
REASONS = {"connect", "opened", "lost", "retry", "critical", "gave_up", "network_down",
           "network_up", "disconnect"}
NUMBER, TEXT, FLAG, MAYBE = (int,), (str,), (bool,), (int, type(None))
SCHEMA = {
    "state": {"from": TEXT, "to": TEXT, "reason": TEXT},
    "error": {"kind": TEXT, "retryable": FLAG, "message": TEXT, "detail": TEXT},
    "retry": {"attempt": NUMBER, "max_retries": MAYBE, "delay_ms": NUMBER},
    "dropped": {"reason": TEXT, "count": NUMBER},
    "metrics": {"state": TEXT, "connected": FLAG, "reconnects": NUMBER,
                "queued_messages": NUMBER, "connection_duration_ms": NUMBER, "url": TEXT,
                "attempt": NUMBER, "next_retry_ms": MAYBE, "rtt_ms": (dict,),
                "messages_in": NUMBER, "messages_out": NUMBER, "bytes_in": NUMBER,
                "bytes_out": NUMBER, "dropped": NUMBER, "downtime_ms": NUMBER,
                "longest_outage_ms": NUMBER, "last_error": (str, dict, type(None))},
}


class Json(LimpetCase):

    def check_schema(self, run):
        last = 0
        for event in run.events():
            for name, kinds in {**SCHEMA[event["event"]], "t_ms": NUMBER}.items():
                self.assertIn(name, event)
                self.assertIn(type(event[name]), kinds, f"{name} of {event}")
            self.assertGreaterEqual(event["t_ms"], last, "time goes on")
            last = event["t_ms"]
        for step in run.events("state"):
            self.assertLessEqual({step["from"], step["to"]}, STATES)
            self.assertIn(step["reason"], REASONS)
        steps = run.events("state")
        for before, after in zip(steps, steps[1:]):
            self.assertEqual(before["to"], after["from"])

    def order(self, run):
        """A short word for each event but metrics: "error", "CONNECTED", "retry"."""
        names = [e["to"] if e["event"] == "state" else
                 e["kind"] if e.get("kind") == "gave_up" else e["event"]
                 for e in run.events() if e["event"] != "metrics"]
        return names[:-1] if names[-1] == "CLOSED" and names[-2] in ("FAILED", "ERROR") else names

    def reasons(self, run):
        return [e["reason"] for e in run.events("state")]

    def test_a_clean_run(self):
        server = self.keep(HostileServer("echo"))
        run = self.connect(server.url(), stdin=b"a\n")
        self.assert_exit(run, 0)
        self.check_schema(run)
        self.assertEqual(self.order(run), ["CONNECTING", "CONNECTED", "CLOSED"])
        self.assertEqual(self.reasons(run), ["connect", "opened", "disconnect"])
        self.assertIsNone(run.events("metrics")[-1]["last_error"], "an orderly end is no error")

    def test_the_order_of_reports_at_a_loss(self):
        server = self.keep(HostileServer("reset_open", "echo"))
        run = self.connect(*QUICK, server.url(), stdin=b"a\n")
        self.assert_exit(run, 0)
        self.check_schema(run)
        self.assertEqual(self.order(run), ["CONNECTING", "CONNECTED", "error", "DISCONNECTED",
                                           "retry", "RECONNECTING", "CONNECTED", "CLOSED"])
        self.assertEqual(self.reasons(run), ["connect", "opened", "lost", "retry", "opened",
                                             "disconnect"])

    def test_the_order_of_reports_at_the_end(self):
        server = self.keep(HostileServer("status?code=503"))
        run = self.connect(*QUICK, "--max-retries", "2", server.url())
        self.assert_exit(run, 2)
        self.check_schema(run)
        self.assertEqual(self.order(run), [
            "CONNECTING", "error", "DISCONNECTED", "retry", "RECONNECTING", "error", "retry",
            "error", "gave_up", "FAILED"])
        self.assertEqual(self.reasons(run)[:4], ["connect", "lost", "retry", "gave_up"])
        self.assertFalse(run.events("error", kind="gave_up")[0]["retryable"])

    def test_the_order_of_reports_at_a_critical_error(self):
        for mode, order in [
                ("status?code=401", ["CONNECTING", "error", "ERROR"]),
                ("close?code=4001", ["CONNECTING", "CONNECTED", "error", "DISCONNECTED",
                                     "ERROR"])]:
            with self.subTest(mode):
                server = self.keep(HostileServer(mode))
                run = self.connect(server.url())
                self.assert_exit(run, 3)
                self.check_schema(run)
                self.assertEqual(self.order(run), order)
                step = run.events("state", to="ERROR")[0]
                self.assertEqual(step["reason"], "critical")

    def test_metrics_at_each_opening_and_at_the_end(self):
        server = self.keep(HostileServer("reset_after?n=1", "echo"))
        run = self.connect(*QUICK, server.url())
        run.feed(b"abc\n")
        run.wait_event("state", to="CONNECTED", count=2)
        run.feed(b"defg\n")
        run.end_input()
        self.assert_exit(run, 0)
        self.check_schema(run)
        first, second, end = run.events("metrics")
        self.assertEqual([m["connected"] for m in (first, second)], [True, True])
        self.assertEqual([m["reconnects"] for m in (first, second, end)], [0, 1, 1])
        self.assertEqual((end["messages_out"], end["bytes_out"]), (2, 7))
        self.assertEqual((end["messages_in"], end["bytes_in"]), (2, 7))
        self.assertEqual(set(end["rtt_ms"]), {"last", "min", "mean", "max"})
        self.assertGreaterEqual(end["downtime_ms"], 4)
        self.assertEqual(end["longest_outage_ms"], end["downtime_ms"])
        self.assertIsNone(first["last_error"])
        self.assertIn("connection_lost", str(end["last_error"]))

    def test_every_run_ends_with_metrics(self):
        for mode, status in (("echo", 0), ("status?code=503", 2), ("status?code=401", 3)):
            with self.subTest(mode):
                server = self.keep(HostileServer(mode))
                run = self.connect("--max-retries", "0", server.url(), stdin=b"")
                self.assert_exit(run, status)
                self.assertEqual(len(run.events("metrics")), 1 + (status == 0))

    def test_what_is_not_utf8_is_told_all_the_same(self):
        run = self.connect("--max-retries", "0", "ws+unix:///nonexistent/%FF.sock", stdin=b"")
        self.assert_exit(run, 2)
        self.assertIn("/nonexistent/\ufffd.sock", run.events("error")[0]["detail"])
        self.assertIn("\ufffd", run.events("error", kind="gave_up")[0]["detail"])
        self.assertIn("\ufffd", run.events("metrics")[0]["last_error"]["detail"])
        check = self.connect("--check", "ws+unix:///nonexistent/%FF.sock", stdin=b"")
        self.assert_exit(check, 2)
        self.assertIn("\ufffd", check.events("check", ok=False)[0]["detail"])

    def test_a_run_that_cannot_start_says_so_as_an_event(self):
        url = "ws://127.0.0.1:9/"  # never dialed
        address = (("ws://h/#fragment",), 1, "invalid_argument", "fragment")
        trust = (("--cacert", "/nonexistent/ca", url), 1, "invalid_argument", "/nonexistent/ca")
        box = (("--outbox", "/nonexistent/box", url), 3, "outbox", "/nonexistent/box")
        metrics = (("--metrics-listen", "nowhere", url), 1, "invalid_argument", "nowhere")
        for command, cases in [
                (("connect",), (address, trust, box, metrics)),
                (("connect", "--check"), (address, trust)),
                (("chat", "--user", "u", "--conversation", "c"), (address, trust, box))]:
            for options, status, kind, naming in cases:
                with self.subTest(command=command, options=options):
                    run = self.limpet(*command, "--events", "json", *options, stdin=b"")
                    self.assert_exit(run, status)
                    (error,) = run.events()  # an event, and nothing else
                    self.assertEqual((error["event"], error["kind"]), ("error", kind))
                    self.assertIs(error["retryable"], False)
                    self.assertIn(naming, error["detail"])

    def test_events_as_they_happen(self):
        server = self.keep(HostileServer("frozen_head"))
        run = self.connect(server.url())
        run.wait_event("state", to="CONNECTING")  # not only when a buffer is full
        self.interrupt(run)


class Text(LimpetCase):

    LIFE = ["[WebSocket] State: CLOSED → CONNECTING", "[WebSocket] Connected",
            "[WebSocket] State: CONNECTING → CONNECTED",
            "[WebSocket] State: CONNECTED → DISCONNECTED",
            "[WebSocket] Reconnect attempt 1/10 in 5ms",
            "[WebSocket] State: DISCONNECTED → RECONNECTING", "[WebSocket] Connected",
            "[WebSocket] State: RECONNECTING → CONNECTED"]

    def life(self, *options):
        server = self.keep(HostileServer("reset_open", "echo"))
        run = self.limpet("connect", *QUICK, "--confirm", "barrier", *options, server.url(),
                          stdin=b"a\n")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"a\n")
        return run

    def test_the_lines_of_the_default(self):
        for options in ((), ("--events", "text")):
            with self.subTest(options):
                run = self.life(*options)
                known = [line for line in run.lines if line in self.LIFE]
                self.assertEqual(known, self.LIFE, run.story())
                self.assertNotIn("\x1b", run.text)

    def test_the_error_and_its_detail(self):
        server = self.keep(HostileServer("close?code=1008&reason=not+you"))
        run = self.limpet("connect", server.url())
        self.assert_exit(run, 3)
        self.assertRegex(run.text, r"WebSocket error.*1008.*not you")

    STEERING = "\x1b[31mred\u009b2J \u202eback"  # what a terminal would obey

    def test_what_a_server_says_does_not_steer_the_terminal(self):
        def serve(peer):
            peer.open()
            peer.send_frame(CLOSE, (4001).to_bytes(2, "big") + self.STEERING.encode())
            peer.read_event()
        server = self.keep(HostileServer(serve))
        for options in ((), ("--verbose",), ("--quiet",)):
            for command in (("connect",), ("chat", "--user", "u", "--conversation", "c")):
                with self.subTest(command=command[0], options=options):
                    run = self.limpet(*command, *options, server.url(), stdin=b"")
                    self.assert_exit(run, 3)
                    self.assertIn("4001: \ufffd[31mred\ufffd2J back", run.text)
                    for character in "\x1b\u009b\u202e":
                        self.assertNotIn(character, run.text)

    def test_forever_has_no_count(self):
        server = self.keep(HostileServer("status?code=500"))
        run = self.limpet("connect", *QUICK, "--max-retries", "forever", server.url())
        run.wait_line("Reconnect attempt 2")
        self.interrupt(run)
        self.assertNotRegex(run.text, r"4294967295")

    def test_none_and_quiet_say_nothing_of_events(self):
        for options in (("--events", "none"), ("--quiet",)):
            with self.subTest(options):
                self.assertEqual(self.life(*options).lines, [])

    def test_quiet_still_says_why_a_run_failed(self):
        server = self.keep(HostileServer("status?code=401"))
        run = self.limpet("connect", "--quiet", server.url())
        self.assert_exit(run, 3)
        self.assertIn("401", run.text)
        server = self.keep(HostileServer("status?code=500"))
        run = self.limpet("connect", "--quiet", "--max-retries", "0", server.url())
        self.assert_exit(run, 2)
        self.assertRegex(run.text, "(?i)gave up")

    def test_verbose_says_all_that_the_default_does(self):
        run = self.life("--verbose")
        known = [line for line in run.lines if line in self.LIFE]
        self.assertEqual(known, self.LIFE, run.story())

    def test_standard_output_is_for_data_alone(self):
        server = self.keep(HostileServer("status?code=500"))
        for options in ((), ("--verbose",), ("--events", "json")):
            run = self.limpet("connect", *QUICK, *options, "--max-retries", "1", server.url())
            self.assert_exit(run, 2)
            self.assertEqual(run.out, b"")


class Terminal(LimpetCase):

    def on_terminal(self, env):
        """All that a run with a cut writes to a terminal."""
        server = self.keep(HostileServer("reset_open", "echo"))
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        run = Limpet("connect", *QUICK, server.url(), stdin=b"a\n", stderr=theirs, env=env)
        self.addCleanup(run.end)
        os.close(theirs)
        shown = []

        def read():
            try:
                for piece in iter(lambda: os.read(ours, 65536), b""):
                    shown.append(piece)
            except OSError:
                pass  # the terminal's other end is closed
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        self.assert_exit(run, 0)
        reader.join(10)
        os.close(ours)
        return b"".join(shown).decode()

    COLOUR = re.compile("\x1b\\[[0-9;]*[1-9][0-9;]*m")

    def test_colour_and_status_line(self):
        shown = self.on_terminal({"NO_COLOR": "", "TERM": "xterm"})
        self.assertRegex(shown, self.COLOUR)
        self.assertIn("🟢 Connected", shown)

    def test_the_bottom_row_is_given_back_while_it_is_suspended(self):
        server = self.keep(HostileServer("echo"))
        shown = self.keep(Screen("connect", server.url(), env={"TERM": "xterm"}))
        shown.wait_text("🟢 Connected")
        shown.signal(signal.SIGTSTP)  # it goes on at once: there is no shell that would stop it
        shown.wait_for("the whole screen scrolls", lambda: b"\x1b[r" in shown.raw)
        before = len(shown.raw)
        shown.wait_for("the row again", lambda: "🟢 Connected".encode() in shown.raw[before:])
        shown.signal(signal.SIGTERM)
        self.assertEqual(shown.wait(), 143)
        self.assertNotIn("🟢", shown.text)

    def test_no_color(self):
        shown = self.on_terminal({"NO_COLOR": "1", "TERM": "xterm"})
        self.assertNotRegex(shown, self.COLOUR)
        self.assertIn("[WebSocket] State: CLOSED → CONNECTING", shown)


if __name__ == "__main__":
    main()
