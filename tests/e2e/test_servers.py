#!/usr/bin/python3
"""Do the servers of these tests behave as the tests believe? Asked with clients by other people:
a test against a server that does not do what its mode says would prove nothing."""

import paths  # noqa: F401

import asyncio
import json
import ssl
import subprocess

import websockets
from certs import Certificates
from e2e_limpet import LimpetCase, main
from e2e_peers import IMPLEMENTATIONS, EchoPeer, OldTlsServer
from hostile import BAD_FRAMES, HostileServer

DEADLINE_S = 30


async def talk(url, messages, **how):
    """Sends the messages, reads as many, closes; returns what came."""
    async with websockets.connect(url, open_timeout=DEADLINE_S, **how) as socket:
        for message in messages:
            await socket.send(message)
        return [await asyncio.wait_for(socket.recv(), DEADLINE_S) for _ in messages]


async def outcome(url):
    """How a link to a hostile mode ends, as python3-websockets sees it."""
    try:
        async with websockets.connect(url, open_timeout=1, max_size=1 << 20,
                                      ping_interval=None, close_timeout=2) as socket:
            await socket.send("hello")
            while True:
                await asyncio.wait_for(socket.recv(), DEADLINE_S)
    except websockets.ConnectionClosed as closed:
        return closed.sent.code if closed.sent else "lost"
    except websockets.InvalidStatusCode as refused:
        return refused.status_code
    except (websockets.InvalidHandshake, websockets.InvalidMessage) as bad:
        return type(bad).__name__
    except (OSError, asyncio.TimeoutError) as error:
        return type(error).__name__


class Echo(LimpetCase):

    def test_echo_plain_tls_and_compressed(self):
        certs = self.keep(Certificates())
        trust = ssl.create_default_context(cafile=certs.pem("ca"))
        for implementation in IMPLEMENTATIONS:
            for arguments in ((), ("--deflate",), ("--tls", *certs.pair("good"))):
                with self.subTest(implementation, arguments=arguments):
                    peer = self.keep(EchoPeer(implementation, *arguments))
                    how = {"ssl": trust} if peer.tls else {}
                    got = asyncio.run(talk(peer.url(), ["a", b"\0\1", "ü" * 70000], **how))
                    self.assertEqual(got, ["a", b"\0\1", "ü" * 70000])

    def test_dialects(self):
        for implementation in IMPLEMENTATIONS:
            with self.subTest(implementation):
                peer = self.keep(EchoPeer(implementation))
                got = asyncio.run(talk(peer.url("/dialects"), [
                    '{"type":"ping"}', '{"type":"heartbeat","timestamp":5}', "other"]))
                self.assertEqual(json.loads(got[0]), {"type": "pong"})
                self.assertEqual(json.loads(got[1])["originalTimestamp"], 5)
                self.assertEqual(got[2], "other")


class Hostile(LimpetCase):

    OUTCOMES = [  # mode, what the reference client makes of it
        ("reset_accept", ("InvalidMessage", "ConnectionResetError")),
        ("reset_open", "lost"), ("eof_open", "lost"),
        ("reset_mid_frame", "lost"), ("eof_mid_frame", "lost"), ("reset_after?n=1", "lost"),
        ("frozen_accept", "TimeoutError"), ("frozen_head", "TimeoutError"),
        ("status?code=503", 503), ("status?code=401", 401), ("garbage", "InvalidMessage"),
        ("wrong_accept", "InvalidHeaderValue"), ("no_upgrade", "InvalidUpgrade"),
        ("close?code=1012", 1012), ("close?code=4001&after=1", 4001),
        ("subprotocol_foreign", "InvalidHandshake"),
        ("extension_foreign", "NegotiationError"), ("oversize", 1009),
        ("oversize_fragments", 1009), ("bomb", 1009), ("bad_deflate", 1002),
    ]

    def test_outcomes(self):
        for mode, expected in self.OUTCOMES:
            with self.subTest(mode):
                server = self.keep(HostileServer(mode))
                expected = expected if isinstance(expected, tuple) else (expected,)
                self.assertIn(asyncio.run(outcome(server.url())), expected)
                self.assertFalse([r.mode_error for r in server.records if r.mode_error])

    def test_bad_frames_are_bad(self):
        for name in BAD_FRAMES:
            if name in ("bad_utf8_streamed", "length_not_minimal", "length_top_bit"):
                continue  # python3-websockets waits for, or allows, these
            with self.subTest(name):
                server = self.keep(HostileServer("bad_frame?name=" + name))
                self.assertIn(asyncio.run(outcome(server.url())), (1002, 1007))

    def test_modes_by_path(self):
        server = self.keep(HostileServer())
        self.assertEqual(asyncio.run(talk(server.url("/echo"), ["x"])), ["x"])
        self.assertEqual(asyncio.run(talk(server.url("/dribble_101"), ["x"])), ["x"])
        self.assertEqual(asyncio.run(talk(server.url("/push?n=2&k=v"), ["x", "y"])), ["1", "2"])
        self.assertEqual(asyncio.run(talk(server.url("/ping_flood?n=500"), ["x"])), ["done"])
        server.wait_all_ended()
        self.assertEqual([r.violations for r in server.records], [[]] * 4)
        self.assertEqual(server.records[0].texts, ["x"])
        self.assertEqual(server.records[3].close_code, 1000)

    def test_seq_replays(self):
        async def read_all(url):
            got = []
            try:
                async with websockets.connect(url) as socket:
                    while not got or got[-1] != "10":
                        got.append(await asyncio.wait_for(socket.recv(), DEADLINE_S))
            except websockets.ConnectionClosed:
                pass
            return got
        server = self.keep(HostileServer())
        url = server.url("/seq?total=10&cut=4")
        self.assertEqual(asyncio.run(read_all(url)), ["1", "2", "3", "4"])
        self.assertEqual(asyncio.run(read_all(url + "&after=8")), ["9", "10"])


class Tls(LimpetCase):

    def test_the_certificates_are_what_their_names_say(self):
        certs = self.keep(Certificates())
        for name, says in [("good", ""), ("wrong_host", "IP address mismatch"),
                           ("expired", "certificate has expired"),
                           ("not_yet", "certificate is not yet valid"),
                           ("self_signed", "self-signed certificate"),
                           ("unknown_ca", "unable to get local issuer certificate")]:
            with self.subTest(name):
                done = subprocess.run(
                    ["openssl", "verify", "-CAfile", certs.pem("ca"), "-verify_ip", "127.0.0.1",
                     certs.pem(name)], capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode == 0, not says)
                self.assertIn(says, done.stderr)

    def test_the_old_server_speaks_tls_1_1_only(self):
        certs = self.keep(Certificates())
        server = self.keep(OldTlsServer(*certs.pair("good")))
        for version, works in (("-tls1_1", True), ("-tls1_2", False), ("-tls1_3", False)):
            done = subprocess.run(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", version, "-cipher",
                 "ALL:@SECLEVEL=0"], input=b"", capture_output=True, check=False)
            self.assertEqual(done.returncode == 0, works, done.stderr)


if __name__ == "__main__":
    main()
