#!/usr/bin/python3
"""`limpet serve` against clients that mean it no good: what they cost is bounded, and told as it is."""

import paths  # noqa: F401

import base64
import os
import socket
import struct

from e2e_limpet import main, wait_until
from e2e_serve import RelayCase

SMALL_BUFFER = 4096  # of the kernel, so that what is not read waits in the relay


def frame(opcode, payload):
    """A masked frame of up to 64 KiB; the mask is 0."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else \
        bytes([0x80 | 126]) + struct.pack(">H", len(payload))
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


class Raw:
    """A socket that does what it is told, and reads only then."""

    def __init__(self, relay):
        host, port = relay.host.split(":")
        self.host = relay.host
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        self.socket.settimeout(20)
        self.socket.connect((host, int(port)))

    def request(self, method, path, *headers):
        lines = (f"{method} {path} HTTP/1.1", f"Host: {self.host}", *headers, "", "")
        self.socket.sendall("\r\n".join(lines).encode())

    def upgrade(self, path):
        self.request("GET", path, "Upgrade: websocket", "Connection: Upgrade",
                     "Sec-WebSocket-Version: 13",
                     "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.socket.recv(1)
        assert head.startswith(b"HTTP/1.1 101"), head

    def receive(self):
        """What has come, at least a byte; b"" at the end."""
        try:
            return self.socket.recv(65536)
        except ConnectionResetError:
            return b""

    def is_at_end(self):
        while self.receive():
            pass
        return True

    def close(self):
        self.socket.close()


class Hostile(RelayCase):

    def raw(self, relay):
        return self.keep(Raw(relay))

    def test_a_malformed_request_tells_no_secret(self):
        relay = self.relay(store=None)
        for line in ("no header", "A: b\x01"):
            raw = self.raw(relay)
            raw.request("GET", "/ws?token=s3cret", line)
            self.assertTrue(raw.is_at_end())
        relay.wait_line("status=400", 2)
        self.assertNotIn("s3cret", relay.text)

    def test_a_proxy_that_adds_a_line_is_believed_before_its_client(self):
        relay = self.relay("--trust-proxy", "127.0.0.1", store=None)
        relay.curl("/nothing", "-H", "X-Forwarded-For: 9.9.9.9", "-H", "X-Forwarded-For: 1.2.3.4")
        relay.wait_line("peer=1.2.3.4 ")
        relay.curl("/nothing", "-H", "X-Forwarded-For: 9.9.9.9", "-H",
                   "X-Forwarded-For: 127.0.0.1, 127.0.0.1")
        relay.wait_line("peer=9.9.9.9 ")

    def test_who_has_said_farewell_is_not_a_failure_of_the_relay(self):
        relay = self.relay()
        for after in ("", "&after=0"):
            raw = self.raw(relay)
            raw.upgrade("/ws?conversation_id=tea&user_id=ann" + after)
            raw.socket.sendall(frame(8, struct.pack(">H", 1000)))
            self.assertTrue(raw.is_at_end())  # its direction is still open
            for _ in range(5):
                relay.post("tea", "bob", "x")
            raw.close()
        relay.wait_line("reason=closed", 2)
        self.assertEqual(relay.metric('disconnects_total{reason="closed"}'), 2)
        self.assertEqual(relay.metric('disconnects_total{reason="internal"}'), 0)

    def test_many_slow_readers_cost_no_more_than_a_few(self):
        relay = self.relay("--rate", "0", "--max-backlog-total", "1048576")
        slow = [self.raw(relay) for _ in range(20)]
        for i, raw in enumerate(slow):
            raw.upgrade(f"/ws?conversation_id=tea&user_id=slow{i}")
        bob = self.join(relay, "tea", "bob")
        most = spoken = 0
        while relay.metric('disconnects_total{reason="slow"}') < 20 and spoken < 200:
            bob.say(f"m{spoken}", "x" * 60000)  # the kernel keeps some, too
            bob.receive("message")
            spoken += 1
            most = max(most, relay.metric("backlog_bytes"))
        self.assertGreater(most, 1 << 20)
        self.assertLess(most, 20 * 200000)  # of each not more than 128 KiB and a message
        wait_until("nothing waits", lambda: relay.metric("backlog_bytes") == 0)
        bob.say("last", "x")
        self.assertEqual(bob.receive("message")["id"], "last")


if __name__ == "__main__":
    main()
