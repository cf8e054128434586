#!/usr/bin/python3
"""The heartbeat in all its dialects, and what a late reply does."""

import paths  # noqa: F401

import itertools
import json
import time

from e2e_limpet import LimpetCase, main, wait_until
from e2e_peers import IMPLEMENTATIONS, PeerCase
from hostile import HostileServer
from rawws import PING, PONG, TEXT

ONCE = ("--max-retries", "0")
FAST = ("--heartbeat-interval", "100", "--heartbeat-timeout", "100")


def questions(record):
    """The JSON heartbeats that a server saw."""
    return [q for q in map(json.loads, record.texts) if q["type"] in ("ping", "heartbeat")]


def speak(peer, shift_ms=0):
    """Answers both JSON dialects in order, and no ping frame."""
    peer.open()

    def answer(opcode, payload):
        question = json.loads(payload)
        if question["type"] == "ping":
            peer.send_text('{"type":"pong"}')
        elif question["type"] == "heartbeat":
            peer.send_text(json.dumps({
                "type": "heartbeat_response", "timestamp": question["timestamp"] + shift_ms,
                "originalTimestamp": question["timestamp"]}))
        else:
            peer.echo(opcode, payload)
    peer.serve(answer, pongs=False)


class Dialects(PeerCase):

    def test_each_dialect_with_servers_that_speak_it(self):
        for implementation, dialect in itertools.product(
                IMPLEMENTATIONS, ("websocket", "ping", "timestamp", "off")):
            with self.subTest(implementation, dialect=dialect):
                peer = self.peer(implementation)
                run = self.connect(*ONCE, *FAST, "--heartbeat", dialect, "--linger", "500",
                                   peer.url("/dialects"), stdin=b"a\n")
                self.assert_exit(run, 0)
                self.assertEqual(run.out, b"a\n", "heartbeats never reach the output")

    def test_what_the_json_dialects_say(self):
        wanted = {"ping": lambda q: q == {"type": "ping"},
                  "timestamp": lambda q: q["type"] == "heartbeat" and len(q) == 2
                  and abs(q["timestamp"] - time.time() * 1000) < 60000}
        for dialect, is_right in wanted.items():
            with self.subTest(dialect):
                server = self.keep(HostileServer(speak))
                run = self.connect(*ONCE, *FAST, "--heartbeat", dialect, server.url())
                server.wait("five questions", lambda rs: len(rs[0].texts) >= 5)
                run.end_input()
                self.assert_exit(run, 0)
                self.assertTrue(all(map(is_right, questions(server.records[0]))))
                self.assertEqual(run.out, b"")
                self.assertFalse(run.events("error"))

    def test_presets_choose_the_dialect(self):
        for preset, kind in (("nova", "ping"), ("medtranslate", "heartbeat")):
            with self.subTest(preset):
                server = self.keep(HostileServer(speak))
                run = self.connect(*ONCE, "--preset", preset, *FAST, server.url())
                server.wait("a question", lambda rs: rs[0].texts)
                run.end_input()
                self.assert_exit(run, 0)
                self.assertEqual(questions(server.records[0])[0]["type"], kind)

    def test_an_explicit_option_beats_a_preset_in_any_order(self):
        for options in (("--preset", "nova", "--heartbeat", "websocket"),
                        ("--heartbeat", "websocket", "--preset", "nova")):
            with self.subTest(options):
                server = self.keep(HostileServer("echo"))
                run = self.connect(*ONCE, *options, *FAST, server.url())
                server.wait("two pings", lambda rs: len(rs[0].pings) >= 2)
                run.end_input()
                self.assert_exit(run, 0)
                self.assertEqual(server.records[0].texts, [])

    def test_off_asks_nothing(self):
        server = self.keep(HostileServer("mute"))
        run = self.connect(*ONCE, *FAST, "--heartbeat", "off", server.url())
        run.wait_event("state", to="CONNECTED")
        later = time.monotonic() + 0.6
        wait_until("six intervals", lambda: time.monotonic() > later)
        self.assertIsNone(run.process.poll())
        self.interrupt(run)
        self.assertEqual(server.records[0].messages, [])
        self.assertEqual(server.records[0].pings, [])

    def test_another_dialects_reply_is_an_ordinary_message(self):
        server = self.keep(HostileServer("echo"))
        run = self.connect(*ONCE, server.url(), stdin=b'{"type":"pong"}\n')
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b'{"type":"pong"}\n')


class Late(LimpetCase):

    def test_a_mute_server_is_left_although_it_talks(self):
        for dialect in ("websocket", "ping", "timestamp"):
            with self.subTest(dialect):
                def chatter(peer):
                    peer.open()
                    while True:  # other traffic does not replace the reply
                        peer.send_text("chatter")
                        wait_until("a bit", lambda e=time.monotonic() + 0.02: time.monotonic() > e)
                server = self.keep(HostileServer(chatter))
                run = self.connect(*ONCE, *FAST, "--heartbeat", dialect, server.url())
                self.assert_exit(run, 2)
                self.assertEqual(run.events("error")[0]["kind"], "heartbeat_timeout")
                self.assertIn(b"chatter\n", run.out)

    def test_a_pong_of_another_payload_is_no_reply(self):
        def lie(peer):
            peer.open()
            while True:
                opcode, payload = peer.read_event()
                if opcode == PING:
                    peer.send_frame(PONG, b"\0" * 7 + bytes([payload[-1] ^ 1]))
        server = self.keep(HostileServer(lie))
        run = self.connect(*ONCE, *FAST, server.url())
        self.assert_exit(run, 2)
        self.assertEqual(run.events("error")[0]["kind"], "heartbeat_timeout")

    def test_unasked_pongs_do_no_harm(self):
        def volunteer(peer):
            peer.open()
            peer.send_frame(PONG, b"")
            peer.send_frame(PONG, b"\0" * 8)
            peer.send_frame(PONG, b"unasked, and longer than a counter")
            peer.serve(peer.echo)
        server = self.keep(HostileServer(volunteer))
        run = self.connect(*ONCE, *FAST, server.url(), stdin=b"a\n")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"a\n")

    def test_after_the_loss_it_connects_again(self):
        server = self.keep(HostileServer("frozen_open", "echo"))
        run = self.connect(*FAST, "--initial-delay", "5", "--max-delay", "5", server.url())
        run.wait_event("state", to="CONNECTED", count=2)
        run.feed(b"a\n")
        run.end_input()
        self.assert_exit(run, 0)
        self.assertEqual(run.states()[:6], ["CLOSED", "CONNECTING", "CONNECTED", "DISCONNECTED",
                                            "RECONNECTING", "CONNECTED"])
        self.assertEqual(run.out, b"a\n")

    SLOW = [  # pieces, pause_ms, heartbeat ms: each pause is within the deadline, all are not
        ("many pieces", 20, 80, 400),
        ("the last piece counts too", 6, 600, 1000),
    ]

    def test_a_long_message_in_slow_pieces_is_no_death(self):
        for name, chunks, pause_ms, heartbeat_ms in self.SLOW:
            with self.subTest(name):
                server = self.keep(HostileServer(
                    f"slow_message?chunks={chunks}&chunk=3200&pause_ms={pause_ms}"))
                run = self.connect(*ONCE, "--heartbeat-interval", heartbeat_ms,
                                   "--heartbeat-timeout", heartbeat_ms, "--connect-timeout",
                                   "3000", server.url(), stdin=b"")
                self.assert_exit(run, 0)
                self.assertEqual(len(run.out), 3200 * chunks + 1)

    def test_a_message_that_stops_in_its_middle_is(self):
        def stop(peer):
            peer.open()
            peer.send(b"\x81\x7f" + (100000).to_bytes(8, "big") + b"s" * 5000)
            peer.server.stopping.wait()
        server = self.keep(HostileServer(stop))
        run = self.connect(*ONCE, *FAST, "--connect-timeout", "500", server.url())
        self.assert_exit(run, 2)
        self.assertEqual(run.events("error")[0]["kind"], "heartbeat_timeout")


class RoundTrip(LimpetCase):

    def test_round_trips_are_in_the_metrics(self):
        def slowly(peer):
            peer.open()
            while True:
                opcode, payload = peer.read_event()
                if opcode == PING:
                    wait_until("40 ms", lambda e=time.monotonic() + 0.04: time.monotonic() > e)
                    peer.send_frame(PONG, payload)
                elif opcode != TEXT:
                    return
        server = self.keep(HostileServer(slowly))
        run = self.connect(*ONCE, "--heartbeat-interval", "1000", "--heartbeat-timeout", "1000",
                           server.url(), stdin=b"")
        run.wait()
        rtt = run.events("metrics")[-1]["rtt_ms"]
        self.assertGreaterEqual(rtt["min"], 40)
        self.assertLessEqual(rtt["min"], rtt["mean"])
        self.assertLessEqual(rtt["mean"], rtt["max"])


if __name__ == "__main__":
    main()
