#!/usr/bin/python3
"""SIGINT and SIGTERM: an orderly close, what is undelivered is said, a second one ends at once."""

import paths  # noqa: F401

import os
import signal
import time

from e2e_limpet import LimpetCase, main, wait_full
from hostile import HostileServer

SLOWLY = ("--initial-delay", "60000", "--jitter", "none")
BOTH = (signal.SIGINT, signal.SIGTERM)


class Signals(LimpetCase):

    def test_a_connected_run_closes_in_order(self):
        for number in BOTH:
            with self.subTest(number):
                server = self.keep(HostileServer("echo"))
                run = self.connect(server.url())
                run.feed(b"a\n")
                run.wait_out(2)
                self.interrupt(run, number)
                self.assertEqual(server.records[0].close_code, 1000)
                self.assertEqual(run.states(), ["CLOSED", "CONNECTING", "CONNECTED", "CLOSED"])
                self.assertEqual(run.events("state")[-1]["reason"], "disconnect")

    def test_while_connecting_waiting_and_dialing(self):
        cases = [("frozen_accept", "CONNECTING"), ("reset_accept", "RECONNECTING")]
        for mode, state in cases:
            with self.subTest(mode):
                server = self.keep(HostileServer(mode))
                run = self.connect(*SLOWLY, server.url())
                run.wait_event("state", to=state)
                began = time.monotonic()
                self.interrupt(run)
                self.assertLess(time.monotonic() - began, 10)
                self.assertEqual(run.states()[-1], "CLOSED")

    def test_what_is_undelivered_is_said(self):
        server = self.keep(HostileServer("status?code=503"))
        for number in BOTH:
            with self.subTest(number):
                run = self.limpet("connect", *SLOWLY, server.url())
                run.feed(b"a\nb\nc\n")
                run.wait_line("RECONNECTING")
                run.wait_input_taken()
                self.interrupt(run, number)
                self.assertRegex(run.text, r"\b3 messages were not delivered")

    def test_what_is_undelivered_is_said_as_an_event(self):
        server = self.keep(HostileServer("status?code=503"))
        run = self.connect(*SLOWLY, server.url())
        run.feed(b"a\nb\nc\n")
        run.wait_event("state", to="RECONNECTING")
        run.wait_input_taken()
        self.interrupt(run)
        dropped = run.events("dropped", reason="disconnected")
        self.assertEqual(sum(e["count"] for e in dropped), 3, run.story())

    def test_unconfirmed_is_undelivered(self):
        server = self.keep(HostileServer("frozen_open"))
        run = self.limpet("connect", "--confirm", "barrier", "--close-timeout", "200",
                          "--heartbeat-interval", "60000", "--heartbeat-timeout", "60000",
                          server.url())
        run.feed(b"a\nb\n")
        run.wait_line("CONNECTING → CONNECTED")
        run.wait_input_taken()
        self.interrupt(run)
        self.assertRegex(run.text, r"\b2 messages were not delivered")

    def test_the_close_is_bounded(self):
        server = self.keep(HostileServer("deaf_close"))
        run = self.connect("--close-timeout", "300", server.url())
        run.wait_event("state", to="CONNECTED")
        began = time.monotonic()
        self.interrupt(run, signal.SIGINT)
        self.assertGreaterEqual(time.monotonic() - began, 0.29)
        self.assertEqual(server.records[0].close_code, 1000)

    def test_a_second_signal_ends_at_once(self):
        for first in BOTH:
            for second in BOTH:
                with self.subTest(first=first, second=second):
                    server = self.keep(HostileServer("deaf_close"))
                    run = self.connect("--close-timeout", "60000", server.url())
                    run.wait_event("state", to="CONNECTED")
                    run.signal(first)
                    server.wait("the close frame", lambda rs: rs[0].close_code == 1000)
                    run.signal(second)
                    self.assertIn(run.wait(20), (128 + first, 128 + second))

    def test_input_is_read_no_more(self):
        server = self.keep(HostileServer("deaf_close"))
        run = self.connect("--close-timeout", "500", server.url())
        run.wait_event("state", to="CONNECTED")
        run.signal(signal.SIGTERM)
        server.wait("the close frame", lambda rs: rs[0].close_code == 1000)
        run.feed(b"too late\n")
        self.assert_exit(run, 143)
        self.assertEqual(server.records[0].messages, [])

    def test_output_that_nobody_takes_does_not_keep_the_run(self):
        for number in BOTH:
            with self.subTest(number):
                server = self.keep(HostileServer("push?n=200000"))
                reader, writer = os.pipe()
                run = self.limpet("connect", "--keep-open", server.url(), stdout=writer)
                wait_full(writer)
                os.close(writer)
                self.addCleanup(os.close, reader)
                self.interrupt(run, number)


if __name__ == "__main__":
    main()
