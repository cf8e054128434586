#!/usr/bin/python3
"""Through real proxies, tinyproxy (CONNECT) and microsocks (SOCKS5): plain and TLS, with and without
user and password; each refusal as its own error; --proxy and the environment."""

import paths  # noqa: F401

import select
import socket
import ssl

from certs import Certificates
from e2e_limpet import LimpetCase, main
from e2e_proxies import PASSWORD, USER, Microsocks, Tinyproxy, free_port
from hostile import HostileServer
from rawws import RawServer

ONCE = ("--max-retries", "0")
LOGIN = f"{USER}:{PASSWORD}@"
# What a proxy takes that name for which tries one address alone, as microsocks does.
LOCALHOST = socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)[0][4][0]


def never_answers(peer):
    peer.server.stopping.wait()


def relay_bytes(sock, port):
    """Between a client and a server of this machine, until one of them ends."""
    with socket.create_connection(("127.0.0.1", port)) as other:
        ways = {sock: other, other: sock}
        while True:
            for source in select.select(list(ways), [], [])[0]:
                piece = source.recv(65536)
                if not piece:
                    return
                ways[source].sendall(piece)


class ProxyCase(LimpetCase):

    @classmethod
    def setUpClass(cls):
        cls.certs = Certificates()
        cls.addClassCleanup(cls.certs.close)
        cls.trust = ("--cacert", cls.certs.pem("ca"))
        cls._proxies = {}

    def proxy(self, kind, *how):
        """The proxy made from these arguments; one serves all tests of a class."""
        if (kind, how) not in self._proxies:
            self._proxies[kind, how] = kind(*how)
            type(self).addClassCleanup(self._proxies[kind, how].close)
        return self._proxies[kind, how]

    def open_proxies(self):
        """Without a password, with a password, and the address for each."""
        return [(proxy, proxy.url(login)) for proxy, login in (
            (self.proxy(Tinyproxy), ""),
            (self.proxy(Tinyproxy, f"BasicAuth {USER} {PASSWORD}"), LOGIN),
            (self.proxy(Microsocks), ""),
            (self.proxy(Microsocks, "-u", USER, "-P", PASSWORD), LOGIN))]

    def server(self, tls=None, script=("echo",), host="127.0.0.1"):
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certs.pair(tls))
        return self.keep(HostileServer(*script, tls=context, host=host))

    def assert_echo(self, run):
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"a\n")

    def assert_proxy_error(self, run, *words, kind="proxy"):
        """It ended by this error; returns it."""
        self.assert_exit(run, 2)
        error = run.wait_event("error", kind=kind)
        for word in words:
            self.assertIn(word, error["detail"])
        self.assertIs(error["retryable"], True)
        self.assertEqual(error["message"], "Connection error")
        self.assertNotIn(PASSWORD, run.text)
        self.assertNotIn(USER + ":", run.text)
        return error


class Through(ProxyCase):

    def test_plain_and_tls_with_and_without_a_password(self):
        for proxy, address in self.open_proxies():
            for tls in (None, "good"):
                with self.subTest(address, tls=tls):
                    server = self.server(tls)
                    run = self.connect(*ONCE, *self.trust, "--proxy", address, server.url(),
                                       stdin=b"a\n")
                    self.assert_echo(run)
                    proxy.wait_said(str(server.port))
                    self.assertNotIn(PASSWORD, run.text)

    def test_who_looks_up_the_name(self):
        proxy = self.proxy(Microsocks)
        for scheme, asked_for, host in (("socks5h", "localhost", LOCALHOST),
                                        ("socks5", "127.0.0.1", "127.0.0.1")):
            with self.subTest(scheme):
                server = self.server(host=host)
                run = self.connect(*ONCE, "--proxy", proxy.url(scheme=scheme),
                                   server.url(host="localhost"), stdin=b"a\n")
                self.assert_echo(run)
                proxy.wait_said(f"connected to {asked_for}:{server.port}")

    def test_the_server_sees_the_target_and_no_proxy_header(self):
        proxy = self.proxy(Tinyproxy, f"BasicAuth {USER} {PASSWORD}")
        server = self.server()
        run = self.connect(*ONCE, "--proxy", proxy.url(LOGIN), server.url(host="localhost"),
                           stdin=b"a\n")
        self.assert_echo(run)
        record = server.records[0]
        self.assertEqual(record.header("Host"), f"localhost:{server.port}")
        self.assertIsNone(record.header("Proxy-Authorization"))
        self.assertIsNone(record.header("Authorization"))

    def test_a_check_says_what_is_the_proxys(self):
        proxy = self.proxy(Tinyproxy)
        run = self.connect("--check", "--proxy", proxy.url(), self.server().url(host="localhost"))
        self.assert_exit(run, 0)
        name = f"127.0.0.1:{proxy.port}"
        rows = run.out.decode().splitlines()
        self.assertRegex(rows[1], rf"ok +DNS +127\.0\.0\.1, of the proxy {name}")
        self.assertRegex(rows[2], rf"ok +TCP +{name}, of the proxy {name}")
        self.assertRegex(rows[3], rf"ok +Proxy +{name}")

    def test_many_messages_both_ways(self):
        lines = b"".join(b"%d:" % i + b"x" * (i % 3000) + b"\n" for i in range(1500))
        for kind in (Tinyproxy, Microsocks):
            with self.subTest(kind.__name__):
                server = self.server("good")
                run = self.connect(*ONCE, *self.trust, "--proxy", self.proxy(kind).url(),
                                   server.url(), stdin=lines)
                self.assert_exit(run, 0)
                self.assertEqual(run.out, lines)

    def test_the_certificate_must_name_the_target(self):
        for kind in (Tinyproxy, Microsocks):
            for cert, host, word in (("wrong_host", "localhost", "mismatch"),
                                     ("name_only", "127.0.0.1", "mismatch"),
                                     ("self_signed", "localhost", "self")):
                with self.subTest(kind.__name__, cert=cert):
                    server = self.server(cert, host=LOCALHOST if host == "localhost" else host)
                    run = self.connect(*self.trust, "--proxy", self.proxy(kind).url(),
                                       server.url(host=host), stdin=b"a\n")
                    self.assert_exit(run, 3)
                    self.assertIn(word, run.wait_event("error", kind="tls_verify")["detail"])
                    self.assertEqual(server.records[0].messages, [])

    def test_it_reconnects_through_the_proxy(self):
        for kind in (Tinyproxy, Microsocks):
            with self.subTest(kind.__name__):
                server = self.server(script=("reset_after?n=1", "echo"))
                run = self.connect("--initial-delay", "1", "--proxy", self.proxy(kind).url(),
                                   server.url())
                run.feed(b"a\n")
                run.wait_event("state", 2, to="CONNECTED")
                run.feed(b"b\n")
                run.wait_for("b", lambda: b"b\n" in run.out)
                run.end_input()
                self.assert_exit(run, 0)

    def test_a_unix_socket_has_no_proxy(self):
        path = self.certs.pem("unix.sock")
        self.keep(HostileServer("echo", unix_path=path))
        self.assert_echo(self.connect(*ONCE, "--proxy", f"http://127.0.0.1:{free_port()}",
                                      f"ws+unix://{path}:/", stdin=b"a\n"))

    def test_chat_takes_the_option_too(self):
        address = f"127.0.0.1:{free_port()}"
        run = self.limpet("chat", "--events", "json", *ONCE, "--proxy", f"http://{address}",
                          "--user", "ann", "--conversation", "c", "ws://127.0.0.1:9/ws", stdin=b"")
        run.wait()
        self.assertIn(f"proxy {address}: connect to {address}: Connection refused", run.text)


class Refused(ProxyCase):

    def refused(self, proxy, address, url, *words, **how):
        run = self.connect(*ONCE, "--proxy", address, url, stdin=b"a\n")
        return self.assert_proxy_error(run, f"proxy {proxy.address}: ", *words, **how)

    def test_http_without_and_with_the_wrong_password(self):
        proxy = self.proxy(Tinyproxy, f"BasicAuth {USER} {PASSWORD}")
        server = self.server()
        error = self.refused(proxy, proxy.url(), server.url(), "HTTP 407",
                             "it wants a user name and password")
        self.assertEqual(error.get("http_status", 407), 407)
        for login in (f"{USER}:wrong@", f"nobody:{PASSWORD}@", f"{USER}@"):
            with self.subTest(login):
                self.refused(proxy, proxy.url(login), server.url(), "HTTP 40")
        self.assertEqual(server.records, [])

    def test_http_port_not_allowed(self):
        proxy = self.proxy(Tinyproxy, "ConnectPort 1")
        server = self.server()
        self.refused(proxy, proxy.url(), server.url(), "HTTP 403",
                     f"asked for 127.0.0.1:{server.port}")
        self.assertEqual(server.records, [])

    def test_http_target_refuses(self):
        proxy, port = self.proxy(Tinyproxy), free_port()
        self.refused(proxy, proxy.url(), f"ws://127.0.0.1:{port}/", "HTTP 50",
                     f"asked for 127.0.0.1:{port}")

    def test_socks5_without_and_with_the_wrong_password(self):
        proxy = self.proxy(Microsocks, "-u", USER, "-P", PASSWORD)
        server = self.server()
        self.refused(proxy, proxy.url(), server.url(), "it wants a login")
        for login in (f"{USER}:wrong@", f"nobody:{PASSWORD}@", f"{USER}@"):
            with self.subTest(login):
                self.refused(proxy, proxy.url(login), server.url(),
                             "user name and password were refused")
        self.assertEqual(server.records, [])

    def test_socks5_target_refuses(self):
        proxy, port = self.proxy(Microsocks), free_port()
        self.refused(proxy, proxy.url(), f"ws://127.0.0.1:{port}/",
                     "SOCKS5 reply 5: connection refused", f"asked for 127.0.0.1:{port}")

    def test_a_name_that_nobody_knows(self):
        """A name of RFC 6761, section 6.4: each look-up fails, wherever it is made."""
        url = "ws://nobody.invalid:80/"
        tiny, socks = self.proxy(Tinyproxy), self.proxy(Microsocks)
        self.refused(tiny, tiny.url(), url, "HTTP 50", "asked for nobody.invalid:80")
        self.refused(socks, socks.url(), url, "SOCKS5 reply", "asked for nobody.invalid:80")
        run = self.connect(*ONCE, "--proxy", socks.url(scheme="socks5"), url, stdin=b"a\n")
        self.assert_proxy_error(run, "look-up of nobody.invalid", kind="dns")

    def test_the_wrong_kind_of_proxy(self):
        socks = self.proxy(Microsocks)
        self.refused(socks, socks.url(scheme="http"), "ws://127.0.0.1:9/", "malformed HTTP")

        def talk_http(peer):
            peer.receive()
            peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        web = self.keep(RawServer(talk_http))
        run = self.connect(*ONCE, "--proxy", f"socks5h://127.0.0.1:{web.port}", "ws://127.0.0.1:9/",
                           stdin=b"a\n")
        self.assert_proxy_error(run, f"proxy 127.0.0.1:{web.port}: it does not speak SOCKS5")

    def test_the_proxy_is_down(self):
        port = free_port()
        for scheme in ("http", "socks5", "socks5h"):
            with self.subTest(scheme):
                run = self.connect(*ONCE, "--proxy", f"{scheme}://{LOGIN}127.0.0.1:{port}",
                                   "ws://127.0.0.1:9/", stdin=b"a\n")
                self.assert_proxy_error(
                    run, f"proxy 127.0.0.1:{port}: connect to 127.0.0.1:{port}: Connection refused")

    def test_the_proxy_is_not_found(self):
        run = self.connect(*ONCE, "--proxy", "http://proxy.invalid:3128", "ws://127.0.0.1:9/",
                           stdin=b"a\n")
        self.assert_proxy_error(run, "proxy proxy.invalid:3128: look-up of proxy.invalid")

    def test_the_proxy_says_nothing(self):
        for scheme, awaited in (("http", "the answer to CONNECT"),
                                ("socks5h", "the answer to the SOCKS5 greeting")):
            with self.subTest(scheme):
                mute = self.keep(RawServer(never_answers))
                run = self.connect(*ONCE, "--connect-timeout", "300", "--proxy",
                                   f"{scheme}://127.0.0.1:{mute.port}", "ws://127.0.0.1:9/",
                                   stdin=b"a\n")
                self.assert_proxy_error(
                    run, f"no end of {awaited} from the proxy 127.0.0.1:{mute.port} within 300 ms",
                    kind="connect_timeout")

    def test_the_proxy_hangs_up(self):
        for scheme, awaited in (("http", "the answer to CONNECT"),
                                ("socks5h", "the answer to the SOCKS5 greeting")):
            with self.subTest(scheme):
                rude = self.keep(RawServer(lambda peer: peer.receive()))
                run = self.connect(*ONCE, "--proxy", f"{scheme}://127.0.0.1:{rude.port}",
                                   "ws://127.0.0.1:9/", stdin=b"a\n")
                self.assert_proxy_error(run, f"proxy 127.0.0.1:{rude.port}: connection closed "
                                             f"before {awaited}")

    def test_every_refusal_is_retried(self):
        """A proxy that refuses twice, with the statuses that would end a client if a server said
        them, and then lets through."""
        answers = iter([b"407 Proxy Authentication Required", b"403 Forbidden"])
        server = self.server()

        def refuse_then_connect(peer):
            peer.read_head()
            answer = next(answers, None)
            if answer:
                peer.send(b"HTTP/1.1 " + answer + b"\r\n\r\n")
            else:
                peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
                relay_bytes(peer.sock, server.port)
        proxy = self.keep(RawServer(refuse_then_connect))
        run = self.connect("--initial-delay", "1", "--proxy", f"http://127.0.0.1:{proxy.port}",
                           server.url(), stdin=b"a\n")
        self.assert_echo(run)
        self.assertEqual(len(run.events("error", kind="proxy")), 2)
        self.assertEqual(len(run.events("retry")), 2)


class Environment(ProxyCase):

    def run_with(self, url, *options, **variables):
        return self.connect(*ONCE, *self.trust, *options, url, stdin=b"a\n", env=variables)

    def assert_proxied(self, url, *options, **variables):
        self.assert_proxy_error(self.run_with(url, *options, **variables),
                                f"proxy {self.dead}: connect to {self.dead}: Connection refused")

    def assert_direct(self, url, *options, **variables):
        self.assert_echo(self.run_with(url, *options, **variables))

    def setUp(self):
        self.dead = f"127.0.0.1:{free_port()}"  # what goes there fails, so that it shows
        self.ws = self.server().url()
        self.wss = self.server("good").url()

    def test_which_variable_counts(self):
        dead = f"http://{self.dead}"
        self.assert_proxied(self.ws, http_proxy=dead)
        self.assert_proxied(self.ws, http_proxy=self.dead)
        self.assert_proxied(self.ws, ALL_PROXY=dead)
        self.assert_proxied(self.ws, all_proxy=f"socks5h://{self.dead}")
        self.assert_proxied(self.wss, HTTPS_PROXY=dead)
        self.assert_proxied(self.wss, https_proxy=dead, HTTPS_PROXY="http://127.0.0.1:1")
        self.assert_direct(self.ws, HTTP_PROXY=dead)
        self.assert_direct(self.ws, HTTPS_PROXY=dead, https_proxy=dead)
        self.assert_direct(self.wss, http_proxy=dead)
        self.assert_direct(self.ws, http_proxy="", ALL_PROXY="")

    def test_no_proxy(self):
        dead = f"http://{self.dead}"
        for exempt in ("*", "127.0.0.1", "example.org,127.0.0.0/8"):
            self.assert_direct(self.ws, http_proxy=dead, NO_PROXY=exempt)
        self.assert_direct(self.ws, http_proxy=dead, no_proxy="127.0.0.1", NO_PROXY="other")
        self.assert_proxied(self.ws, http_proxy=dead, NO_PROXY="localhost,10.0.0.0/8")
        self.assert_direct(self.ws, "--proxy", dead, NO_PROXY="127.0.0.1")

    def test_the_option_wins(self):
        dead, live = f"http://{self.dead}", self.proxy(Tinyproxy)
        self.assert_direct(self.ws, "--proxy", "", http_proxy=dead)
        self.assert_direct(self.wss, "--proxy=", ALL_PROXY=dead)
        self.assert_direct(self.ws, "--proxy", live.url(), http_proxy=dead)
        self.assert_proxied(self.ws, "--proxy", dead, http_proxy=live.url())

    def test_through_a_real_one(self):
        proxy = self.proxy(Microsocks, "-u", USER, "-P", PASSWORD)
        self.assert_direct(self.wss, ALL_PROXY=proxy.url(LOGIN))
        proxy.wait_said(self.wss.rsplit(":", 1)[1].strip("/"))

    def test_an_unusable_one_is_refused_by_the_variables_name(self):
        run = self.run_with(self.ws, http_proxy="socks4://u:s3cret@127.0.0.1:1")
        self.assert_exit(run, 1)
        self.assertIn("http_proxy: scheme is not", run.text)
        self.assertNotIn("s3cret", run.text)
        self.assert_direct(self.ws, http_proxy="socks4://127.0.0.1:1", NO_PROXY="127.0.0.1")
        self.assert_direct(self.ws, https_proxy="socks4://127.0.0.1:1")


if __name__ == "__main__":
    main()
