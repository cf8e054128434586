#!/usr/bin/python3
"""--outbox and --confirm: what survives cuts, crashes and restarts."""

import paths  # noqa: F401

import json
import os
import signal
import sqlite3
import tempfile

from e2e_cutter import Cutter
from e2e_limpet import main
from e2e_peers import IMPLEMENTATIONS, PeerCase, closed_port
from hostile import HostileServer

FOREVER = ("--max-retries", "forever", "--initial-delay", "5", "--max-delay", "5", "--jitter",
           "none")


class OutboxCase(PeerCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="limpet-outbox-")
        self.addCleanup(folder.cleanup)
        self.outbox = os.path.join(folder.name, "out box")

    def count(self):
        run = self.limpet("outbox", self.outbox, "count", stdin=b"")
        self.assert_exit(run, 0)
        return int(run.out.split()[0])

    def left_waiting(self, lines, *options):
        """A run that stores these lines while nobody listens, and is killed."""
        holder, port = closed_port()
        run = self.connect(*FOREVER, "--outbox", self.outbox, *options, f"ws://127.0.0.1:{port}/")
        run.feed(lines)
        run.wait_event("fate", count=lines.count(b"\n"), fate="stored")
        run.process.kill()
        run.wait()
        holder.close()
        return run

    def through_cuts(self, implementation, *options):
        peer = self.peer(implementation)
        cutter = self.keep(Cutter(int(peer.address), cuts=100, seed=implementation))
        before = self.kept(peer)
        total = 8000
        run = self.connect(*FOREVER, *options, f"ws://127.0.0.1:{cutter.port}/keep",
                           stdin=b"".join(b"%d\n" % i for i in range(1, total + 1)))
        self.assert_exit(run, 0, 120)
        top = 0
        for number in map(int, self.kept(peer)[len(before):]):
            self.assertLessEqual(number, top + 1, "first arrivals must be in order")
            top = max(top, number)
        self.assertEqual(top, total)
        self.assertGreater(cutter.count, 100)

    def kept(self, peer):
        run = self.connect("--max-retries", "0", peer.url("/kept"))
        run.wait()
        return run.out.decode().split()


class ThroughCuts(OutboxCase):
    def test_barrier_loses_nothing_over_100_cuts(self):
        for implementation in IMPLEMENTATIONS:
            with self.subTest(implementation):
                self.through_cuts(implementation, "--confirm", "barrier")

    def test_an_outbox_loses_nothing_over_100_cuts(self):
        for implementation in IMPLEMENTATIONS:
            with self.subTest(implementation):
                self.through_cuts(implementation, "--outbox", self.outbox)
                self.assertEqual(self.count(), 0)


class OverRuns(OutboxCase):
    def test_a_second_run_delivers_what_the_first_left(self):
        self.left_waiting(b"a\nb\n")
        self.assertEqual(self.count(), 2)
        run = self.connect("--outbox", self.outbox, self.peer("ws").url(), stdin=b"c\n")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"a\nb\nc\n")
        self.assertEqual(self.count(), 0)

    def test_fates_are_told_with_the_same_id_in_every_run(self):
        first = self.left_waiting(b"a\n")
        run = self.connect("--outbox", self.outbox, self.peer("websockets").url(), stdin=b"")
        self.assert_exit(run, 0)
        stored, = first.events("fate")
        fates = run.events("fate")
        self.assertEqual([f["fate"] for f in fates], ["written", "confirmed"])
        self.assertEqual({f["id"] for f in fates}, {stored["id"]})

    def test_with_ack_a_line_is_a_message_with_an_id(self):
        def acknowledge(peer):
            peer.open()
            for _ in range(2):
                text = peer.read_event()[1].decode()
                seen.append(json.loads(text))
                peer.send_text(json.dumps({"type": "ack", "id": seen[-1]["id"]}))
            peer.serve()
        seen = []
        server = self.keep(HostileServer(acknowledge))
        run = self.connect("--outbox", self.outbox, "--confirm", "ack", server.url(),
                           stdin='a "b"\n\u00e4\n'.encode())
        self.assert_exit(run, 0)
        self.assertEqual([(m["type"], m["plaintext"]) for m in seen],
                         [("message", 'a "b"'), ("message", "\u00e4")])
        self.assertEqual([f["id"] for f in run.events("fate", fate="confirmed")],
                         [m["id"] for m in seen])
        self.assertEqual(run.out, b"", "acknowledgements are not printed")

    def test_a_nul_byte_cannot_be_acknowledged(self):
        run = self.limpet("connect", "--confirm", "ack", self.peer("ws").url("/keep"),
                          stdin=b"\0\n")
        self.assert_exit(run, 1)
        self.assertIn("line 1 of standard input holds a NUL byte", run.text)

    def test_a_line_that_is_too_long_with_its_id(self):
        run = self.limpet("connect", "--confirm", "ack", "--max-message", "100",
                          self.peer("ws").url("/keep"), stdin=b"x" * 50 + b"\n")
        self.assert_exit(run, 1)
        self.assertIn("line 1 of standard input is longer", run.text)

    def test_input_waits_while_what_it_becomes_has_no_room(self):
        self.left_waiting(b"a\n")
        db = sqlite3.connect(self.outbox)
        with db:
            db.execute("UPDATE state SET bytes = 1073741824 - 20")
        db.close()
        holder, port = closed_port()
        self.keep(holder)
        run = self.connect(*FOREVER, "--outbox", self.outbox, "--confirm", "ack",
                           f"ws://127.0.0.1:{port}/", stdin=b"b\n")
        run.wait_event("retry", count=20)
        self.assertFalse(run.events("dropped"))
        self.interrupt(run)
        self.assertEqual(self.count(), 1)

    def test_giving_up_keeps_what_is_stored(self):
        holder, port = closed_port()
        self.keep(holder)
        run = self.limpet("connect", "--outbox", self.outbox, "--max-retries", "1",
                          "--initial-delay", "500", "--jitter", "none",
                          f"ws://127.0.0.1:{port}/", stdin=b"a\nb\n")
        self.assert_exit(run, 2)
        self.assertEqual(self.count(), 2)
        run.wait_line("2 messages wait in the outbox " + self.outbox)

    def test_an_interrupted_run_says_what_waits(self):
        holder, port = closed_port()
        self.keep(holder)
        run = self.limpet("connect", *FOREVER, "--outbox", self.outbox, f"ws://127.0.0.1:{port}/")
        run.feed(b"a\n")
        run.wait_line("Reconnect attempt 2")
        self.interrupt(run, signal.SIGTERM)
        run.wait_line("1 message waits in the outbox")
        self.assertEqual(self.count(), 1)


class Refusals(OutboxCase):
    def refused(self, status, *args):
        run = self.limpet("connect", *args, stdin=b"")
        self.assert_exit(run, status)
        return run.text

    def test_a_second_owner(self):
        holder, port = closed_port()
        self.keep(holder)
        url = f"ws://127.0.0.1:{port}/"
        first = self.connect(*FOREVER, "--outbox", self.outbox, url)
        first.wait_event("retry")
        self.assertIn(self.outbox, self.refused(3, "--outbox", self.outbox, url))
        purge = self.limpet("outbox", self.outbox, "purge", stdin=b"")
        self.assert_exit(purge, 3)
        self.assertEqual(self.count(), 0)
        self.interrupt(first)

    def test_a_file_that_is_none(self):
        with open(self.outbox, "w") as file:
            file.write("not an outbox " * 100)
        self.assertIn("out box", self.refused(3, "--outbox", self.outbox, "ws://127.0.0.1:1/"))
        with open(self.outbox) as file:
            self.assertEqual(file.read(), "not an outbox " * 100)

    def test_what_contradicts_itself(self):
        for args, word in (
                (("--confirm", "none"), "outbox"),
                (("--queue-limit", "5"), "--queue-limit"),
                (("--binary", "--confirm", "ack"), "--binary"),
                (("--heartbeat", "off"), "heartbeat")):
            with self.subTest(args):
                text = self.refused(1, "--outbox", self.outbox, *args, "ws://127.0.0.1:1/")
                self.assertIn(word, text)


if __name__ == "__main__":
    main()
