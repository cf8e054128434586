#!/usr/bin/python3
"""Servers that fail in every way (point by point): each leads to the state, the events and the
exit status of the contract, within its limits. The modes are in servers/hostile.py."""

import paths  # noqa: F401

import resource
import time

from e2e_limpet import LimpetCase, main
from e2e_peers import closed_port
from hostile import BAD_FRAMES, HostileServer

ONCE = ("--max-retries", "0", "--close-timeout", "1000")
FAILED, CRITICAL = 2, 3
OPEN = ["CLOSED", "CONNECTING", "CONNECTED"]
CONNECTING = ["CLOSED", "CONNECTING"]

LOST = [  # mode, error kind, was it open, exit status, members of the error event
    ("reset_accept", "connection_lost", False, FAILED, {}),
    ("eof_in_head", "connection_lost", False, FAILED, {}),
    ("reset_open", "connection_lost", True, FAILED, {}),
    ("eof_open", "connection_lost", True, FAILED, {}),
    ("reset_mid_frame", "connection_lost", True, FAILED, {}),
    ("eof_mid_frame", "connection_lost", True, FAILED, {}),
    ("push_then_reset?n=3", "connection_lost", True, FAILED, {}),
]
REFUSED = [
    ("status?code=503", "http_status", False, FAILED, {"http_status": 503}),
    ("status?code=503&retry_after=1", "http_status", False, FAILED, {"http_status": 503}),
    ("status?code=500", "http_status", False, FAILED, {"http_status": 500}),
    ("status?code=502", "http_status", False, FAILED, {"http_status": 502}),
    ("status?code=200", "http_status", False, FAILED, {"http_status": 200}),
    ("status?code=408", "http_status", False, FAILED, {"http_status": 408}),
    ("status?code=425", "http_status", False, FAILED, {"http_status": 425}),
    ("status?code=429", "http_status", False, FAILED, {"http_status": 429}),
    ("status?code=400", "http_status", False, CRITICAL, {"http_status": 400}),
    ("status?code=401", "http_status", False, CRITICAL, {"http_status": 401}),
    ("status?code=403", "http_status", False, CRITICAL, {"http_status": 403}),
    ("status?code=404", "http_status", False, CRITICAL, {"http_status": 404}),
    ("status?code=426", "http_status", False, CRITICAL, {"http_status": 426}),
    ("status?code=302&location=ws://elsewhere.example/new", "http_status", False, CRITICAL,
     {"http_status": 302}),
    ("garbage", "handshake", False, FAILED, {}),
    ("wrong_accept", "handshake", False, FAILED, {}),
    ("no_upgrade", "handshake", False, FAILED, {}),
    ("endless_headers", "handshake", False, FAILED, {}),
    ("extension_foreign", "handshake", False, FAILED, {}),
    ("subprotocol_foreign", "handshake", False, CRITICAL, {}),
]
CLOSED = [(f"close?code={code}&reason=so+it+is", "closed_by_peer", True, status,
           {"close_code": code})
          for code, status in [(1000, FAILED), (1001, FAILED), (1011, FAILED), (1012, FAILED),
                               (1013, FAILED), (1014, FAILED), (3000, FAILED), (4100, FAILED),
                               (4999, FAILED), (1003, CRITICAL), (1007, CRITICAL),
                               (1008, CRITICAL), (1009, CRITICAL), (1010, CRITICAL),
                               (4000, CRITICAL), (4001, CRITICAL), (4099, CRITICAL)]]
WRONG = [(f"bad_frame?name={name}", "protocol", True, FAILED,
          {"close_code": 1007 if "utf8" in name else 1002}) for name in BAD_FRAMES]
TOO_BIG = [
    ("oversize", "message_too_big", True, CRITICAL, {"close_code": 1009}),
    ("oversize?n=1001", "message_too_big", True, CRITICAL, {"close_code": 1009}),
    ("oversize_fragments", "message_too_big", True, CRITICAL, {"close_code": 1009}),
    ("bomb", "message_too_big", True, CRITICAL, {"close_code": 1009}),
]


class Hostile(LimpetCase):

    def fail_once(self, mode, kind, was_open, status, members, *options):
        """One run without retries against one mode; checks all that it says, in order."""
        server = self.keep(HostileServer(mode))
        run = self.connect(*ONCE, *options, server.url())
        self.assert_exit(run, status)
        self.assertIsNone(server.records[0].mode_error)
        error = run.events("error")[0]
        wanted = {"kind": kind, "retryable": status == FAILED, **members}
        self.assertEqual({k: error.get(k) for k in wanted}, wanted, run.story())
        way = list(OPEN if was_open else CONNECTING)
        if status == FAILED:
            way += ["DISCONNECTED", "FAILED"]
        else:
            way += ["DISCONNECTED", "ERROR"] if was_open else ["ERROR"]
        self.assertEqual(run.states(), way)
        self.assertFalse(run.events("retry"))
        return server, run

    def fail_each(self, table, *options):
        for row in table:
            with self.subTest(row[0]):
                server, run = self.fail_once(*row, *options)
                if "close_code" in row[4]:
                    server.wait("the close code", lambda rs: rs[0].close_code is not None)
                    self.assertEqual(server.records[0].close_code, row[4]["close_code"])
                    self.assertEqual(server.records[0].violations, [])
        return run

    def test_lost(self):
        self.fail_each(LOST)

    def test_refused(self):
        self.fail_each(REFUSED)

    def test_closed_by_the_peer(self):
        self.fail_each(CLOSED)

    def test_frames_against_the_rules(self):
        self.fail_each(WRONG)

    def test_frames_against_the_rules_under_compression(self):
        self.fail_each([("bad_deflate", "protocol", True, FAILED, {})], "--compress")

    def test_larger_than_max_message(self):
        self.fail_each(TOO_BIG, "--max-message", "1000", "--compress")

    def test_refused_port(self):
        holder, port = closed_port()
        with holder:
            run = self.connect(*ONCE, f"ws://127.0.0.1:{port}/")
            self.assert_exit(run, FAILED)
        self.assertEqual([e["kind"] for e in run.events("error")],
                         ["connect_refused", "gave_up"])

    def test_no_such_name(self):
        run = self.connect(*ONCE, "ws://no-such-host.invalid/")
        self.assert_exit(run, FAILED)
        self.assertEqual(run.events("error")[0]["kind"], "dns")

    def test_no_such_unix_socket(self):
        run = self.connect(*ONCE, "ws+unix:///nonexistent/limpet.sock:/")
        self.assert_exit(run, FAILED)
        self.assertTrue(run.events("error")[0]["retryable"])

    def test_location_stands_in_the_detail_without_its_secrets(self):
        _, run = self.fail_once("status?code=302&location=wss://h.example/new%3Fticket%3Ds3cr3t",
                                "http_status", False, CRITICAL, {})
        detail = run.events("error")[0]["detail"]
        self.assertIn("wss://h.example/new", detail)
        self.assertNotIn("s3cr3t", detail)

    def test_the_reason_of_a_close_stands_in_the_detail(self):
        _, run = self.fail_once("close?code=1013&reason=try+again+later", "closed_by_peer", True,
                                FAILED, {})
        self.assertIn("try again later", run.events("error")[0]["detail"])


class Frozen(LimpetCase):

    def test_silence_before_101_ends_with_the_connect_timeout(self):
        for mode in ("frozen_accept", "frozen_head"):
            with self.subTest(mode):
                server = self.keep(HostileServer(mode))
                run = self.connect(*ONCE, "--connect-timeout", "300", server.url())
                self.assert_exit(run, FAILED)
                error = run.events("error")[0]
                self.assertEqual(error["kind"], "connect_timeout")
                self.assertGreaterEqual(error["t_ms"], 299)
                self.assertLess(error["t_ms"], 5000)

    def test_silence_after_101_ends_with_the_heartbeat(self):
        server = self.keep(HostileServer("frozen_open"))
        run = self.connect(*ONCE, "--heartbeat-interval", "300", "--heartbeat-timeout", "200",
                           "--close-timeout", "60000", server.url())
        self.assert_exit(run, FAILED)  # without a close handshake with the dead
        opened = run.events("state", to="CONNECTED")[0]["t_ms"]
        error = run.events("error", kind="heartbeat_timeout")[0]
        self.assertGreaterEqual(error["t_ms"] - opened, 499)
        self.assertLess(error["t_ms"] - opened, 5000)
        self.assertEqual(error["message"], "Connection lost")


class Limits(LimpetCase):

    def test_endless_headers_are_cut_off_early(self):
        server = self.keep(HostileServer("endless_headers"))
        run = self.connect(*ONCE, server.url())
        self.assert_exit(run, FAILED)
        server.wait_all_ended()
        self.assertLess(server.records[0].taken, 1 << 20, "it read on for a mebibyte")

    def test_a_bomb_costs_no_more_memory_than_its_limit(self):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        server = self.keep(HostileServer(f"bomb?n={512 << 20}"))
        run = self.connect(*ONCE, "--compress", server.url())
        self.assert_exit(run, CRITICAL)
        peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        self.assertLess(peak_kib - before, 300 << 10)
        self.assertEqual(run.events("error")[0]["kind"], "message_too_big")

    def test_an_announced_terabyte_is_refused_at_its_header(self):
        server = self.keep(HostileServer("oversize"))
        run = self.connect(*ONCE, server.url())
        self.assert_exit(run, CRITICAL)
        self.assertEqual(server.records[0].close_code, 1009)

    def test_bad_text_is_refused_at_its_first_bad_byte(self):
        server = self.keep(HostileServer("bad_frame?name=bad_utf8_streamed"))
        began = time.monotonic()
        run = self.connect(*ONCE, "--heartbeat", "off", server.url())
        self.assert_exit(run, FAILED)  # though the rest of the message never comes
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(server.records[0].close_code, 1007)

    def test_a_message_of_exactly_max_message_is_welcome(self):
        def say(peer):
            peer.open()
            peer.send_text("x" * 1000)
            peer.serve()
        server = self.keep(HostileServer(say))
        run = self.connect(*ONCE, "--max-message", "1000", server.url(), stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"x" * 1000 + b"\n")


class Endured(LimpetCase):

    def test_101_in_single_bytes(self):
        server = self.keep(HostileServer("dribble_101"))
        run = self.connect(*ONCE, server.url(), stdin=b"a\n")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"a\n")

    def test_101_and_the_first_messages_in_one_packet(self):
        def say(peer):
            peer.send(peer.head_101() + b"\x81\x05hello\x81\x05again")
            peer.serve()
        server = self.keep(HostileServer(say))
        run = self.connect(*ONCE, server.url(), stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"hello\nagain\n")

    def test_text_byte_by_byte(self):
        server = self.keep(HostileServer("text_dribble"))
        run = self.connect(*ONCE, server.url(), stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, "hält € 🐚\n".encode())

    def test_a_flood_of_pings(self):
        server = self.keep(HostileServer("ping_flood?n=5000"))
        run = self.connect(*ONCE, "--linger", "2000", server.url())
        run.wait_out(5)
        run.end_input()
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"done\n")
        self.assertEqual(server.records[0].violations, [])


if __name__ == "__main__":
    main()
