#!/usr/bin/python3
"""TLS: what is trusted, what is refused before a byte of ours goes out, client certificates,
resumption."""

import paths  # noqa: F401

import os
import ssl

from certs import Certificates
from e2e_limpet import LimpetCase, main
from e2e_peers import OldTlsServer
from hostile import HostileServer

ONCE = ("--max-retries", "0")


class Tls(LimpetCase):

    @classmethod
    def setUpClass(cls):
        cls.certs = Certificates()
        cls.addClassCleanup(cls.certs.close)
        cls.trust = ("--cacert", cls.certs.pem("ca"))

    def server(self, name="good", *script, host="127.0.0.1", prepare=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certs.pair(name))
        if prepare:
            prepare(context)
        return self.keep(HostileServer(*script or ("echo",), tls=context, host=host))

    def assert_echo(self, run):
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"a\n")

    def test_trusted_by_address_and_by_name(self):
        for cert, host, at in [("good", "127.0.0.1", "127.0.0.1"), ("good", "::1", "[::1]"),
                               ("good", "127.0.0.1", "localhost"),
                               ("name_only", "127.0.0.1", "localhost")]:
            with self.subTest(cert, at=at):
                server = self.server(cert, host=host)
                run = self.connect(*ONCE, *self.trust, server.url(host=at), stdin=b"a\n")
                self.assert_echo(run)

    def test_the_name_is_sent_and_the_protocol_offered(self):
        seen = []

        def prepare(context):
            context.sni_callback = lambda sock, name, _: seen.append(name)
            context.set_alpn_protocols(["http/1.1"])
        server = self.server("good", prepare=prepare)
        run = self.connect(*ONCE, *self.trust, server.url(host="localhost"), stdin=b"a\n")
        self.assert_echo(run)
        self.assertEqual(seen, ["localhost"])

    def test_tls_1_2_and_1_3(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version):
                def prepare(context, version=version):
                    context.minimum_version = context.maximum_version = version
                server = self.server("good", prepare=prepare)
                self.assert_echo(self.connect(*ONCE, *self.trust, server.url(), stdin=b"a\n"))

    REFUSED = [  # certificate, host in the address, options, a word of the detail
        ("expired", "127.0.0.1", True, "expired"),
        ("not_yet", "127.0.0.1", True, "not yet valid"),
        ("wrong_host", "127.0.0.1", True, "mismatch"),
        ("wrong_host", "localhost", True, "mismatch"),
        ("name_only", "127.0.0.1", True, "mismatch"),
        ("self_signed", "127.0.0.1", True, "self"),
        ("unknown_ca", "127.0.0.1", True, "issuer"),
        ("good", "127.0.0.1", False, "issuer"),  # the system's store does not know this CA
    ]

    def test_refused_certificates(self):
        for cert, host, with_ca, word in self.REFUSED:
            with self.subTest(cert, host=host, with_ca=with_ca):
                server = self.server(cert)
                run = self.connect(*(self.trust if with_ca else ()), server.url(host=host),
                                   stdin=b"secret line\n")
                self.assert_exit(run, 3)  # at once, though retries are allowed
                error = run.events("error")[0]
                self.assertEqual((error["kind"], error["retryable"], error["message"]),
                                 ("tls_verify", False, "Certificate not trusted"))
                self.assertIn(word, error["detail"])
                self.assertEqual(run.states(), ["CLOSED", "CONNECTING", "ERROR"])
                server.wait_all_ended()
                self.assertEqual(len(server.records), 1)
                self.assertIsNone(server.records[0].target, "a request was sent")
                self.assertTrue(server.records[0].tls_error, "the handshake was completed")

    def test_insecure_accepts_any_certificate(self):
        for cert in ("expired", "wrong_host", "self_signed", "unknown_ca"):
            with self.subTest(cert):
                server = self.server(cert)
                self.assert_echo(self.connect(*ONCE, "--insecure", server.url(), stdin=b"a\n"))

    def test_the_systems_store_is_used_without_cacert(self):
        server = self.server()
        run = self.connect(*ONCE, server.url(), stdin=b"a\n",
                           env={"SSL_CERT_FILE": self.certs.pem("ca")})
        self.assert_echo(run)

    def test_a_peer_of_tls_1_1_is_refused(self):
        for options in (self.trust, ("--insecure",)):
            with self.subTest(options[0]):
                server = self.keep(OldTlsServer(*self.certs.pair("good")))
                run = self.connect(*ONCE, *options, f"wss://127.0.0.1:{server.port}/",
                                   stdin=b"secret line\n")
                self.assert_exit(run, 2)  # kind tls is not final: a server can be updated
                self.assertEqual(run.events("error")[0]["kind"], "tls")
                seen = server.finish()
                self.assertNotIn("GET /", seen)
                self.assertNotIn("secret", seen)

    def test_plain_text_on_a_tls_port_and_the_reverse(self):
        run = self.connect(*ONCE, self.server().url(scheme="ws"), stdin=b"a\n")
        self.assert_exit(run, 2)
        plain = self.keep(HostileServer("garbage"))
        run = self.connect(*ONCE, plain.url(scheme="wss"), "--connect-timeout", "2000",
                           stdin=b"a\n")
        self.assert_exit(run, 2)
        self.assertIn(run.events("error")[0]["kind"], ("tls", "connect_timeout"))

    def client_certificate_server(self):
        def prepare(context):
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.certs.pem("ca"))
        return self.server("good", prepare=prepare)

    def test_client_certificate(self):
        server = self.client_certificate_server()
        cert, key = self.certs.pair("client")
        run = self.connect(*ONCE, *self.trust, "--cert", cert, "--key", key, server.url(),
                           stdin=b"a\n")
        self.assert_echo(run)

    def test_without_the_client_certificate(self):
        server = self.client_certificate_server()
        run = self.connect(*ONCE, *self.trust, server.url(), stdin=b"a\n")
        self.assert_exit(run, 2)
        self.assertIn(run.events("error")[0]["kind"], ("tls", "connection_lost"))
        self.assertIsNone(server.records[0].target)

    def test_unusable_files(self):
        certs = self.certs
        broken = os.path.join(certs.folder, "broken.pem")
        with open(broken, "w", encoding="ascii") as out:
            out.write("not a certificate\n")
        cases = [
            ("--cacert", "/nonexistent.pem"), ("--cacert", broken),
            ("--cert", "/nonexistent.pem", "--key", certs.key("client")),
            ("--cert", certs.pem("client"), "--key", "/nonexistent.key"),
            ("--cert", certs.pem("client"), "--key", certs.key("good")),
            ("--cert", certs.pem("client")), ("--key", certs.key("client")),
        ]
        for options in cases:
            with self.subTest(options):
                run = self.limpet("connect", *options, "wss://127.0.0.1:9/", stdin=b"")
                self.assert_exit(run, 1)
                self.assertTrue(run.text.strip(), "a sentence")

    def test_reconnects_resume_the_session(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version):
                def prepare(context, version=version):
                    context.minimum_version = context.maximum_version = version
                server = self.server("good", *["reset_after?n=1"] * 5, "echo", prepare=prepare)
                run = self.connect(*self.trust, "--initial-delay", "5", "--max-delay", "5",
                                   server.url())
                for i in range(6):
                    run.wait_event("state", to="CONNECTED", count=i + 1)
                    run.feed(b"a\n")
                    run.wait_out(2 * (i + 1))
                run.end_input()
                self.assert_exit(run, 0)
                self.assertEqual([r.tls_resumed for r in server.records], [False] + [True] * 5)


if __name__ == "__main__":
    main()
