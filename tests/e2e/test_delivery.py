#!/usr/bin/python3
"""What reaches the server through cuts: --confirm barrier, the queue's limits, --ttl,
backpressure."""

import paths  # noqa: F401

import itertools
import random

from e2e_limpet import LimpetCase, main, wait_until
from e2e_peers import IMPLEMENTATIONS, PeerCase
from hostile import HostileServer
from rawws import CLOSE, PING, PONG

FOREVER = ("--max-retries", "forever", "--initial-delay", "5", "--max-delay", "5", "--jitter",
           "none")


class Gate:
    """Refuses with 503 until it is opened; then takes all, and echoes if wanted."""

    def __init__(self, case, echo=False):
        self.is_open, self.echo = False, echo
        self.server = case.keep(HostileServer(self._handle))
        self.url = self.server.url()

    def _handle(self, peer):
        if not self.is_open:
            peer.send(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        peer.open()
        peer.serve(peer.echo if self.echo else None)

    def texts(self):
        return [t for r in self.server.records for t in r.texts]


class Cutter:
    """A server that resets each of its first links after some messages; one link in three before
    it has answered any question."""

    def __init__(self, case, cuts, seed):
        self.cuts, self.random = cuts, random.Random(seed)
        self.server = case.keep(HostileServer(self._handle))

    def _handle(self, peer):
        peer.open()
        if peer.record.index >= self.cuts:
            peer.serve()
            return
        pongs_left = peer.record.index % 3
        messages_left = self.random.randrange(1, 40)
        while messages_left or pongs_left:
            opcode, payload = peer.read_event()
            if opcode == PING:
                peer.send_frame(PONG, payload)
                pongs_left = max(0, pongs_left - 1)
            elif opcode == CLOSE:
                return
            else:
                messages_left = max(0, messages_left - 1)
        peer.reset()  # wherever the client's stream happens to be


class Barrier(PeerCase):

    def check_at_least_once_in_order(self, records, total):
        """Nothing missing, and each link goes on from what may be unconfirmed, in order."""
        top = 0
        for record in records:
            numbers = [int(t) for t in record.texts]
            for before, after in zip(numbers, numbers[1:]):
                self.assertEqual(after, before + 1, "order within one link")
            if numbers:
                self.assertLessEqual(numbers[0], top + 1, "a gap between links")
                top = max(top, numbers[-1])
            self.assertEqual((record.violations, record.mode_error), ([], None))
        self.assertEqual(top, total)

    def test_nothing_is_lost_over_30_resets(self):
        total = 3000
        cutter = Cutter(self, 30, seed=7)
        run = self.connect(*FOREVER, "--confirm", "barrier", cutter.server.url(),
                           stdin=b"".join(b"%d\n" % i for i in range(1, total + 1)))
        self.assert_exit(run, 0)
        self.check_at_least_once_in_order(cutter.server.records, total)
        self.assertGreater(len(cutter.server.records), 10)
        self.assertEqual(run.events("metrics")[-1]["dropped"], 0)
        self.assertEqual(run.events("metrics")[-1]["queued_messages"], 0)

    def test_nothing_is_lost_when_input_trickles(self):
        cutter = Cutter(self, 30, seed=11)
        run = self.connect(*FOREVER, "--confirm", "barrier", "--heartbeat-interval", "100",
                           "--heartbeat-timeout", "100", cutter.server.url())
        for i in range(1, 1501):
            run.feed(b"%d\n" % i)
            if i % 50 == 0:
                cutter.server.wait(f"number {i}", lambda rs, i=i: any(
                    str(i) in r.texts[-60:] for r in rs))
        run.end_input()
        self.assert_exit(run, 0)
        self.check_at_least_once_in_order(cutter.server.records, 1500)
        self.assertGreater(len(cutter.server.records), 20)

    def test_what_was_read_but_not_confirmed_is_sent_again(self):
        server = self.keep(HostileServer("reset_on_ping", "echo"))
        run = self.connect(*FOREVER, "--confirm", "barrier", server.url(), stdin=b"a\nb\n")
        self.assert_exit(run, 0)
        self.assertEqual(server.records[1].texts, ["a", "b"])
        self.assertEqual(run.out, b"a\nb\n")

    def test_without_confirm_it_is_not(self):
        server = self.keep(HostileServer("reset_on_ping", "echo"))
        run = self.connect(*FOREVER, server.url(), stdin=b"a\nb\n")
        self.assert_exit(run, 0)
        self.assertEqual((server.records[0].texts, server.records[1].texts), (["a", "b"], []))

    def test_what_was_confirmed_is_not_sent_again(self):
        def answer_then_reset(peer):
            """Only one question is open at a time: when the next one comes, the client has read
            the reply to the one that followed both messages."""
            peer.open()
            questions_after = 0
            while questions_after < 2:
                opcode, payload = peer.read_event()
                if opcode == PING:
                    peer.send_frame(PONG, payload)
                    questions_after += len(peer.record.texts) == 2
            peer.reset()
        server = self.keep(HostileServer(answer_then_reset, "echo"))
        run = self.connect(*FOREVER, "--confirm", "barrier", "--heartbeat-interval", "100",
                           "--heartbeat-timeout", "100", server.url())
        run.feed(b"a\nb\n")
        run.wait_event("state", to="RECONNECTING")
        run.feed(b"c\n")
        run.end_input()
        self.assert_exit(run, 0)
        self.assertEqual(server.records[1].texts, ["c"])

    def test_confirmed_lines_make_room_for_the_next_at_once(self):
        server = self.keep(HostileServer("sink"))
        run = self.connect("--max-retries", "0", "--confirm", "barrier", server.url(),
                           stdin=b"".join(b"%d\n" % i for i in range(2500)))
        self.assert_exit(run, 0)
        self.assertEqual(len(server.records[0].messages), 2500)
        # 25 times the queue: each round must cost a round trip, not a second
        self.assertLess(run.events("metrics")[-1]["t_ms"], 10000)

    def test_what_was_half_sent_is_sent_again_whole(self):
        def stop_in_the_middle(peer):
            peer.open()
            for _ in range(10):
                peer.receive(10000)
            peer.reset()
        for confirm, compress in itertools.product(("none", "barrier"), ((), ("--compress",))):
            with self.subTest(confirm, compress=compress):
                server = self.keep(HostileServer(stop_in_the_middle, stop_in_the_middle, "echo"))
                line = b"0123456789abcdef" * (1 << 19)  # 8 MiB, more than a socket holds
                run = self.connect(*FOREVER, "--confirm", confirm, *compress, server.url(),
                                   stdin=line + b"\nlast\n")
                self.assert_exit(run, 0)
                end = server.records[2]
                self.assertEqual((end.violations, end.mode_error), ([], None))
                self.assertEqual([len(m) for _, m in end.messages[-2:]], [len(line), 4])
                self.assertTrue(end.messages[-2][1] == line)

    def test_all_dialects_can_be_the_barrier(self):
        for implementation, dialect in itertools.product(IMPLEMENTATIONS,
                                                         ("websocket", "ping", "timestamp")):
            with self.subTest(implementation, dialect=dialect):
                peer = self.peer(implementation)
                lines = b"".join(b"%d\n" % i for i in range(500))
                run = self.connect("--max-retries", "0", "--confirm", "barrier", "--heartbeat",
                                   dialect, peer.url("/dialects"), stdin=lines)
                self.assert_exit(run, 0)
                self.assertEqual(run.out, lines)


class Queue(LimpetCase):

    def test_lines_wait_for_the_first_link(self):
        gate = Gate(self, echo=True)
        run = self.connect(*FOREVER, gate.url, stdin=b"a\nb\nc\n")
        run.wait_event("retry", count=3)
        gate.is_open = True
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"a\nb\nc\n")

    def test_input_waits_while_the_queue_is_full(self):
        gate = Gate(self)
        total = 3000
        lines = [b"%06d" % i + b"x" * 1000 for i in range(total)]
        run = self.connect(*FOREVER, gate.url)
        writer = run.feed_aside(b"\n".join(lines))
        run.wait_event("retry", count=5)
        stalled = run.fed
        while True:  # until nothing moved during 20 attempts
            run.wait_event("retry", count=len(run.events("retry")) + 20)
            if run.fed == stalled:
                break
            stalled = run.fed
        self.assertTrue(writer.is_alive())
        self.assertLess(stalled, 1000 * 1006)
        gate.is_open = True
        self.assert_exit(run, 0)
        self.assertEqual(gate.texts(), [line.decode() for line in lines])
        self.assertFalse(run.events("dropped"))

    def test_an_explicit_limit_drops_the_oldest_and_says_so(self):
        gate = Gate(self)
        run = self.connect(*FOREVER, "--queue-limit", "3", gate.url,
                           stdin=b"".join(b"%d\n" % i for i in range(1, 11)))
        run.wait_for("seven dropped", lambda: sum(
            e["count"] for e in run.events("dropped", reason="overflow")) == 7)
        gate.is_open = True
        self.assert_exit(run, 4)
        self.assertEqual(gate.texts(), ["8", "9", "10"])
        self.assertEqual(run.events("metrics")[-1]["dropped"], 7)

    def test_a_limit_in_bytes_drops_the_oldest_too(self):
        gate = Gate(self)
        run = self.connect(*FOREVER, "--queue-limit", "1000", "--queue-limit-bytes", "10",
                           gate.url, stdin=b"aaaaa\nbbbbb\nccccc\n")
        run.wait_event("dropped", reason="overflow")
        gate.is_open = True
        self.assert_exit(run, 4)
        self.assertEqual(gate.texts(), ["bbbbb", "ccccc"])

    def test_a_limit_in_bytes_alone_makes_input_wait(self):
        gate = Gate(self)
        run = self.connect(*FOREVER, "--queue-limit-bytes", "10", gate.url,
                           stdin=b"aaaaa\nbbbbb\nccccc\n")
        run.wait_event("retry", count=5)
        gate.is_open = True
        self.assert_exit(run, 0)
        self.assertEqual(gate.texts(), ["aaaaa", "bbbbb", "ccccc"])
        self.assertFalse(run.events("dropped"))

    def test_an_explicit_limit_that_is_never_reached_drops_nothing(self):
        gate = Gate(self, echo=True)
        run = self.connect(*FOREVER, "--queue-limit", "3", gate.url, stdin=b"a\nb\nc\n")
        run.wait_event("retry", count=2)
        gate.is_open = True
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"a\nb\nc\n")

    def test_messages_expire(self):
        gate = Gate(self)
        run = self.connect(*FOREVER, "--ttl", "150", gate.url)
        run.feed(b"old\n")
        dropped = run.wait_event("dropped", reason="expired")
        self.assertGreaterEqual(dropped["t_ms"], 149)
        gate.is_open = True
        run.wait_event("state", to="CONNECTED")
        run.feed(b"new\n")
        run.end_input()
        self.assert_exit(run, 4)
        self.assertEqual(gate.texts(), ["new"])

    def test_giving_up_with_messages_waiting_is_not_success(self):
        gate = Gate(self)
        run = self.connect("--max-retries", "1", "--initial-delay", "5", gate.url, stdin=b"a\n")
        self.assert_exit(run, 2)


class Backpressure(LimpetCase):

    def test_input_waits_for_a_slow_reader(self):
        server = self.keep(HostileServer("slow_reader"))
        line = b"x" * 65535 + b"\n"
        total = 1024  # 64 MiB
        run = self.connect("--max-retries", "0", server.url())
        writer = run.feed_aside(line * total)
        run.wait_event("state", to="CONNECTED")
        seen = [0, 0]

        def stalled():
            """The same count of bytes for 300 looks of 5 ms or more each."""
            seen[1] = seen[1] + 1 if run.fed == seen[0] else 0
            seen[0] = run.fed
            return seen[1] >= 300
        wait_until("the input stalls", stalled)
        self.assertTrue(writer.is_alive())
        self.assertLess(run.fed, 40 << 20)
        server.release.set()
        self.assert_exit(run, 0)
        self.assertEqual(len(server.records[0].messages), total)
        self.assertEqual({len(m) for _, m in server.records[0].messages}, {65535})


if __name__ == "__main__":
    main()
