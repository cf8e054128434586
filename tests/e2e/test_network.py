#!/usr/bin/python3
"""The network watch on real interfaces: addresses, routes and carriers taken away and given back. What
is asserted is the order of things, not how long they take."""

import paths  # noqa: F401

import os
import signal
import time
import unittest

from e2e_limpet import LimpetCase, main
from e2e_uplinks import BEHIND, PORT, TARGET, TARGET_V6, SynCounter, Uplinks, why_not

WHY_NOT = why_not()
QUIET_S = 0.3  # long enough for a dial that should not be
# The watch alone must do it: no heartbeat comes by itself.
PATIENT = ("--heartbeat-interval", "3600000", "--heartbeat-timeout", "400")


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Network(LimpetCase):

    def uplinks(self, count=1, address=TARGET):
        uplinks = self.keep(Uplinks(count))
        uplinks.start(address)
        return uplinks

    def run_near(self, uplinks, *words):
        run = uplinks.limpet("connect", "--events", "json", *words)
        self.addCleanup(run.end)
        return run

    def open_link(self, uplinks, *options):
        run = self.run_near(uplinks, *PATIENT, *options, uplinks.url)
        run.wait_event("state", to="CONNECTED")
        return run

    def reasons(self, run):
        return [(e["to"], e["reason"]) for e in run.events("state")]

    def test_the_last_address_goes_and_comes_back(self):
        uplinks = self.uplinks()
        syns = self.keep(SynCounter(uplinks.far))
        run = self.open_link(uplinks)
        uplinks.take_address()
        run.wait_event("state", to="WAITING_FOR_NETWORK")
        before = syns.count
        self.assertEqual(before, 1)
        time.sleep(QUIET_S)
        self.assertEqual(syns.count, before)
        uplinks.give_address()
        run.wait_event("state", to="CONNECTED", count=2)
        self.assertEqual(self.reasons(run), [
            ("CONNECTING", "connect"), ("CONNECTED", "opened"), ("DISCONNECTED", "lost"),
            ("WAITING_FOR_NETWORK", "network_down"), ("RECONNECTING", "network_up"),
            ("CONNECTED", "opened")])
        self.assertEqual(run.events("retry"), [])
        errors = run.events("error")
        self.assertEqual([e["kind"] for e in errors], ["connection_lost"])
        self.assertIn("10.201.0.2", errors[0]["detail"])
        self.interrupt(run)

    def test_another_uplink_takes_over_and_no_attempt_is_counted(self):
        uplinks = self.uplinks(2)
        run = self.open_link(uplinks, "--max-retries", "0")
        uplinks.take_address(0)
        run.wait_event("state", to="CONNECTED", count=2)
        self.assertEqual(self.reasons(run)[2:], [
            ("DISCONNECTED", "lost"), ("RECONNECTING", "retry"), ("CONNECTED", "opened")])
        self.assertEqual([e["attempt"] for e in run.events("retry")], [0])
        self.assertLess(run.events("retry")[0]["delay_ms"], 50)
        self.interrupt(run)

    def test_a_pulled_cable_is_found_by_a_probe(self):
        uplinks = self.uplinks()
        run = self.open_link(uplinks)
        uplinks.pull()
        run.wait_event("state", to="WAITING_FOR_NETWORK")
        self.assertEqual([e["kind"] for e in run.events("error")], ["heartbeat_timeout"])
        self.assertEqual(run.events("retry"), [])
        uplinks.plug()
        run.wait_event("state", to="CONNECTED", count=2)
        self.assertEqual(self.reasons(run)[2:], [
            ("DISCONNECTED", "lost"), ("WAITING_FOR_NETWORK", "network_down"),
            ("RECONNECTING", "network_up"), ("CONNECTED", "opened")])
        self.interrupt(run)

    def test_a_route_that_goes_is_found_by_a_probe(self):
        uplinks = self.uplinks()
        run = self.open_link(uplinks)
        uplinks.take_route()
        run.wait_event("state", to="WAITING_FOR_NETWORK")
        self.assertEqual(run.events("retry"), [])
        uplinks.give_route()
        run.wait_event("state", to="CONNECTED", count=2)
        self.assertEqual(self.reasons(run)[2:], [
            ("DISCONNECTED", "lost"), ("WAITING_FOR_NETWORK", "network_down"),
            ("RECONNECTING", "network_up"), ("CONNECTED", "opened")])
        self.interrupt(run)

    def test_ipv6(self):
        uplinks = self.uplinks(address=TARGET_V6)
        uplinks.give_address_v6()
        run = self.open_link(uplinks)
        uplinks.take_address_v6()
        run.wait_event("state", to="WAITING_FOR_NETWORK")
        self.assertEqual([e["kind"] for e in run.events("error")], ["connection_lost"])
        uplinks.give_address_v6()
        run.wait_event("state", to="CONNECTED", count=2)
        self.assertEqual(run.events("retry"), [])
        self.interrupt(run)

    def test_through_a_proxy_only_the_way_to_it_counts(self):
        uplinks = self.uplinks(address=BEHIND)
        uplinks.run_far("microsocks", "-i", TARGET, "-p", str(PORT + 1))
        run = self.open_link(uplinks, "--proxy", f"socks5://{TARGET}:{PORT + 1}", "--initial-delay", "50",
                             "--max-retries", "100")
        uplinks.take_address()
        run.wait_event("state", to="WAITING_FOR_NETWORK")
        uplinks.give_address()
        run.wait_event("state", to="CONNECTED", count=2)
        self.interrupt(run)

    def test_news_that_found_no_room_is_no_news_missed(self):
        uplinks = self.uplinks()
        run = self.open_link(uplinks)
        os.kill(run.process.pid, signal.SIGSTOP)
        uplinks.churn(2000)
        uplinks.take_address()
        self.assertGreater(uplinks.lost_news(), 0)
        os.kill(run.process.pid, signal.SIGCONT)
        run.wait_event("state", to="WAITING_FOR_NETWORK")
        uplinks.give_address()
        run.wait_event("state", to="CONNECTED", count=2)
        self.interrupt(run)

    def test_who_starts_without_a_network_waits_for_it(self):
        uplinks = self.uplinks()
        uplinks.take_address()
        syns = self.keep(SynCounter(uplinks.far))
        run = self.run_near(uplinks, uplinks.url)
        run.wait_event("state", to="WAITING_FOR_NETWORK")
        time.sleep(QUIET_S)
        self.assertEqual(syns.count, 0)
        uplinks.give_address()
        run.wait_event("state", to="CONNECTED")
        self.assertEqual(self.reasons(run), [
            ("WAITING_FOR_NETWORK", "network_down"), ("CONNECTING", "network_up"),
            ("CONNECTED", "opened")])
        self.assertEqual(run.events("error"), [])
        self.interrupt(run)

    def test_a_name_is_not_looked_up_where_nothing_leads_out(self):
        uplinks = self.uplinks()
        uplinks.take_address()
        run = self.run_near(uplinks, "ws://relay.example/")
        run.wait_event("state", to="WAITING_FOR_NETWORK")
        self.assertEqual(run.events("error"), [])
        self.interrupt(run)

    def test_loopback_is_never_offline(self):
        uplinks = self.uplinks()
        uplinks.take_address()
        run = self.run_near(uplinks, "--max-retries", "0", "ws://127.0.0.1:9/")
        self.assert_exit(run, 2)
        self.assertNotIn("WAITING_FOR_NETWORK", run.states())
        self.assertEqual(run.events("error")[0]["kind"], "connect_refused")

    def test_without_the_watch_attempts_are_spent(self):
        uplinks = self.uplinks()
        uplinks.take_address()
        run = self.run_near(uplinks, "--no-network-watch", "--max-retries", "1", "--initial-delay",
                            "5", "--jitter", "none", uplinks.url)
        self.assert_exit(run, 2)
        self.assertNotIn("WAITING_FOR_NETWORK", run.states())
        self.assertEqual([e["attempt"] for e in run.events("retry")], [1])

    def test_a_check_does_not_wait(self):
        uplinks = self.uplinks()
        uplinks.take_address()
        run = self.run_near(uplinks, "--check", uplinks.url)
        self.assert_exit(run, 2)
        self.assertIn(b"no way to the server", run.out)


if __name__ == "__main__":
    main()
