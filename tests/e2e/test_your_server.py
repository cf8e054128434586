#!/usr/bin/python3
"""The servers and proxies of docs/your-server.md, as they stand in examples/server: through cuts
nothing is lost and nothing stored twice, and each says what the guide says that it says. What the
guide quotes of them is what the files hold.

nginx is tried only with LIMPET_NGINX=/usr/sbin/nginx: its Debian package serves port 80 once installed.
"""

import paths

import json
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile

from e2e_cutter import Cutter
from e2e_limpet import LimpetCase, main, wait_until
from e2e_peers import NODE_PATH, PYTHON
from rawws import TEXT, frame

DOCS = os.path.join(paths.HERE, "..", "..", "docs")
EXAMPLES = os.path.join(paths.HERE, "..", "..", "examples", "server")
SERVERS = ("node", "python", "c")
FOREVER = ("--max-retries", "forever", "--initial-delay", "5", "--max-delay", "20")
LINES = [f"line {i} ü" for i in range(400)]


def file_of(name):
    return os.path.join(EXAMPLES, name)


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def compile_c(folder):
    """Builds server.c by the line at its head."""
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libwebsockets", "jansson"],
                           capture_output=True, text=True, check=True).stdout.split()
    program = os.path.join(folder, "server")
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-o", program, file_of("server.c"), *flags],
                   check=True)
    return program


def upgrade(target):
    return (f"GET {target} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode()


class Server:
    """One of the servers, in a process of its own."""

    def __init__(self, command, token=None):
        environment = {**os.environ, "NODE_PATH": NODE_PATH}
        environment.pop("TOKEN", None)
        if token:
            environment["TOKEN"] = token
        self.process = subprocess.Popen([*command, "0"], stdout=subprocess.PIPE, env=environment)
        self.port = int(self.process.stdout.readline() or 0)

    def url(self, tail="/ws"):
        return f"ws://127.0.0.1:{self.port}{tail}"

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Case(LimpetCase):

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.commands = {"node": ["node", file_of("server.js")],
                        "python": [PYTHON, file_of("server.py")], "c": [compile_c(cls.folder)]}

    def server(self, name, **how):
        return self.keep(Server(self.commands[name], **how))

    def stored(self, server, after=0):
        """What the server's log holds after this number, as it replays it."""
        run = self.connect("--linger", "300", server.url(f"/ws?after={after}"), stdin=b"")
        self.assert_exit(run, 0)
        return [json.loads(line) for line in run.out.splitlines()]

    def assert_all_there(self, server):
        kept = self.stored(server)
        self.assertEqual([m["plaintext"] for m in kept], LINES)
        self.assertEqual([m["sequence_number"] for m in kept], list(range(1, len(LINES) + 1)))
        self.assertEqual(len({m["id"] for m in kept}), len(LINES))

    def say_all(self, url, *options):
        run = self.connect(*FOREVER, "--confirm", "ack", *options, url,
                           stdin="".join(line + "\n" for line in LINES).encode())
        self.assert_exit(run, 0)
        return run.events("metrics")[-1]


class Servers(Case):

    def test_through_cuts_nothing_is_lost_and_nothing_stored_twice(self):
        for seed, name in enumerate(SERVERS):
            with self.subTest(name):
                server = self.server(name)
                cutter = self.keep(Cutter(server.port, cuts=12, seed=seed, most=9000))
                metrics = self.say_all(f"ws://127.0.0.1:{cutter.port}/ws")
                self.assertGreaterEqual(cutter.count, 13)
                self.assertGreater(metrics["messages_out"], len(LINES), "none was sent again")
                self.assert_all_there(server)
                self.assertEqual([m["plaintext"] for m in self.stored(server, after=390)],
                                 LINES[390:])

    def test_what_others_say_comes_live(self):
        for name in SERVERS:
            with self.subTest(name):
                server = self.server(name)
                listener = self.connect(server.url())
                listener.wait_event("state", to="CONNECTED")
                speaker = self.connect("--confirm", "ack", server.url(), stdin=b"hello\n")
                self.assert_exit(speaker, 0)
                listener.wait_out(1)
                listener.end_input()
                self.assert_exit(listener, 0)
                self.assertEqual(json.loads(listener.out)["plaintext"], "hello")

    def test_each_heartbeat_is_answered(self):
        for name in SERVERS:
            server = self.server(name)
            for dialect in ("websocket", "ping", "timestamp"):
                with self.subTest(name, dialect=dialect):
                    run = self.connect("--heartbeat", dialect, "--max-retries", "0", server.url(),
                                       stdin=b"")  # the end of input asks, and waits for the reply
                    self.assert_exit(run, 0)
                    self.assertEqual(run.events("error"), [])

    def test_what_is_wrong_is_told_and_costs_nothing_else(self):
        said = ['not JSON', "[" * 60000, '{"type":"dance"}', '[]',
                '{"type":"message","id":"","plaintext":"x"}',
                '{"type":"message","id":"1"}', '{"type":"message","id":"1","plaintext":"x"}']
        codes = [*["bad_json"] * 2, *["unknown_type"] * 2, *["bad_message"] * 2, None]
        for name in SERVERS:
            with self.subTest(name):
                server = self.server(name)
                run = self.connect(server.url(), stdin="\n".join(said).encode())
                self.assert_exit(run, 0)
                got = [json.loads(line) for line in run.out.splitlines()]
                self.assertEqual([m.get("code") for m in got if m["type"] != "message"], codes)

    def test_a_number_of_an_earlier_log_is_told(self):
        for name in SERVERS:
            with self.subTest(name):
                told, = self.stored(self.server(name), after=7)
                self.assertEqual((told["code"], told["sequence_number"]),
                                 ("unknown_sequence_number", 0))

    def test_a_number_that_is_none_counts_as_the_beginning(self):
        for name in SERVERS:
            with self.subTest(name):
                server = self.server(name)
                self.assert_exit(self.connect("--confirm", "ack", server.url(), stdin=b"a\nb\n"), 0)
                for after in ("x", "0.5"):
                    self.assertEqual([m["plaintext"] for m in self.stored(server, after)], ["a", "b"])

    def test_who_hangs_up_while_being_refused_harms_nobody(self):
        for name in SERVERS:
            with self.subTest(name):
                server = self.server(name)
                for _ in range(300):
                    with socket.create_connection(("127.0.0.1", server.port)) as peer:
                        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        peer.sendall(upgrade("/other"))
                self.assertEqual(self.stored(server), [])

    def test_who_stays_after_being_refused_costs_no_descriptor(self):
        for name in SERVERS:
            with self.subTest(name):
                server = self.server(name)
                folder = f"/proc/{server.process.pid}/fd"
                before = len(os.listdir(folder))
                for _ in range(20):
                    peer = self.keep(socket.create_connection(("127.0.0.1", server.port)))
                    peer.sendall(upgrade("/other"))
                    while peer.recv(4096):
                        pass
                wait_until("all let go", lambda: len(os.listdir(folder)) <= before + 1)

    def test_who_does_not_read_is_not_read(self):
        """What it could make the server keep is bounded."""
        bound = 64 << 20
        payload = b'{"type":"heartbeat","timestamp":"' + b"x" * 60000 + b'"}'
        message = frame(TEXT, payload, mask=b"mask")
        for name in SERVERS:
            with self.subTest(name):
                server = self.server(name)
                with socket.create_connection(("127.0.0.1", server.port), timeout=2) as peer:
                    peer.sendall(upgrade("/ws"))
                    sent = 0
                    with self.assertRaises(TimeoutError):
                        while sent < bound:
                            sent += peer.send(message[sent % len(message):])
                self.assertEqual(self.stored(server), [])

    def test_refusals_come_before_the_upgrade(self):
        with tempfile.NamedTemporaryFile("w", suffix=".token") as token:
            token.write("secret\n")
            token.flush()
            for name in SERVERS:
                with self.subTest(name):
                    server = self.server(name, token="secret")
                    for tail, options, status in (("/ws", (), 401), ("/other", (), 404)):
                        run = self.connect(*options, server.url(tail), stdin=b"")
                        self.assert_exit(run, 3)
                        self.assertIn(str(status), run.events("error")[0]["detail"])
                    run = self.connect("--token-file", token.name, server.url(), stdin=b"")
                    self.assert_exit(run, 0)

    def test_a_deploy_asks_to_come_back(self):
        for name in SERVERS:
            with self.subTest(name):
                server = self.server(name)
                run = self.connect(server.url())
                run.wait_event("state", to="CONNECTED")
                server.process.send_signal(signal.SIGTERM)
                error = run.wait_event("error", kind="closed_by_peer")
                self.assertIn("1012", error["detail"])
                self.assertTrue(error["retryable"])
                self.interrupt(run)
                self.assertEqual(server.process.wait(30), 0)

    def test_binary_is_refused(self):
        for name in SERVERS:
            with self.subTest(name):
                # No ping behind the message: libwebsockets 4.1 keeps its payload where it keeps the
                # reason of the close that it is about to send. So the refusal also comes while
                # nothing but the linger time keeps the run.
                run = self.connect("--binary", "--heartbeat", "off", self.server(name).url(),
                                   stdin=b"\0\0\0\1x")
                self.assert_exit(run, 3)
                self.assertIn("1003", run.events("error")[0]["detail"])


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Proxy:
    """A proxy with the guide's configuration, but for its ports and its idle time."""

    COMMANDS = {
        "haproxy.cfg": lambda path, folder: ["haproxy", "-db", "-f", path],
        "nginx.conf": lambda path, folder: [
            os.environ["LIMPET_NGINX"], "-p", folder, "-c", path, "-g",
            f"daemon off; master_process off; pid {folder}/pid; error_log stderr;"],
    }

    def __init__(self, name, server_port, folder, idle="75s"):
        self.port = free_port()
        text = text_of(file_of(name)).replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")
        text = text.replace("127.0.0.1:8085", f"127.0.0.1:{server_port}").replace("75s", idle)
        path = os.path.join(folder, f"{self.port}-{name}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.process = subprocess.Popen(self.COMMANDS[name](path, folder),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(name + " listens", lambda: is_listening(self.port))
        self.url = f"ws://127.0.0.1:{self.port}/ws"

    def close(self):
        self.process.kill()
        self.process.wait()


class Proxies(Case):

    NAMES = ["haproxy.cfg"] + (["nginx.conf"] if os.environ.get("LIMPET_NGINX") else [])

    def test_through_a_proxy_and_cuts_behind_it(self):
        for name in self.NAMES:
            with self.subTest(name):
                server = self.server("python")
                cutter = self.keep(Cutter(server.port, cuts=5, seed=1, most=9000))
                proxy = self.keep(Proxy(name, cutter.port, self.folder))
                self.say_all(proxy.url)
                self.assertGreaterEqual(cutter.count, 6)
                self.assert_all_there(server)

    def test_a_heartbeat_keeps_an_idle_link_alive_and_nothing_else_does(self):
        for name in self.NAMES:
            with self.subTest(name):
                proxy = self.keep(Proxy(name, self.server("python").port, self.folder, idle="5s"))
                alive = self.connect("--heartbeat-interval", "1000", "--heartbeat-timeout", "1000",
                                     "--max-retries", "0", proxy.url)
                alive.wait_event("state", to="CONNECTED")
                silent = self.connect("--heartbeat", "off", "--max-retries", "0", proxy.url)
                silent.wait_event("state", to="CONNECTED")
                error = silent.wait_event("error")
                self.assertIn(error["kind"], ("connection_lost", "closed_by_peer"))
                self.assertEqual(alive.events("error"), [])
                self.interrupt(alive)


class Guide(LimpetCase):
    """A fence behind a comment with a file's name quotes that file: whole lines, as they stand."""

    QUOTE = re.compile(r"<!-- quotes (\S+) -->\n```\w*\n(.*?)```", re.DOTALL)

    def test_quotes_are_what_the_files_hold(self):
        quotes = self.QUOTE.findall(text_of(os.path.join(DOCS, "your-server.md")))
        self.assertEqual({os.path.basename(name) for name, _ in quotes},
                         set(os.listdir(EXAMPLES)), "each file is quoted")
        for name, quoted in quotes:
            with self.subTest(name):
                whole = "\n" + text_of(os.path.join(DOCS, name))
                self.assertIn("\n" + quoted, whole)


if __name__ == "__main__":
    main()
