#!/usr/bin/python3
"""`limpet connect --check`: what it says of servers that work, and of each way not to."""

import paths  # noqa: F401

import ssl
import tempfile

from certs import Certificates
from e2e_limpet import LimpetCase, main
from e2e_peers import EchoPeer, closed_port
from e2e_terminal import Terminal
from hostile import HostileServer


class Check(LimpetCase):

    @classmethod
    def setUpClass(cls):
        cls.certs = Certificates()
        cls.addClassCleanup(cls.certs.close)
        cls.trust = ("--cacert", cls.certs.pem("ca"))

    def tls(self, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certs.pair(name))
        return self.keep(HostileServer("echo", tls=context))

    def check(self, status, *arguments):
        """Runs it; returns (passed steps, failed step or None) as events, and the run."""
        run = self.connect("--check", *arguments, stdin=b"never sent\n")
        self.assert_exit(run, status)
        events = run.events("check")
        passed = [e["step"] for e in events if e["ok"]]
        failed = [e for e in events if not e["ok"]]
        self.assertLessEqual(len(failed), 1)
        return passed, (failed or [None])[0], run

    def test_a_healthy_server(self):
        server = self.keep(HostileServer("echo"))
        passed, failed, run = self.check(0, server.url("/?token=s3cr3t"))
        self.assertEqual((passed, failed), (["dns", "tcp", "upgrade", "heartbeat"], None))
        self.assertEqual(run.events("check", step="upgrade")[0]["status"], 101)
        text = run.out.decode()
        for word in ("DNS", "TCP", f"127.0.0.1:{server.port}", "101", "Heartbeat", "works"):
            self.assertIn(word, text)
        self.assertNotIn("s3cr3t", text + run.text)
        self.assertEqual(server.records[0].messages, [])
        self.assertEqual(len(server.records), 1)

    def test_a_server_by_other_people(self):
        peer = self.keep(EchoPeer("websockets"))
        passed, failed, _ = self.check(0, "--compress", peer.url())
        self.assertEqual((passed, failed), (["dns", "tcp", "upgrade", "heartbeat"], None))

    def test_tls(self):
        passed, _, run = self.check(0, *self.trust, self.tls("good").url(host="localhost"))
        self.assertEqual(passed[-4:], ["tcp", "tls", "upgrade", "heartbeat"])
        step = run.events("check", step="tls")[0]
        self.assertEqual((step["version"], step["subject"], step["issuer"]),
                         ("TLSv1.3", "CN=good", "CN=ca"))
        self.assertRegex(step["expires"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertIn("certificate of CN=good", run.out.decode())

    def test_unverified_is_said(self):
        _, _, run = self.check(0, "--insecure", self.tls("expired").url())
        self.assertEqual(run.events("check", step="tls")[0]["verified"], "no")
        self.assertIn("not verified", run.out.decode())

    def failing(self):
        """(options and URL, exit status, failed step, kind, a word of the report)"""
        holder, port = closed_port()
        self.addCleanup(holder.close)
        for code, status, word in ((401, 3, "--token-file"), (404, 3, "path"), (302, 3, "Redirect"),
                                   (503, 2, "later"), (200, 2, "plain web server")):
            server = self.keep(HostileServer(f"status?code={code}"))
            yield (server.url(),), status, "upgrade", "http_status", word
        for name, host, word in (("expired", "127.0.0.1", "expired"),
                                 ("wrong_host", "localhost", "mismatch"),
                                 ("unknown_ca", "127.0.0.1", "--cacert")):
            yield ((*self.trust, self.tls(name).url(host=host)), 3, "tls", "tls_verify", word)
        silent = self.keep(HostileServer("frozen_head"))
        plain = self.keep(HostileServer("garbage"))
        mute = self.keep(HostileServer("mute"))
        close = self.keep(HostileServer("close?code=4001&reason=go away"))
        yield ("ws://no-such-host.invalid/",), 2, "dns", "dns", "spelling"
        yield (f"ws://127.0.0.1:{port}/",), 2, "tcp", "connect_refused", "listens"
        yield ("ws+unix:///nonexistent.sock:/",), 2, "tcp", "connect_refused", "Socket"
        yield (("--connect-timeout", "300", silent.url()), 2, "upgrade", "connect_timeout",
               "does not answer")
        for url in ("ws://a.invalid/", "wss://a.invalid/"):
            yield (("--connect-timeout", "300", "--proxy", f"http://127.0.0.1:{silent.port}", url), 2,
                   "proxy", "connect_timeout", "The proxy")
        yield (plain.url(),), 2, "upgrade", "handshake", "no WebSocket server"
        yield (("--heartbeat-timeout", "300", mute.url()), 2, "heartbeat", "heartbeat_timeout",
               "--heartbeat")
        yield (close.url(),), 3, "heartbeat", "closed_by_peer", "go away"

    def test_failures(self):
        for arguments, status, step, kind, word in self.failing():
            with self.subTest(step, arguments=arguments[-1], word=word):
                passed, failed, run = self.check(status, *arguments)
                self.assertEqual((failed["step"], failed["kind"]), (step, kind), run.story())
                self.assertNotIn(step, passed)
                text = run.out.decode()
                self.assertIn(word, text)
                self.assertIn(failed["advice"], text)
                self.assertIn("would try again" if status == 2 else "would not try again", text)
                self.assertEqual(run.events("retry"), [])

    def test_lines_of_on_open_are_sent(self):
        server = self.keep(HostileServer("sink"))
        with tempfile.NamedTemporaryFile() as first:
            first.write(b"login\nsubscribe\n")
            first.flush()
            passed, _, _ = self.check(0, "--on-open", first.name, server.url())
        self.assertEqual(passed, ["dns", "tcp", "upgrade", "on_open", "heartbeat"])
        self.assertEqual(server.records[0].texts, ["login", "subscribe"])

    def test_an_outbox_is_left_alone(self):
        server = self.keep(HostileServer("sink"))
        self.check(0, "--outbox", "/nonexistent/folder/box", server.url())

    def test_text_has_nothing_on_standard_error(self):
        server = self.keep(HostileServer("echo"))
        run = self.limpet("connect", "--check", server.url(), stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual(run.lines, [])
        self.assertNotIn(b"\x1b", run.out)
        self.assertIn(b"ok     TCP        127.0.0.1", run.out)

    def test_on_a_terminal(self):
        server = self.keep(HostileServer("status?code=401"))
        for env, colour in (({}, "green"), ({"NO_COLOR": "1"}, "default")):
            terminal = self.keep(Terminal("connect", "--check", server.url(), columns=100, env=env))
            self.assertEqual(terminal.wait(), 3)
            self.assertIn("✓ TCP", terminal.text)
            self.assertIn("✗ Upgrade", terminal.text)
            self.assertEqual(terminal.styles("✓ TCP")[0], colour)


if __name__ == "__main__":
    main()
