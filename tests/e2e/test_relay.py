#!/usr/bin/python3
"""`limpet serve`: messages, acks and replay by WebSocket and by curl; kills, drains, limits."""

import paths  # noqa: F401

import json
import os
import re
import resource
import select
import signal
import socket
import stat
import subprocess
import time

import websockets

from e2e_limpet import main, program, wait_until
from e2e_serve import RelayCase, Ws

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


def numbers(messages):
    return [m["sequence_number"] for m in messages]


class Conversations(RelayCase):

    def test_a_message_is_acknowledged_and_broadcast(self):
        relay = self.relay()
        ann, bob = self.join(relay, "tea", "ann"), self.join(relay, "tea", "bob")
        other = self.join(relay, "coffee", "eve")
        ann.say("m1", "hällo \" \\ \n")
        ack = ann.receive()
        self.assertEqual(ack, {"type": "ack", "id": "m1", "sequence_number": 1})
        for one in (ann, bob):  # to its sender too
            message = one.receive("message")
            self.assertRegex(message.pop("created_at"), TIME)
            self.assertEqual(message, {"type": "message", "id": "m1", "conversation_id": "tea",
                                       "sender_id": "ann", "plaintext": "hällo \" \\ \n",
                                       "sequence_number": 1})
        ann.say("m1", "again")
        self.assertEqual(ann.receive(), {"type": "ack", "id": "m1", "sequence_number": 1})
        ann.send({"type": "message", "plaintext": "without an id"})
        given = ann.receive("ack")["id"]
        self.assertEqual(bob.receive()["id"], given)
        other.send({"type": "ping"})
        self.assertEqual(other.receive(), {"type": "pong"})  # and nothing of the other talk

    def test_replay_then_live(self):
        relay = self.relay()
        for i in range(1, 6):
            relay.post("tea", "ann", f"text {i}")
        late = self.join(relay, "tea", "bob", after=2)
        self.assertEqual(numbers(late.receive_all(3)), [3, 4, 5])
        self.assertEqual(late.receive(), {"type": "replayed", "sequence_number": 5})
        relay.post("tea", "ann", "text 6")
        self.assertEqual(late.receive()["sequence_number"], 6)
        live = self.join(relay, "tea", "eve")
        relay.post("tea", "ann", "text 7")
        self.assertEqual(live.receive()["sequence_number"], 7)
        at_the_end = self.join(relay, "tea", "joe", after=7)
        self.assertEqual(at_the_end.receive(), {"type": "replayed", "sequence_number": 7})
        beyond = self.join(relay, "tea", "joe", after=70)
        error = beyond.receive()
        self.assertEqual((error["code"], error["sequence_number"]), ("unknown_sequence_number", 7))
        self.assertEqual(beyond.receive(), {"type": "replayed", "sequence_number": 7})

    def test_typing_goes_to_the_others(self):
        relay = self.relay()
        ann, bob = self.join(relay, "tea", "ann"), self.join(relay, "tea", "bob")
        ann.send({"type": "typing"})
        ann.send({"type": "typing", "conversation_id": "tea", "user_id": "ann"})
        for _ in range(2):
            self.assertEqual(bob.receive(), {"type": "typing", "conversation_id": "tea",
                                             "user_id": "ann"})
        ann.send({"type": "ping"})
        self.assertEqual(ann.receive(), {"type": "pong"})
        self.assertEqual(relay.history("tea"), [])

    def test_both_dialects_are_answered_in_order(self):
        relay = self.relay()
        bare = self.ws(relay)
        bare.send({"type": "ping"})
        bare.send({"type": "heartbeat", "timestamp": 12})
        bare.send({"type": "ping"})
        self.assertEqual(bare.receive(), {"type": "pong"})
        reply = bare.receive()
        self.assertEqual((reply["type"], reply["originalTimestamp"]), ("heartbeat_response", 12))
        self.assertLess(abs(reply["timestamp"] / 1000 - time.time()), 60)
        self.assertEqual(bare.receive(), {"type": "pong"})

    def test_rest_and_websocket_are_one_conversation(self):
        relay = self.relay()
        bob = self.join(relay, "caf%C3%A9%2F1", "bob")
        first = relay.post("caf%C3%A9%2F1", "ann", "hi", id="m1")
        self.assertEqual(first.status, 201)
        self.assertEqual(first.headers["content-type"], "application/json")
        self.assertEqual(first.json["conversation_id"], "café/1")
        self.assertEqual(bob.receive(), first.json)
        again = relay.post("caf%C3%A9%2F1", "eve", "other words", id="m1")
        self.assertEqual((again.status, again.json), (200, first.json))
        self.assertEqual(relay.history("caf%C3%A9%2F1"), [first.json])
        bob.say("m2", "by socket")
        bob.receive("ack")
        page = relay.curl("/conversations/caf%C3%A9%2F1/messages?after=1&limit=1").json
        self.assertEqual([m["id"] for m in page["messages"]], ["m2"])
        self.assertIs(page["has_more"], False)
        page = relay.curl("/conversations/caf%C3%A9%2F1/messages?limit=1").json
        self.assertIs(page["has_more"], True)

    def test_head_and_expectation(self):
        relay = self.relay()
        relay.post("tea", "ann", "hi")
        head = relay.curl("/conversations/tea/messages", "--head")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertGreater(int(head.headers["content-length"]), 100)
        long = relay.post("tea", "ann", "x" * 5000, "-H", "Expect: 100-continue")
        self.assertEqual(long.status, 201)
        chunked = relay.curl("/conversations/tea/messages", "-H", "Transfer-Encoding: chunked",
                             "--data-binary", '{"sender_id":"ann","plaintext":"c"}')
        self.assertEqual(chunked.status, 201)

    def test_echo(self):
        relay = self.relay("--max-message", "1000000")
        url = relay.ws_url("/echo")
        for compression in (None, "deflate"):
            one = self.keep(Ws(url, compression=compression))
            self.assertEqual(bool(one.socket.extensions), compression is not None)
            for message in ("", "text", b"\x00\xff", "ä" * 400000):
                one.send(message)
                self.assertEqual(one._run(one.socket.recv()), message)
        run = self.connect("--compress", url, stdin=b"a\nb\n")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"a\nb\n")

    def test_own_client_survives_a_restart(self):
        relay = self.relay()
        port = relay.host.rsplit(":", 1)[1]
        url = relay.ws_url(conversation_id="tea", user_id="ann", after=0)
        run = self.connect("--initial-delay", "50", "--max-delay", "100", "--max-retries", "forever",
                           "--keep-open", "--heartbeat", "ping", url)
        run.wait_for("the replay", lambda: b"replayed" in run.out)
        run.feed(b'{"type":"message","id":"m1","plaintext":"one"}\n')
        run.wait_for("an ack", lambda: b'"ack"' in run.out)
        relay.signal(signal.SIGKILL)
        relay.wait()
        run.wait_event("state", to="RECONNECTING")
        run.feed(b'{"type":"message","id":"m2","plaintext":"two"}\n')
        second = self.relay(listen=f"127.0.0.1:{port}")
        run.wait_for("the second ack", lambda: b'"id":"m2","sequence_number":2' in run.out)
        self.assertEqual([m["id"] for m in second.history("tea")], ["m1", "m2"])
        self.interrupt(run)


class Ends(RelayCase):

    def test_what_was_acknowledged_survives_a_kill(self):
        for round_ in range(3):
            relay = self.relay()
            ann = self.join(relay, "tea", "ann")
            acked = []
            for i in range(200):
                ann.say(f"{round_}-{i}", "x" * 100)
            while len(acked) < 50 + 40 * round_:
                acked.append(ann.receive("ack"))
            relay.signal(signal.SIGKILL)
            relay.wait()
            relay = self.relay()
            stored = relay.history("tea")
            kept = {m["id"]: m["sequence_number"] for m in stored}
            for ack in acked:
                self.assertEqual(kept.get(ack["id"]), ack["sequence_number"])
            self.assertEqual(len(kept), len(stored))
            self.assertEqual(numbers(stored), sorted(set(numbers(stored))))
            self.stop(relay)

    def test_sigterm_drains(self):
        relay = self.relay()
        ann, bob = self.join(relay, "tea", "ann"), self.join(relay, "tea", "bob")
        for i in range(100):
            ann.say(f"m{i}", "x")
        relay.signal(signal.SIGTERM)
        seen = []
        try:
            while True:
                seen.append(ann.receive())
        except websockets.ConnectionClosed as closed:
            self.assertEqual(closed.code, 1012)
        self.assertEqual(bob.closed_with(), 1012)
        self.assert_exit(relay, 0)
        acked = {m["id"] for m in seen if m["type"] == "ack"}
        self.assertEqual(len(acked), int(re.search(r"conn=1 .*received=(\d+)", relay.text).group(1)))
        self.assertEqual({m["id"] for m in self.relay().history("tea")}, acked)

    def test_a_hanging_client_does_not_hold_the_end(self):
        relay = self.relay()
        self.join(relay, "tea", "ann")  # never reads the close frame
        half = socket.create_connection(relay.host.rsplit(":", 1))
        self.addCleanup(half.close)
        half.sendall(b"GET /heal")
        began = time.monotonic()
        relay.signal(signal.SIGINT)
        self.assert_exit(relay, 0)
        self.assertLess(time.monotonic() - began, 12)

    def test_a_second_signal_ends_it_at_once(self):
        relay = self.relay()
        self.join(relay, "tea", "ann")
        relay.signal(signal.SIGTERM)
        relay.wait_line(" stopping ")
        relay.signal(signal.SIGTERM)
        self.assert_exit(relay, 128 + signal.SIGTERM)

    def test_a_store_has_one_owner(self):
        relay = self.relay()
        second = self.limpet("serve", "--listen", "127.0.0.1:0", "--store", self.path("store.db"))
        self.assert_exit(second, 3)
        self.assertIn("The file is in use", second.text)
        self.assertEqual(second.out, b"")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("store.db")).st_mode), 0o600)
        busy = self.limpet("serve", "--listen", relay.host)
        self.assert_exit(busy, 3)
        self.assertIn("Address already in use", busy.text)

    def test_without_a_store_it_says_so(self):
        relay = self.relay(store=None)
        self.assertEqual(relay.post("tea", "ann", "hi").status, 201)
        self.assertIn("messages are kept in memory only", relay.text)
        self.stop(relay)

    def test_a_unix_socket(self):
        relay = self.relay(listen="unix:" + self.path("socket"))
        self.assertEqual(relay.url, "unix:" + self.path("socket"))
        done = subprocess.run(["curl", "-s", "--unix-socket", self.path("socket"),
                               "http://h/healthz"], capture_output=True, check=True)
        self.assertEqual(json.loads(done.stdout), {"status": "ok"})
        self.stop(relay)


class Limits(RelayCase):

    def test_a_slow_reader_costs_the_others_nothing(self):
        relay = self.relay("--rate", "0", "--max-message", "64000", "--max-backlog", "1")
        slow, bob = self.join(relay, "tea", "slow"), self.join(relay, "tea", "bob")
        slow.socket.transport.pause_reading()
        text = "x" * 60000
        for i in range(300):  # 18 MB: more than the kernel and the backlog take
            bob.say(f"m{i}", text)
            self.assertEqual(bob.receive("ack")["sequence_number"], i + 1)
            self.assertEqual(bob.receive("message")["sequence_number"], i + 1)
        relay.wait_line("reason=slow")
        self.assertEqual(relay.metric('disconnects_total{reason="slow"}'), 1)
        slow.socket.transport.resume_reading()
        self.assertIn(slow.closed_with(), (1013, 1006))
        back = self.join(relay, "tea", "slow", after=0)
        self.assertEqual(numbers(back.receive_all(300)), list(range(1, 301)))

    def test_a_client_too_fast_is_slowed_down_and_loses_nothing(self):
        relay = self.relay("--rate", "50")
        ann = self.join(relay, "tea", "ann")
        began = time.monotonic()
        for i in range(120):
            ann.say(f"m{i}", "x")
        seen = []
        while sum(m["type"] == "ack" for m in seen) < 120:
            seen.append(ann.receive())
        self.assertGreater(time.monotonic() - began, 0.8)
        self.assertEqual([m["id"] for m in seen if m["type"] == "ack"],
                         [f"m{i}" for i in range(120)])
        told = [m for m in seen if m["type"] == "error"]
        self.assertEqual([m["code"] for m in told], ["rate_limited"])  # once
        self.assertEqual(relay.metric("rate_limited_total"), 1)

    def test_posting_too_fast(self):
        relay = self.relay("--rate", "2")
        answers = [relay.post("tea", "ann", "x") for _ in range(5)]
        refused = [a for a in answers if a.status == 429]
        self.assertTrue(refused)
        self.assertGreaterEqual(int(refused[0].headers["retry-after"]), 1)
        self.assertEqual(refused[0].json["code"], "rate_limited")

    def test_silent_clients_are_dropped(self):
        relay = self.relay("--heartbeat-interval", "200", "--heartbeat-timeout", "100")
        silent = self.join(relay, "tea", "silent")
        relay.wait_line("reason=silent")
        self.assertEqual(silent.closed_with(), 1006)
        run = self.connect("--keep-open", relay.ws_url(conversation_id="tea", user_id="ann"))
        run.wait_event("state", to="CONNECTED")
        time.sleep(1)  # some rounds of pings, which it answers
        self.assertEqual(run.states(), ["CLOSED", "CONNECTING", "CONNECTED"])
        self.interrupt(run)

    def test_connections_are_bounded(self):
        relay = self.relay("--max-connections", "2")
        first, _ = self.join(relay, "tea", "ann"), self.join(relay, "tea", "bob")
        self.assertEqual(self.refused(relay, conversation_id="tea", user_id="eve"), 503)
        first.close()
        relay.wait_line("reason=closed")
        self.join(relay, "tea", "eve")

    def test_admission_after_a_restart_is_bounded(self):
        relay = self.relay("--admit-rate", "3")
        statuses = []
        for _ in range(8):
            answer = relay.curl("/ws", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket",
                                "-H", "Sec-WebSocket-Version: 13", "-m", "0.2", "-H",
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==") \
                if len(statuses) >= 3 else None
            if answer is None:
                self.ws(relay)
                statuses.append(101)
            else:
                statuses.append(answer.status)
                if answer.status == 503:
                    self.assertEqual(answer.json["code"], "busy")
                    self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)
                    break
        self.assertIn(503, statuses)
        wait_until("another is let in", lambda: self.lets_in(relay))

    def lets_in(self, relay):
        try:
            self.ws(relay)
            return True
        except websockets.InvalidStatusCode as refused:
            self.assertEqual(refused.status_code, 503)
            return False

    def test_conversations_are_bounded(self):
        relay = self.relay("--max-conversations", "1")
        self.assertEqual(relay.post("one", "ann", "x").status, 201)
        refused = relay.post("two", "ann", "x")
        self.assertEqual((refused.status, refused.json["code"]), (503, "too_many_conversations"))
        ann = self.join(relay, "two", "ann")
        ann.say("m1", "x")
        error = ann.receive()
        self.assertEqual((error["code"], error["id"]), ("too_many_conversations", "m1"))

    def test_too_long_and_binary(self):
        relay = self.relay("--max-message", "100")
        for message, code in (("x" * 101, 1009), (b"{}", 1003)):
            ann = self.join(relay, "tea", "ann")
            ann.send(message)
            self.assertEqual(ann.closed_with(), code)

    def say_all(self, relay, ids):
        """Says all at once on a link of its own, and listens until that is closed or all are
        stored. What was stored, what was refused, the close code."""
        ann, stored, refused = self.join(relay, "tea", "ann"), [], []
        try:
            for id_ in ids:
                ann.say(id_, "x" * 20000)
        except websockets.ConnectionClosed:
            pass
        try:
            while len(stored) < len(ids):
                answer = ann.receive()
                if answer["type"] == "ack":
                    stored.append(answer["id"])
                elif answer["type"] == "error":
                    self.assertEqual(answer["code"], "store_unavailable")
                    refused.append(answer["id"])
        except websockets.ConnectionClosed:
            pass
        code = ann.socket.close_code
        ann.close()
        return stored, refused, code

    def test_a_full_disk(self):
        """No file of the relay may grow beyond 200 KB: behind a message that it refuses it stores
        none of the same link, which it closes, so that all come again in their order; and it goes
        on serving."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200000, resource.RLIM_INFINITY))
        relay = self.relay(preexec_fn=limit)
        bob = self.join(relay, "tea", "bob")
        sent, count, fruitless, rounds = [f"m{i}" for i in range(40)], 2, 0, 0
        self.assertEqual(self.say_all(relay, sent[:count])[:2], (sent[:count], []))
        while fruitless < 3:  # the log starts anew after a failure, until the file is full
            stored, refused, code = self.say_all(relay, sent[count:])
            self.assertEqual(stored, sent[count:count + len(stored)])
            count += len(stored)
            self.assertEqual(refused, sent[count:count + len(refused)])
            self.assertGreater(len(refused), 0)
            self.assertEqual(code, 1013)
            fruitless, rounds = 0 if stored else fruitless + 1, rounds + 1
        for _ in range(20):  # what is too much together may fit alone
            refused = relay.post("coffee", "ann", "x" * 20000)
            if refused.status != 201:
                break
        self.assertEqual((refused.status, refused.json["code"]), (503, "store_unavailable"))
        self.assertIn("retry-after", refused.headers)
        self.assertEqual([m["id"] for m in relay.history("tea")], sent[:count])
        self.assertEqual([m["id"] for m in bob.receive_all(count)], sent[:count])
        bob.send({"type": "ping"})
        self.assertEqual(bob.receive(), {"type": "pong"})
        self.assertIn("store_failed", relay.text)
        wait_until("all ends are counted",
                   lambda: relay.metric('disconnects_total{reason="store"}') == rounds)
        resource.prlimit(relay.process.pid, resource.RLIMIT_FSIZE,
                         (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        stored, refused, _ = self.say_all(relay, sent[count:])
        self.assertEqual((stored, refused), (sent[count:], []))
        bob.close()
        self.stop(relay)
        self.assertEqual([m["id"] for m in self.relay().history("tea")], sent)

    def test_retention_tells(self):
        relay = self.relay("--keep-age", "1")
        for i in range(3):
            relay.post("tea", "ann", f"{i}")
        wait_until("they are gone", lambda: relay.history("tea") == [])
        page = relay.curl("/conversations/tea/messages?after=0").json
        self.assertEqual(page["gone"], 3)
        relay.post("tea", "ann", "new")
        back = self.join(relay, "tea", "bob", after=1)
        error = back.receive()
        self.assertEqual((error["code"], error["sequence_number"]), ("history_gone", 3))
        self.assertEqual(back.receive()["sequence_number"], 4)

    def test_retention_tells_in_the_midst_of_a_replay(self):
        """A reader that pauses in its replay until the rest is no longer kept."""
        relay, count = self.relay("--keep-age", "1", "--rate", "0"), 400
        stored, _, _ = self.say_all(relay, [f"m{i}" for i in range(count)])
        self.assertEqual(len(stored), count)
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, port = relay.host.split(":")
        slow.connect((host, int(port)))
        bob = self.keep(Ws(relay.ws_url(conversation_id="tea", user_id="bob", after=0), sock=slow))
        wait_until("they are gone", lambda: relay.history("tea") == [])
        relay.post("tea", "ann", "new")
        seen = 0
        while seen <= count:
            message = bob.receive()
            if message["type"] == "error":
                self.assertEqual(message["code"], "history_gone")
                self.assertGreater(message["sequence_number"], seen)
            elif message["type"] == "message":
                self.assertEqual(message["sequence_number"], seen + 1)
            seen = max(seen, message["sequence_number"])

    def test_metrics(self):
        relay = self.relay()
        ann = self.join(relay, "tea", "ann", after=0)
        ann.say("m1", "x")
        ann.receive("message")
        answer = relay.curl("/metrics")
        self.assertTrue(answer.headers["content-type"].startswith("text/plain; version=0.0.4"))
        for line in ("connections 1", "conversations_open 1", "messages_stored_total 1",
                     "replays_total 1", "store_queue_depth 0",
                     "commit_latency_seconds_count 1"):
            self.assertIn(f"\nlimpet_relay_{line}\n", answer.body.decode())


class Logs(RelayCase):

    def test_lines_name_the_client_and_no_secret(self):
        tokens = self.write("tokens", "s3cret ann tea\n")
        relay = self.relay("--token-file", tokens)
        self.ws(relay, headers={"X-Limpet-Client": "abc-1"}, conversation_id="tea", user_id="ann",
                token="s3cret")
        self.ws(relay, headers={"X-Limpet-Client": "a b\"c", "Authorization": "Bearer s3cret"},
                conversation_id="tea", user_id="ann")
        relay.wait_line("conn=1 client=abc-1 peer=127.0.0.1")
        relay.wait_line("conn=2 client=- peer=127.0.0.1")
        relay.curl("/conversations/tea/messages?token=s3cret")
        relay.wait_line("path=/conversations/tea/messages status=200")
        self.assertNotIn("s3cret", relay.text)

    def test_forwarded_addresses(self):
        header = ("-H", "X-Forwarded-For: 9.9.9.9, 1.2.3.4")
        for trusted, peer in (((), "127.0.0.1"), (("--trust-proxy", "127.0.0.1"), "1.2.3.4"),
                              (("--trust-proxy", "127.0.0.1", "--trust-proxy", "1.2.3.4"),
                               "9.9.9.9")):
            relay = self.relay(*trusted, store=None)
            relay.curl("/nothing", *header)
            relay.wait_line(f"peer={peer} ")

    def test_forwarded_addresses_by_a_unix_socket(self):
        for trusted, peer in (((), "local"), (("--trust-proxy", "127.0.0.1"), "local"),
                              (("--trust-proxy", "unix:"), "1.2.3.4")):
            place = self.path("relay.sock")
            relay = self.relay(*trusted, store=None, listen="unix:" + place)
            subprocess.run(["curl", "-s", "--unix-socket", place, "http://relay/nothing", "-H",
                            "X-Forwarded-For: 9.9.9.9, 1.2.3.4"], check=True, timeout=20,
                           stdout=subprocess.DEVNULL)
            relay.wait_line(f"peer={peer} ")
            self.stop(relay)

    def test_quiet(self):
        relay = self.relay("--quiet")
        relay.post("tea", "ann", "x")
        self.stop(relay)
        self.assertEqual(relay.lines, [])

    def test_a_log_that_nobody_reads_holds_up_nobody(self):
        reader, writer = self.full_pipe()
        relay = self.relay(stderr=writer)
        os.close(writer)
        for _ in range(3):
            self.assertEqual(relay.curl("/nothing").status, 404)
        while select.select([reader], [], [], 0)[0]:
            os.read(reader, 1 << 20)
        self.assertEqual(relay.curl("/nothing").status, 404)
        self.assertIn(b" left_out=", os.read(reader, 1 << 20))

    def test_a_log_that_has_no_standard_error_is_no_log(self):
        place = self.path("relay.sock")
        relay = self.limpet("serve", "--listen", "unix:" + place,
                            preexec_fn=lambda: [os.close(number) for number in range(3)])
        wait_until("the socket", lambda: os.path.exists(place))
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(20)
            asking.connect(place)
            for _ in range(1000):  # more lines than a pipe holds
                asking.sendall(b"GET /nothing HTTP/1.1\r\nHost: relay\r\n\r\n")
                self.assertIn(b"404 Not Found", asking.recv(4096))
        self.stop(relay)


class Options(RelayCase):

    BAD = [
        (("extra",), "no operand"),
        (("--listen", "nowhere"), "not IP:PORT"),
        (("--max-message", "63"), "not within 64-67108864"),
        (("--rate", "x"), "not a whole number"),
        (("--tls-cert", "x"), "go together"),
        (("--tls-cert", "/nonexistent", "--tls-key", "/nonexistent"), "certificate file"),
        (("--token-file", "/nonexistent"), "No such file"),
        (("--allow-origin", "example.com"), "not an origin"),
        (("--trust-proxy", "localhost"), "not an IP address"),
        (("--store", "/nonexistent/store"), "cannot be opened"),
        (("--web", "."), "no index.html"),
        (("--store=",), "empty path"),
    ]

    def test_unusable_ones_are_named(self):
        for options, text in self.BAD:
            with self.subTest(options):
                run = self.limpet("serve", *options)
                self.assert_exit(run, 3 if options[0] in ("--listen", "--store") else 1)
                self.assertIn(text, run.text)
                self.assertEqual(run.out, b"")

    def test_help(self):
        text = subprocess.run([program(), "serve", "--help"], capture_output=True, check=True,
                              text=True).stdout
        self.assertIn("Examples:", text)
        self.assertLessEqual(max(map(len, text.split("\n"))), 90)


if __name__ == "__main__":
    main()
