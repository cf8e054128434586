#!/usr/bin/python3
"""`limpet chaos` between WebSockets: frames cut in their middle, `limpet connect` that outlives all
of it, and requests to the control server, friendly and hostile."""

import paths  # noqa: F401

import json
import socket
import time

from e2e_chaos import ChaosCase, Chaos
from e2e_limpet import DEADLINE_S, main
from e2e_peers import PeerCase

REQUEST = (b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
RESPONSE = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")


def frame(payload, key=None, opcode=2):
    """A frame, unmasked or masked (RFC 6455 section 5.2)."""
    mark = 0x80 if key else 0
    size = len(payload)
    if size < 126:
        head = bytes([0x80 | opcode, mark | size])
    elif size < 65536:
        head = bytes([0x80 | opcode, mark | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x80 | opcode, mark | 127]) + size.to_bytes(8, "big")
    if key:
        payload = bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))
    return head + (key or b"") + payload


def read_frames(data):
    """([whole payloads], (header present, payload bytes present, payload bytes promised))"""
    whole = []
    while len(data) >= 2:
        size, at = data[1] & 127, 2
        if size > 125:
            wide = 2 if size == 126 else 8
            size, at = int.from_bytes(data[2:2 + wide], "big"), 2 + wide
        at += 4 if data[1] & 128 else 0
        if len(data) < at + size:
            return whole, (len(data) >= at, len(data) - at, size)
        whole.append(data[at:at + size])
        data = data[at + size:]
    return whole, None


class Cut(ChaosCase):

    def open(self, chaos):
        client, far = self.pair(chaos)
        client.send(REQUEST)
        self.assertEqual(far.receive(len(REQUEST)), REQUEST)
        far.send(RESPONSE)
        self.assertEqual(client.receive(len(RESPONSE)), RESPONSE)
        return client, far

    def test_in_the_middle_of_a_frame(self):
        for size in (1, 2, 125, 126, 4000, 65536, 300000):
            with self.subTest(size):
                chaos = self.chaos("cut down frame 3")
                client, far = self.open(chaos)
                far.send(frame(b"first") + frame(b"", opcode=9) + frame(b"second") +
                         frame(bytes(size)) + frame(b"never"))
                data, end = client.receive_all()
                whole, rest = read_frames(data)
                self.assertEqual(whole, [b"first", b"", b"second"])
                self.assertEqual((rest, end), ((True, size // 2, size), "fin"))
                chaos.end()

    def test_a_masked_frame_that_comes_byte_by_byte(self):
        chaos = self.chaos("cut up then reset")
        client, far = self.open(chaos)
        for byte in frame(b"0123456789", key=b"\x01\x02\x03\x04"):
            try:
                client.send(bytes([byte]))
                time.sleep(0.005)
            except OSError:
                break
        data, end = far.receive_all()
        self.assertEqual((read_frames(data), end), (([], (True, 5, 10)), "rst"))

    def test_from_now_on_an_open_connection(self):
        """Frames are counted from the command; a frame under way is not cut."""
        chaos = self.chaos("--follow-frames")
        client, far = self.open(chaos)
        before = frame(b"x" * 1000)
        far.send(before[:500])
        self.assertEqual(client.receive(500), before[:500])
        chaos.do("cut down frame 2")
        far.send(before[500:] + frame(b"whole") + frame(b"halved"))
        data, end = client.receive_all()
        self.assertEqual(read_frames(before[:500] + data),
                         ([b"x" * 1000, b"whole"], (True, 3, 6)))
        self.assertEqual(end, "fin")

    def test_what_is_no_websocket_is_not_cut(self):
        for first in (b"HTTP/1.1 200 OK\r\n\r\n", b"\x00\x01\x02", b"HTTP/1.1 101 X\r\n\r\n\x82\x7e\x00\x05"):
            chaos = self.chaos("cut down")
            client, far = self.pair(chaos)
            self.assert_passes(far, client, first + bytes(100000))
            chaos.end()


class Through(PeerCase, ChaosCase):

    def test_limpet_connect_outlives_it(self):
        """The client finds each cut, comes back, and its messages come through in order."""
        peer = self.peer("ws")
        chaos = self.chaos(to=f"127.0.0.1:{peer.address}")
        run = self.connect("--initial-delay", "20", "--max-delay", "50", "--heartbeat-interval",
                           "400", "--heartbeat-timeout", "300", "--keep-open",
                           f"ws://127.0.0.1:{chaos.port}/")
        for count, command in enumerate(("reset", "close", "freeze both", "cut down", "reset"), 1):
            run.wait_event("state", to="CONNECTED", count=count)
            run.feed(b"message %d\n" % count)
            run.wait_for("its echo", lambda: b"message %d\n" % count in run.out)
            chaos.do(command)
            if command.startswith("cut"):
                chaos.do("reset")  # this one was not followed from its beginning
                run.wait_event("state", to="CONNECTED", count=count + 1)
                run.feed(b"lost in the cut\n")
            run.wait_event("state", **{"from": "CONNECTED"}, count=count)
            chaos.do("clear")
        run.wait_event("state", to="CONNECTED", count=6)
        self.interrupt(run)
        messages = [line for line in run.out.split(b"\n") if line.startswith(b"message")]
        self.assertEqual(messages, [b"message %d" % n for n in range(1, 6)])


class Control(ChaosCase):

    def setUp(self):
        super().setUp()
        self.proxy = self.chaos()

    def test_faults(self):
        ask = self.proxy.ask
        self.assertEqual(ask("GET", "/faults")[1]["faults"], [])
        status, answer = ask("PUT", "/faults", {"faults": ["delay 10ms", "freeze up for 20%"]})
        self.assertEqual((status, [f["fault"] for f in answer["faults"]]),
                         (200, ["delay both 10ms", "freeze up for 20%"]))
        answer = self.proxy.do("delay both 20ms")
        self.assertEqual([f["fault"] for f in answer["faults"]],
                         ["freeze up for 20%", "delay both 20ms"])
        self.assertEqual(ask("DELETE", "/faults")[1]["faults"], [])
        self.assertEqual(self.proxy.commands,
                         [line for line in self.proxy.commands if line.split()[0][-1] == "s"])

    def test_connections(self):
        client, far = self.pair(self.proxy)
        self.assert_passes(client, far, b"123")
        status, answer = self.proxy.ask("GET", "/connections")
        self.assertEqual((status, answer["open"], answer["accepted"], answer["up_bytes"]),
                         (200, 1, 1, 3))
        about = answer["connections"][0]
        self.assertEqual((about["id"], about["phase"], about["up_bytes"], about["down_bytes"]),
                         (1, "passing", 3, 0))
        self.assertEqual(about["peer"], "127.0.0.1:%d" % client.socket.getsockname()[1])
        status, about = self.proxy.ask("POST", "/connections/1", {"fault": "reset"})
        self.assertEqual((status, about["phase"], about["result"]),
                         (200, "ended", "a command: reset"))
        self.assertEqual(self.proxy.connection(1)["phase"], "ended")

    def test_the_page(self):
        for path, what in (("/", "<!doctype html>"), ("/page.js", "fetch("), ("/page.css", "{")):
            status, text = self.proxy.ask("GET", path)
            self.assertEqual(status, 200)
            self.assertIn(what, text)
            self.assertNotRegex(text, r"https?://(?!www\.w3\.org)")

    JSON = {"Content-Type": "application/json"}
    HOSTILE = [  # method, path, body, headers, status
        ("POST", "/faults", b'{"fault":"refuse"}', {}, 415),
        ("POST", "/faults", b'{"fault":"refuse"}', {"Content-Type": "text/plain"}, 415),
        ("POST", "/faults", b'{"fault":"refuse"}',
         {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("PUT", "/faults", b'{"faults":["refuse"]}', {}, 415),
        ("POST", "/connections/1", b'{"fault":"reset"}', {"Content-Type": "text/plain"}, 404),
        ("POST", "/faults", b'{"fault":"refuse"}', {**JSON, "Origin": "http://evil.example"}, 403),
        ("POST", "/faults", b'{"fault":"refuse"}', {**JSON, "Origin": "null"}, 403),
        ("POST", "/faults", b'{"fault":"refuse"}', {**JSON, "Host": "evil.example"}, 403),
        ("POST", "/faults", b'{"fault":"refuse"}', {**JSON, "Host": "127.0.0.1.evil.example"}, 403),
        ("DELETE", "/faults", None, {"Origin": "http://evil.example"}, 403),
        ("GET", "/faults", None, {"Host": "rebound.example:80"}, 403),
        ("GET", "/", None, {"Host": "rebound.example"}, 403),
        ("OPTIONS", "/faults", None, {}, 405), ("PATCH", "/faults", None, {}, 405),
        ("POST", "/", b"{}", JSON, 405), ("DELETE", "/connections", None, {}, 405),
        ("POST", "/faults", b"", JSON, 400), ("POST", "/faults", b"[]", JSON, 400),
        ("POST", "/faults", b'{"fault":"refuse"', JSON, 400),
        ("POST", "/faults", b'{"fault":"refuse","fault":"clear"}', JSON, 400),
        ("POST", "/faults", b'{"fault":"refuse","more":1}', JSON, 400),
        ("POST", "/faults", b'{"fault":1}', JSON, 400), ("POST", "/faults", b"{}", JSON, 400),
        ("POST", "/faults", b'{"fault":"re\\u0000fuse"}', JSON, 400),
        ("POST", "/faults", b'{"fault":"\\u001b[31m"}', JSON, 400),
        ("POST", "/faults", b'{"fault":"' + b"x" * 5000 + b'"}', JSON, 400),
        ("POST", "/faults", b'{"fault":"<script>alert(1)</script>"}', JSON, 400),
        ("POST", "/faults", b"[" * 60000, JSON, 400),
        ("POST", "/faults", b'{"fault":"' + b"x" * 70000 + b'"}', JSON, 413),
        ("PUT", "/faults", b'{"faults":"refuse"}', JSON, 400),
        ("PUT", "/faults", b'{"faults":["delay 1ms","reset"]}', JSON, 400),
        ("PUT", "/faults", b'{"faults":["delay 1ms","dely"]}', JSON, 400),
        ("PUT", "/faults", json.dumps({"faults": ["freeze"] * 65}).encode(), JSON, 400),
        ("GET", "/connections?limit=0", None, {}, 400),
        ("GET", "/connections?limit=99999999999999999999", None, {}, 400),
        ("GET", "/connections/0", None, {}, 404), ("GET", "/connections/x", None, {}, 404),
        ("GET", "/connections/99999999999999999999", None, {}, 404),
        ("GET", "/connections/1/2", None, {}, 404), ("GET", "/../etc/passwd", None, {}, 404),
        ("GET", "/page.c", None, {}, 404),
    ]

    def test_hostile_requests_change_nothing(self):
        for method, path, body, headers, wanted in self.HOSTILE:
            with self.subTest((method, path, (body or b"")[:40], headers)):
                status, answer = self.proxy.ask(method, path, body, headers)
                self.assertEqual(status, wanted, answer)
                self.assertEqual(answer["type"], "error")
        self.assertEqual(self.proxy.ask("GET", "/faults")[1]["faults"], [])
        self.assertEqual(self.proxy.commands, [])

    def test_own_origin_and_names(self):
        for host in (self.proxy.control, "localhost:80", "[::1]:80", "127.0.0.9"):
            status, _ = self.proxy.ask("POST", "/faults", {"fault": "clear"},
                                       {"Host": host, "Origin": f"http://{host}"})
            self.assertEqual(status, 200, host)

    def test_only_so_many_faults(self):
        client, _ = self.pair(self.proxy)
        pairs = [self.pair(self.proxy) for _ in range(64)]
        for id_ in range(1, 65):
            self.proxy.do("freeze both", connection=id_)
        status, answer = self.proxy.ask("POST", "/connections/65", {"fault": "freeze"})
        self.assertEqual((status, answer["code"]), (409, "conflict"))
        client.reset()
        self.proxy.do("reset", connection=1)
        self.proxy.do("freeze", connection=65)
        self.assertTrue(pairs)
        status, answer = self.proxy.ask("POST", "/connections/65", {"fault": "refuse"})
        self.assertEqual(status, 409)
        self.assertIn("not for one connection", answer["message"])

    def test_connections_to_the_control_server_are_bounded(self):
        """Many silent ones do not keep the proxy from its work."""
        host, _, port = self.proxy.control.rpartition(":")
        silent = [self.keep(socket.create_connection((host, int(port)), DEADLINE_S))
                  for _ in range(200)]
        self.assert_passes(*self.pair(self.proxy))
        for sock in silent:
            sock.close()
        self.assertEqual(self.proxy.ask("GET", "/faults")[0], 200)

    def test_remote_only_if_asked(self):
        remote = self.keep_run(Chaos(self.target.address, "--control", "0.0.0.0:0",
                                     "--control-remote", control=False))
        remote.control = remote.control.replace("0.0.0.0", "127.0.0.1")
        status, _ = remote.ask("POST", "/faults", {"fault": "clear"}, {"Host": "box.example:1"})
        self.assertEqual(status, 200)
        status, _ = remote.ask("POST", "/faults", {"fault": "clear"},
                               {"Host": "box.example:1", "Origin": "http://other.example"})
        self.assertEqual(status, 403)

    def keep_run(self, run):
        self.addCleanup(run.end)
        return run


if __name__ == "__main__":
    main()
