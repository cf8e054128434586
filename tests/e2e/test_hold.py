#!/usr/bin/python3
"""`limpet hold`: programs that know nothing of Limpet, behind it a far side that is cut, refuses, closes or
is away. The long form (LIMPET_TEST_LENGTH=long) says 10,000 messages through 50 cuts."""

import paths  # noqa: F401

import asyncio
import json
import os
import queue
import re
import select
import signal
import socket
import tempfile
import threading
import time

import websockets

from e2e_cutter import Cutter
from e2e_hold import Hold, say
from e2e_limpet import DEADLINE_S, main, wait_until
from e2e_peers import PeerCase
from e2e_relay import Relay
from e2e_serve import Ws
from hostile import HostileServer
from rawws import CLOSE, TEXT, frame

LONG = os.environ.get("LIMPET_TEST_LENGTH") == "long"
MESSAGES, CUTS, EACH = (10000, 50, 20000) if LONG else (500, 5, 8000)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class HoldCase(PeerCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="limpet-hold-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def hold(self, far, *options, **kwargs):
        run = Hold(far, *options, **kwargs)
        self.addCleanup(run.end)
        return run

    def relay(self):
        return self.keep(Relay(self.path("relay.db"), "--rate", "0"))

    def cutter(self, relay, cuts=0, most=2000):
        return self.keep(Cutter(int(relay.address.rsplit(":", 1)[1]), cuts, self.id(), most))

    def ws(self, hold, path="/", **options):
        return self.keep(Ws(hold.url + path, **options))

    def refused(self, hold, path="/", **options):
        with self.assertRaises(websockets.InvalidStatusCode) as caught:
            Ws(hold.url + path, **options)
        return caught.exception.status_code

    def stop(self, hold, status=0):
        hold.signal(signal.SIGTERM)
        self.assert_exit(hold, status)

    def dump(self, hold):
        """What SIGUSR1 makes it tell, whole."""
        before = hold.text.count("\nhold ws://")

        def told():
            head, *rest = hold.text.rsplit("\nhold ws://", 1)
            return rest and head.count("\nhold ws://") >= before and (
                rest[0].count("to program:") == int(rest[0].split()[1]))
        hold.signal(signal.SIGUSR1)
        hold.wait_for("the dump", told)
        return hold.text.rsplit("\nhold ws://", 1)[1]


class Cuts(HoldCase):

    def check_store(self, relay, count):
        ids = [m["id"] for m in relay.stored("c")]
        self.assertEqual(ids, [f"m{i}" for i in range(count)], "lost, repeated or out of order")

    def check(self, *options):
        relay = self.relay()
        cutter = self.cutter(relay, CUTS, EACH)
        hold = self.hold(f"ws://127.0.0.1:{cutter.port}", "--outbox", self.path("outbox"),
                         "--resume", "after=sequence_number", *options)
        seen = say(hold.url + "/ws?conversation_id=c&user_id=u&after=0", MESSAGES,
                   600 if LONG else DEADLINE_S * 2)
        self.assertEqual(seen["ids"], [f"m{i}" for i in range(MESSAGES)])
        self.assertEqual((seen["opened"], seen["error"], seen["code"]), (1, None, 1000))
        self.assertEqual(seen["pongs"], 1)
        self.assertGreater(cutter.count, CUTS)
        self.check_store(relay, MESSAGES)
        self.stop(hold)
        counted = self.limpet("outbox", self.path("outbox"), "count", stdin=b"")
        self.assert_exit(counted, 0)
        self.assertEqual(counted.out.split()[0], b"0")
        return seen

    def test_a_program_that_knows_nothing_of_limpet(self):
        self.check()

    def test_with_acknowledgements_which_the_program_sees_too(self):
        seen = self.check("--confirm", "ack")
        self.assertGreaterEqual(seen["acks"], MESSAGES)

    def test_what_the_far_side_said_meanwhile_comes(self):
        relay = self.relay()
        cutter = self.cutter(relay)
        hold = self.hold(f"ws://127.0.0.1:{cutter.port}", "--resume", "after=sequence_number")
        ws = self.ws(hold, "/ws?conversation_id=c&user_id=u&after=0")
        ws.receive("replayed")
        for n in range(5):
            relay.post("c", "other", f"before {n}")
            self.assertEqual(ws.receive("message")["plaintext"], f"before {n}")
            cutter.cut()
            relay.post("c", "other", f"during {n}")
            self.assertEqual(ws.receive("message")["plaintext"], f"during {n}")

    def test_what_waits_in_the_outbox_goes_with_the_next_program(self):
        relay = self.relay()
        options = ("--outbox", self.path("outbox"), "--confirm", "ack", "--drain-timeout", "100")
        hold = self.hold(f"ws://{relay.address}", *options)
        ws = self.ws(hold, "/ws?conversation_id=c&user_id=u")
        ws.say("m0", "zero")
        ws.receive("ack")
        relay.kill()
        ws.say("m1", "one")
        pinged = ws.loop.run_until_complete(ws.socket.ping())
        ws._run(pinged)  # answered: stored
        hold.end()  # SIGKILL
        relay.start()
        hold = self.hold(f"ws://{relay.address}", *options)
        ws = self.ws(hold, "/ws?conversation_id=c&user_id=u")
        ws.say("m2", "two")
        wait_until("three in the store", lambda: len(relay.stored("c")) == 3)
        self.check_store(relay, 3)


class Requests(HoldCase):

    def test_what_passes_on(self):
        hold = self.hold(self.peer("ws").url(), "--header", "X-Given: by the hold",
                         "--allow-origin", "https://example.com")
        ws = self.ws(hold, "/info?a=1&b=%20", subprotocols=["one", "two"],
                     origin="https://example.com",
                     extra_headers={"X-Own": "of the program", "X-Given": "by the program",
                                    "Cookie": "c=d", "Connection-Option": "x"})
        seen = json.loads(ws._run(ws.socket.recv()))
        self.assertEqual(seen["target"], "/info?a=1&b=%20")
        self.assertEqual(seen["headers"]["x-own"], "of the program")
        self.assertEqual(seen["headers"]["x-given"], "by the hold")
        self.assertEqual(seen["headers"]["cookie"], "c=d")
        self.assertEqual(seen["headers"]["origin"], "https://example.com")
        self.assertEqual(seen["protocol"], "two")
        self.assertEqual(ws.socket.subprotocol, "two")

    def test_the_path_is_put_behind_the_far_side_s(self):
        hold = self.hold(self.peer("ws").url("/info/base?x=1"))
        for path, target in (("/", "/info/base?x=1"), ("/more?y=2", "/info/base/more?x=1&y=2")):
            ws = self.ws(hold, path)
            self.assertEqual(json.loads(ws._run(ws.socket.recv()))["target"], target)

    def test_what_goes_first_and_who_we_are(self):
        for name, text in (("first", "hello\n"), ("token", "s3cr3t\n")):
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write(text)
        hold = self.hold(self.peer("ws").url(), "--on-open", self.path("first"), "--token-file",
                         self.path("token"), "--query", "of=hold")
        ws = self.ws(hold, "/?of=program")
        ws.send("second")
        self.assertEqual([ws._run(ws.socket.recv()) for _ in range(2)], ["hello", "second"])
        ws = self.ws(hold, "/info?of=program")
        seen = json.loads(ws._run(ws.socket.recv()))
        self.assertEqual(seen["target"], "/info?of=hold&of=program")
        self.assertEqual(seen["headers"]["authorization"], "Bearer s3cr3t")
        self.assertNotIn("s3cr3t", hold.text)

    def test_a_far_side_that_refuses(self):
        for code in (403, 404):
            server = self.keep(HostileServer(f"status?code={code}"))
            hold = self.hold(server.url(""))
            self.assertEqual(self.refused(hold), 502)
            hold.wait_line("cannot be reached")
            self.assertIn(str(code), hold.text)
            self.stop(hold)

    def test_a_far_side_that_is_given_up(self):
        hold = self.hold(f"ws://127.0.0.1:{free_port()}", "--max-retries", "2")
        self.assertEqual(self.refused(hold), 502)

    def test_the_program_waits_until_the_far_side_is_there(self):
        relay = self.relay()
        relay.kill()
        hold = self.hold(f"ws://{relay.address}")
        found = []
        waiting = threading.Thread(target=lambda: found.append(
            Ws(hold.url + "/ws?conversation_id=c&user_id=u")))
        waiting.start()
        hold.wait_line("error=connect_refused", 2)
        self.assertEqual(found, [])
        relay.start()
        waiting.join(DEADLINE_S)
        self.keep(found[0]).say("m", "text")
        self.assertEqual(found[0].receive("message")["id"], "m")

    def test_a_program_that_leaves_before(self):
        hold = self.hold(f"ws://127.0.0.1:{free_port()}")
        with socket.create_connection(hold.url[5:].rsplit(":", 1)) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
                      b"dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            hold.wait_line("asked far=")
        hold.wait_line("closed taken=0")

    def test_pages_of_foreign_origins(self):
        hold = self.hold(self.peer("ws").url())
        self.assertEqual(self.refused(hold, origin="https://evil.example"), 403)

    def test_limits(self):
        hold = self.hold(self.peer("ws").url(), "--max-connections", "2")
        kept = [self.ws(hold), self.ws(hold)]
        self.assertEqual(self.refused(hold), 503)
        kept[0].close()
        hold.wait_line("closed taken=")
        self.ws(hold)

    def test_an_outbox_has_one_program_at_a_time(self):
        hold = self.hold(self.peer("ws").url(), "--outbox", self.path("outbox"))
        first = self.ws(hold)
        self.assertEqual(self.refused(hold), 503)
        first.close()
        hold.wait_line("closed taken=")
        self.ws(hold)


class Endings(HoldCase):

    def test_final_codes_pass_on(self):
        for code in (1000, 1003, 1008, 4001):
            with self.subTest(code):
                hold = self.hold(self.peer("ws").url())
                ws = self.ws(hold, f"/close/{code}")
                ws.send("now")
                self.assertEqual(ws.closed_with(), code)
                self.assertEqual(ws.socket.close_reason, "as you asked")
                self.stop(hold)

    def test_what_the_far_side_says_does_not_steer_the_terminal(self):
        def serve(peer):
            peer.open()
            peer.send_frame(CLOSE, (4001).to_bytes(2, "big") + "\u009b2J \u202eback".encode())
            peer.read_event()
        hold = self.hold(self.keep(HostileServer(serve)).url())
        self.assertEqual(self.ws(hold).closed_with(), 4001)
        hold.wait_line("closed by the peer with 4001: \ufffd2J back")
        self.stop(hold)
        self.assertNotIn("\u009b", hold.text)

    def test_other_ends_are_held_over(self):
        for mode in ("close?code=1001&after=1", "close?code=1012&after=1",
                     "close?code=4100&after=1", "reset_after?n=1", "eof_open"):
            with self.subTest(mode):
                server = self.keep(HostileServer(mode, "echo"))
                hold = self.hold(server.url(""))
                ws = self.ws(hold)
                if mode != "eof_open":
                    ws.send("first")
                hold.wait_line("far side open", 2)
                ws.send("second")
                while ws._run(ws.socket.recv()) != "second":
                    pass
                ws.close()
                self.stop(hold)

    def test_a_close_of_the_program_delivers_first(self):
        relay = self.relay()
        hold = self.hold(f"ws://{relay.address}")
        ws = self.ws(hold, "/ws?conversation_id=c&user_id=u")
        relay.kill()
        hold.wait_line("retryable=yes")
        for n in range(20):
            ws.say(f"m{n}", "text")
        ws.close()
        hold.wait_line("program gone")
        relay.start()
        wait_until("all in the store", lambda: len(relay.stored("c")) == 20)
        hold.wait_line("closed taken=20")
        self.stop(hold)

    def test_sigterm_says_what_is_undelivered(self):
        relay = self.relay()
        hold = self.hold(f"ws://{relay.address}", "--drain-timeout", "300")
        ws = self.ws(hold, "/ws?conversation_id=c&user_id=u")
        relay.kill()
        hold.wait_line("retryable=yes")
        for n in range(3):
            ws.say(f"m{n}", "text")
        wait_until("taken", lambda: "taken=3" in self.dump(hold))
        self.stop(hold, 4)
        self.assertIn("3 messages not delivered", hold.text)
        self.assertEqual(ws.closed_with(), 1001)

    def test_what_was_given_up_before_counts_at_the_end(self):
        relay = self.relay()
        hold = self.hold(f"ws://{relay.address}", "--drain-timeout", "100")
        ws = self.ws(hold, "/ws?conversation_id=c&user_id=u")
        relay.kill()
        hold.wait_line("retryable=yes")
        for n in range(3):
            ws.say(f"m{n}", "text")
        ws.close()
        hold.wait_line("closed taken=3 given=0 dropped=3")
        self.stop(hold, 4)
        self.assertIn("3 messages not delivered", hold.text)

    def test_what_it_tells_when_asked(self):
        hold = self.hold(self.peer("ws").url())
        self.ws(hold, "/?token=s3cr3t")
        told = self.dump(hold)
        self.assertIn("phase=open", told)
        self.assertIn("Connected", told)
        self.assertNotIn("s3cr3t", hold.text)


class Pressure(HoldCase):

    def garble(self, hold):
        with socket.create_connection(("127.0.0.1", int(hold.url.rpartition(":")[2])), 10) as s:
            s.sendall(b"what is this\r\n\r\n")
            self.assertIn(b" 400 ", s.recv(4096))

    def test_a_log_that_nobody_reads_holds_up_nobody(self):
        reader, writer = self.full_pipe()
        hold = self.hold("ws://127.0.0.1:9", stderr=writer)
        os.close(writer)
        for _ in range(3):
            self.garble(hold)
        told = b""
        while select.select([reader], [], [], 0)[0]:
            told += os.read(reader, 1 << 20)
        self.garble(hold)
        self.assertRegex(told + os.read(reader, 1 << 20), rb" left_out=[23]\n")  # the third may be late

    def ping(self, ws):
        return ws.loop.run_until_complete(ws.socket.ping())

    def is_answered(self, ws, pinged, within_s):
        try:
            ws.loop.run_until_complete(asyncio.wait_for(asyncio.shield(pinged), within_s))
            return True
        except asyncio.TimeoutError:
            return False

    def test_a_ping_is_answered_when_all_before_it_is_through(self):
        relay = self.relay()
        hold = self.hold(f"ws://{relay.address}", "--confirm", "ack")
        ws = self.ws(hold, "/ws?conversation_id=c&user_id=u")
        self.assertTrue(self.is_answered(ws, self.ping(ws), DEADLINE_S))
        relay.kill()
        hold.wait_line("retryable=yes")
        self.assertTrue(self.is_answered(ws, self.ping(ws), DEADLINE_S), "nothing was before it")
        ws.say("m", "text")
        pinged = self.ping(ws)
        self.assertFalse(self.is_answered(ws, pinged, 0.3))
        relay.start()
        self.assertTrue(self.is_answered(ws, pinged, DEADLINE_S))
        self.assertEqual(len(relay.stored("c")), 1)

    def test_a_program_is_read_no_faster_than_the_far_side_takes(self):
        relay = self.relay()
        hold = self.hold(f"ws://{relay.address}", "--queue-limit", "10")
        ws = self.ws(hold, "/ws?conversation_id=c&user_id=u", max_queue=None)
        relay.kill()
        hold.wait_line("retryable=yes")
        for n in range(50):
            ws.say(f"m{n}", "text")
        wait_until("no more is read", lambda: "reading=paused" in self.dump(hold))
        self.assertIn("taken=10 queued=10", self.dump(hold))
        relay.start()
        wait_until("all in the store", lambda: len(relay.stored("c")) == 50)
        self.assertEqual([m["id"] for m in relay.stored("c")], [f"m{n}" for n in range(50)])

    def test_the_far_side_is_read_no_faster_than_the_program_reads(self):
        count, size = 2000, 16000  # more than all the system's buffers on the way
        messages = b"".join(frame(TEXT, b"%d " % n + b"x" * size) for n in range(count))

        def flood(peer):
            peer.open()
            peer.send(messages)
            peer.serve()
        server = self.keep(HostileServer(flood))
        hold = self.hold(server.url(""), "--heartbeat-interval", "200", "--heartbeat-timeout",
                         "200")
        ws = self.ws(hold, max_queue=1)
        paused = re.compile(r"to program: .* reading=paused")
        wait_until("no more is read", lambda: paused.search(self.dump(hold)))
        time.sleep(1)  # several heartbeats: a link that is not read is not a dead one
        told = self.dump(hold)
        self.assertRegex(told, paused)
        self.assertLess(int(re.search(r"waiting_bytes=(\d+)", told).group(1)), 2 << 20)
        for n in range(count):
            self.assertEqual(ws._run(ws.socket.recv()).split()[0], str(n))
        self.assertNotIn("heartbeat_timeout", hold.text)


    def test_a_program_that_is_busy_hears_the_last_words_nevertheless(self):
        count = 60  # more than its system takes unread

        def serve(peer):
            peer.open()
            peer.send(b"".join(frame(TEXT, b"%d " % n + b"x" * 16000) for n in range(count)))
            peer.send_frame(CLOSE, (1000).to_bytes(2, "big"))
            peer.read_event()
        hold = self.hold(self.keep(HostileServer(serve)).url(""))
        ws = self.ws(hold, max_queue=1)
        hold.wait_line("closed by the peer with 1000")
        time.sleep(3.5)  # longer than the answer to a close is waited for
        ws.send("something")
        for n in range(count):
            self.assertEqual(ws._run(ws.socket.recv()).split()[0], str(n))
        self.assertEqual(ws.closed_with(), 1000)

    def test_who_has_not_read_the_last_words_keeps_the_outbox_from_nobody(self):
        def serve(peer):
            peer.open()
            peer.send(b"".join(frame(TEXT, b"x" * 16000) for n in range(60)))
            peer.send_frame(CLOSE, (1000).to_bytes(2, "big"))
            peer.read_event()
        server = self.keep(HostileServer(serve, "echo"))
        hold = self.hold(server.url(""), "--outbox", self.path("outbox"))
        first = self.ws(hold, max_queue=1)
        hold.wait_line("closed by the peer with 1000")
        wait_until("the file is let go", lambda: 'status="gone"' in self.dump(hold))
        second = self.ws(hold)
        second.send("next")
        self.assertEqual(second._run(second.socket.recv()), "next")
        for _ in range(60):
            self.assertEqual(len(first._run(first.socket.recv())), 16000)
        self.assertEqual(first.closed_with(), 1000)

    def test_what_the_far_side_said_before_its_close_comes_before_it(self):
        wishes = queue.Queue()

        def serve(peer):
            peer.open()
            sent = 0
            for count in iter(wishes.get, 0):
                peer.send(b"".join(frame(TEXT, b"%d " % n + b"x" * 16000)
                                   for n in range(sent, sent + count)))
                sent += count
            peer.send_frame(CLOSE, (1000).to_bytes(2, "big"))
            peer.read_event()
        hold = self.hold(self.keep(HostileServer(serve)).url(""))
        ws = self.ws(hold, max_queue=1)

        def told(name):
            return int(re.search(rf"to program:.* {name}=(\d+)", self.dump(hold)).group(1))
        count = 0
        while told("waiting_bytes") < 100000:  # more than the system takes
            wishes.put(20)
            count += 20
            wait_until("all given", lambda: told("given") == count)
        wishes.put(0)
        hold.wait_line("closed by the peer with 1000")
        for n in range(count):
            self.assertEqual(ws._run(ws.socket.recv()).split()[0], str(n))
        self.assertEqual(ws.closed_with(), 1000)


if __name__ == "__main__":
    main()
