#!/usr/bin/python3
"""Backoff as a user sees it: delays, jitter, Retry-After, limits, stability."""

import paths  # noqa: F401

import email.utils
import time

from e2e_limpet import LimpetCase, main
from e2e_peers import closed_port
from hostile import HostileServer

EXACT = ("--jitter", "none")
QUICK = ("--initial-delay", "5", "--max-delay", "5", *EXACT)


def delays(run):
    return [e["delay_ms"] for e in run.events("retry")]


class Backoff(LimpetCase):

    def test_the_delays_of_the_defaults(self):
        holder, port = closed_port()
        with holder:
            run = self.connect(*EXACT, f"ws://127.0.0.1:{port}/")
            run.wait_event("retry", count=3)
            self.interrupt(run)
        retries = run.events("retry")
        self.assertEqual([e["delay_ms"] for e in retries], [1000, 1500, 2250])
        self.assertEqual([e["attempt"] for e in retries], [1, 2, 3])
        self.assertEqual({e["max_retries"] for e in retries}, {10})
        for first, second in zip(retries, retries[1:]):  # and they are waited out
            self.assertGreaterEqual(second["t_ms"] - first["t_ms"], first["delay_ms"] - 1)

    CASES = [  # options, max_retries, delays
        (("--initial-delay", "10", "--multiplier", "3", "--max-delay", "50"), 5,
         [10, 30, 50, 50, 50]),
        (("--initial-delay", "20", "--multiplier", "1"), 3, [20, 20, 20]),
        (("--initial-delay", "7", "--max-delay", "7", "--multiplier", "10"), 2, [7, 7]),
        (("--initial-delay", "10", "--multiplier", "1.5"), 4, [10, 15, 22, 33]),
    ]

    def test_delays_multiply_up_to_the_limit(self):
        for options, max_retries, expected in self.CASES:
            with self.subTest(options):
                holder, port = closed_port()
                with holder:
                    run = self.connect(*EXACT, *options, "--max-retries", max_retries,
                                       f"ws://127.0.0.1:{port}/")
                    self.assert_exit(run, 2)
                self.assertEqual(delays(run), expected)
                self.assertEqual(run.states(), ["CLOSED", "CONNECTING", "DISCONNECTED",
                                                "RECONNECTING", "FAILED"])
                self.assertEqual(len(run.events("error", kind="connect_refused")), max_retries + 1)

    JITTER = [  # jitter, range of each delay for initial 40, multiplier 2, limit 160
        ("none", [(40, 40), (80, 80), (160, 160), (160, 160)]),
        ("equal", [(20, 40), (40, 80), (80, 160), (80, 160)]),
        ("full", [(0, 40), (0, 80), (0, 160), (0, 160)]),
        ("decorrelated", [(40, 120), (40, 160), (40, 160), (40, 160)]),
    ]

    def test_jitter_stays_within_its_range_and_the_limit(self):
        for jitter, ranges in self.JITTER:
            with self.subTest(jitter):
                holder, port = closed_port()
                with holder:
                    run = self.connect("--jitter", jitter, "--initial-delay", "40",
                                       "--multiplier", "2", "--max-delay", "160",
                                       "--max-retries", "4", f"ws://127.0.0.1:{port}/")
                    self.assert_exit(run, 2)
                for delay, (low, high) in zip(delays(run), ranges, strict=True):
                    self.assertGreaterEqual(delay, low)
                    self.assertLessEqual(delay, high)

    def test_two_runs_do_not_draw_the_same_jitter(self):
        drawn = set()
        holder, port = closed_port()
        with holder:
            for _ in range(4):
                run = self.connect("--initial-delay", "1000000", "--max-delay", "1000000",
                                   f"ws://127.0.0.1:{port}/")
                drawn.add(run.wait_event("retry")["delay_ms"])
                self.interrupt(run)
        self.assertGreater(len(drawn), 1)

    def test_max_retries(self):
        for given, dials in (("0", 1), ("2", 3)):
            with self.subTest(given):
                server = self.keep(HostileServer("status?code=500"))
                run = self.connect(*QUICK, "--max-retries", given, server.url())
                self.assert_exit(run, 2)
                self.assertEqual(len(server.records), dials)
                self.assertEqual(len(run.events("retry")), dials - 1)
                last = run.events("error")[-1]
                self.assertEqual((last["kind"], last["message"]),
                                 ("gave_up", "Gave up reconnecting"))

    def test_max_retries_forever(self):
        server = self.keep(HostileServer("status?code=500"))
        run = self.connect(*QUICK, "--max-retries", "forever", server.url())
        self.assertIsNone(run.wait_event("retry", count=30)["max_retries"])
        self.interrupt(run)

    def test_each_dial_has_a_fresh_key(self):
        server = self.keep(HostileServer("status?code=500"))
        run = self.connect(*QUICK, "--max-retries", "9", server.url())
        self.assert_exit(run, 2)
        self.assertEqual(len({r.header("Sec-WebSocket-Key") for r in server.records}), 10)


class Flapping(LimpetCase):

    def test_accept_and_drop_is_not_hammered(self):
        server = self.keep(HostileServer("eof_open"))
        run = self.connect(*EXACT, "--initial-delay", "20", "--multiplier", "2", "--max-retries",
                           "5", server.url())
        self.assert_exit(run, 2)
        self.assertEqual(delays(run), [20, 40, 80, 160, 320])
        self.assertEqual([e["attempt"] for e in run.events("retry")], [1, 2, 3, 4, 5])
        self.assertEqual(run.events("metrics")[-1]["reconnects"], 5)
        self.assertEqual(run.states()[-1], "FAILED")
        self.assertEqual(run.states().count("CONNECTED"), 6)

    def test_a_close_frame_at_once_is_not_hammered_either(self):
        server = self.keep(HostileServer("close?code=1000"))
        run = self.connect(*EXACT, "--initial-delay", "20", "--multiplier", "2", "--max-retries",
                           "4", server.url())
        self.assert_exit(run, 2)
        self.assertEqual(delays(run), [20, 40, 80, 160])

    def test_a_stable_link_resets_the_counter(self):
        server = self.keep(HostileServer(*["eof_open"] * 6, "echo"))
        run = self.connect(*QUICK, "--stable-after", "0", "--max-retries", "1", server.url(),
                           stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual([e["attempt"] for e in run.events("retry")], [1] * 6)

    def test_a_link_that_falls_before_stable_after_does_not(self):
        server = self.keep(HostileServer(*["eof_open"] * 6, "echo"))
        run = self.connect(*QUICK, "--stable-after", "60000", "--max-retries", "3", server.url())
        self.assert_exit(run, 2)

    def test_404_is_final_only_before_a_first_open(self):
        server = self.keep(HostileServer("reset_open", "status?code=404", "echo"))
        run = self.connect(*QUICK, server.url(), stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual(len(server.records), 3)
        self.assertTrue(run.events("error", kind="http_status")[0]["retryable"])

    def test_no_reconnect_on_close(self):
        for code, status in ((1000, 3), (1001, 3), (1011, 2)):
            with self.subTest(code):
                server = self.keep(HostileServer(f"close?code={code}"))
                run = self.connect(*QUICK, "--max-retries", "1", "--no-reconnect-on-close",
                                   server.url())
                self.assert_exit(run, status)
                self.assertEqual(len(server.records), 1 if status == 3 else 2)
                self.assertEqual(run.states()[-1], "ERROR" if status == 3 else "FAILED")


class RetryAfter(LimpetCase):

    def first_delay(self, mode, *options):
        server = self.keep(HostileServer(mode))
        run = self.connect("--initial-delay", "100", *options, server.url())
        delay = run.wait_event("retry")["delay_ms"]
        self.interrupt(run)
        return delay

    SECONDS = [  # status, header, delay without jitter
        (503, "2", 2000), (429, "7", 7000), (503, "0", 100), (503, "99999999", 300000),
        (503, "18446744073709551616", 300000), (503, "soon", 100), (503, "-5", 100),
        (500, "7", 100), (503, "Thu, 01 Jan 1970 00:00:00 GMT", 100),
        (503, "Fri, 31 Dec 2199 23:59:59 GMT", 300000),
    ]

    def test_hints(self):
        for status, header, expected in self.SECONDS:
            with self.subTest(status, header=header):
                mode = f"status?code={status}&retry_after={header.replace(' ', '+')}"
                self.assertEqual(self.first_delay(mode, *EXACT), expected)

    def test_a_date(self):
        date = email.utils.formatdate(time.time() + 100, usegmt=True)
        delay = self.first_delay(f"status?code=503&retry_after={date.replace(' ', '+')}", *EXACT)
        self.assertGreater(delay, 80000)
        self.assertLessEqual(delay, 101000)

    def test_jitter_spreads_a_hint_upwards(self):
        delay = self.first_delay("status?code=503&retry_after=10")
        self.assertGreaterEqual(delay, 10000)
        self.assertLessEqual(delay, 15000)

    def test_a_restarting_service_spreads_its_clients(self):
        for code in (1012, 1013):
            with self.subTest(code):
                self.assertEqual(self.first_delay(f"close?code={code}", *EXACT), 100)
                delay = self.first_delay(f"close?code={code}")
                self.assertGreaterEqual(delay, 50)
                self.assertLessEqual(delay, 5100)


if __name__ == "__main__":
    main()
