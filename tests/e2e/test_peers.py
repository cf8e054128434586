#!/usr/bin/python3
"""`limpet connect` against WebSocket servers by other people: Node's ws and python3-websockets,
plain and over TLS, with compression and without."""

import paths  # noqa: F401

import itertools
import json
from concurrent.futures import ThreadPoolExecutor

from certs import Certificates
from e2e_limpet import Limpet, main
from e2e_peers import IMPLEMENTATIONS, PeerCase

LINES = [b"", b"a", b"x" * 125, b"x" * 126, b"x" * 65535, b"x" * 65536,
         "hält € 🐚".encode() * 1000, b"1234567890" * 100000, b"the end"]


def run_once(url):
    """One run of the promise's command line: (status, output)."""
    run = Limpet("connect", url, stdin=b"a\nb\n")
    try:
        return run.wait(), run.out
    finally:
        run.end()


class Peers(PeerCase):

    def test_a_and_b_come_back_50_times_of_50(self):
        for implementation in IMPLEMENTATIONS:
            with self.subTest(implementation):
                peer = self.peer(implementation)
                with ThreadPoolExecutor(2) as pool:
                    results = list(pool.map(run_once, [peer.url()] * 50))
                self.assertEqual(results, [(0, b"a\nb\n")] * 50)

    def test_echo_of_all_sizes(self):
        certs = self.keep(Certificates())
        tls = ("--tls", *certs.pair("good"))
        for implementation, at_server, at_client, secure in itertools.product(
                IMPLEMENTATIONS, ((), ("--deflate",)), ((), ("--compress",)), ((), tls)):
            with self.subTest(implementation, server=at_server, client=at_client, tls=secure):
                peer = self.peer(implementation, *at_server, *secure)
                trust = ("--cacert", certs.pem("ca")) if secure else ()
                sent = b"".join(line + b"\n" for line in LINES)
                run = self.connect(*at_client, *trust, peer.url(), stdin=sent)
                self.assert_exit(run, 0)
                self.assertTrue(run.out == sent, f"{len(run.out)} of {len(sent)} bytes came back")

    def test_binary_echo(self):
        payloads = [b"", b"\x00", bytes(range(256)) * 300, b"\xff\xfe\n\r"]
        sent = b"".join(len(p).to_bytes(4, "big") + p for p in payloads)
        for implementation, compress in itertools.product(IMPLEMENTATIONS, ((), ("--compress",))):
            with self.subTest(implementation, compress=compress):
                peer = self.peer(implementation, "--deflate")
                run = self.connect("--binary", *compress, peer.url(), stdin=sent)
                self.assert_exit(run, 0)
                self.assertEqual(run.out, sent)

    def test_compression_is_agreed_on_only_when_both_want_it(self):
        for implementation, server, client in itertools.product(
                IMPLEMENTATIONS, (False, True), (False, True)):
            with self.subTest(implementation, server=server, client=client):
                peer = self.peer(implementation, *(["--deflate"] if server else []))
                run = self.connect(*(["--compress"] if client else []), peer.url("/info"),
                                   stdin=b"")
                self.assert_exit(run, 0)
                seen = json.loads(run.out)
                agreed = "permessage-deflate" in seen["extensions"]
                self.assertEqual(agreed, server and client)
                self.assertEqual("sec-websocket-extensions" in seen["headers"], client)

    def test_ten_thousand_messages_come_in_order(self):
        for implementation in IMPLEMENTATIONS:
            with self.subTest(implementation):
                peer = self.peer(implementation)
                run = self.connect(peer.url("/push/10000"), stdin=b"")
                self.assert_exit(run, 0)
                self.assertEqual(run.out.split(), [b"%d" % i for i in range(1, 10001)])

    def test_ten_thousand_lines_come_back_in_order(self):
        for implementation in IMPLEMENTATIONS:
            with self.subTest(implementation):
                peer = self.peer(implementation)
                sent = b"".join(b"%d\n" % i for i in range(10000))
                run = self.connect(peer.url(), stdin=sent)
                self.assert_exit(run, 0)
                self.assertEqual(run.out, sent)
                end = run.events("metrics")[-1]
                self.assertEqual((end["messages_out"], end["messages_in"]), (10000, 10000))
                self.assertEqual(end["bytes_out"], len(sent) - 10000)

    def test_their_close_codes(self):
        for implementation, (code, status) in itertools.product(
                IMPLEMENTATIONS, ((1000, 2), (1001, 2), (1008, 3), (1011, 2), (4001, 3))):
            with self.subTest(implementation, code=code):
                peer = self.peer(implementation)
                run = self.connect("--max-retries", "0", peer.url(f"/close/{code}"))
                run.feed(b"close, please\n")
                self.assert_exit(run, status)
                error = run.events("error", kind="closed_by_peer")[0]
                self.assertEqual(error["close_code"], code)
                self.assertIn("as you asked", error["detail"])
                self.assertEqual(error["retryable"], status == 2)

    def test_pings_are_answered_by_both(self):
        for implementation in IMPLEMENTATIONS:
            with self.subTest(implementation):
                peer = self.peer(implementation)
                run = self.connect("--heartbeat-interval", "100", "--heartbeat-timeout", "100",
                                   "--linger", "600", "--max-retries", "0", peer.url(), stdin=b"")
                self.assert_exit(run, 0)  # five questions or more, all answered in time
                self.assertEqual(run.states()[-1], "CLOSED")
                self.assertFalse(run.events("error"))


if __name__ == "__main__":
    main()
