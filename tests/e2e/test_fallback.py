#!/usr/bin/python3
"""Several addresses of one service: which is dialed when, and what ends the run."""

import paths  # noqa: F401

from e2e_limpet import LimpetCase, main
from e2e_peers import closed_port
from hostile import HostileServer

QUICK = ("--initial-delay", "5", "--max-delay", "5")


class Fallback(LimpetCase):

    def test_one_that_is_down_costs_no_attempt(self):
        server = self.keep(HostileServer("echo"))
        holder, port = closed_port()
        with holder:
            run = self.connect("--max-retries", "0", "--fallback", server.url(),
                               f"ws://127.0.0.1:{port}/", stdin=b"a\n")
            self.assert_exit(run, 0)
        self.assertEqual(run.out, b"a\n")
        self.assertEqual(len(run.events("error", kind="connect_refused")), 1)
        self.assertEqual(run.events("retry"), [])

    def test_when_the_second_goes_down_the_first_takes_over(self):
        first, second = self.keep(HostileServer("status?code=503")), self.keep(HostileServer("echo"))
        run = self.connect(*QUICK, "--max-retries", "forever", "--fallback", second.url(),
                           first.url(), stdin=None)
        second.wait("a link", lambda records: records[0])
        run.wait_event("state", to="CONNECTED")
        first.script = ["echo"]
        second.close()
        first.wait("a link", lambda records: records[1])
        run.wait_event("state", to="CONNECTED", count=2)
        self.interrupt(run)

    def test_a_critical_answer_of_one_is_not_the_end(self):
        first, second = self.keep(HostileServer("status?code=401")), self.keep(HostileServer("echo"))
        run = self.connect(*QUICK, "--fallback", second.url(), first.url(), stdin=b"a\n")
        self.assert_exit(run, 0)
        errors = run.events("error", kind="http_status")
        self.assertEqual([e["retryable"] for e in errors], [True])

    def test_critical_answers_of_all_are(self):
        first, second = (self.keep(HostileServer("status?code=401")) for _ in range(2))
        run = self.connect(*QUICK, "--fallback", second.url(), first.url(), stdin=b"a\n")
        self.assert_exit(run, 3)
        errors = run.events("error", kind="http_status")
        self.assertEqual([e["retryable"] for e in errors], [True, False])

    def test_the_query_goes_to_each(self):
        first, second = self.keep(HostileServer("status?code=503")), self.keep(HostileServer("echo"))
        run = self.connect("--query", "room=tea", "--fallback", second.url("/x?a=b"), first.url("/y"),
                           stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual(first.records[0].target, "/y?room=tea")
        self.assertEqual(second.records[0].target, "/x?a=b&room=tea")


if __name__ == "__main__":
    main()
