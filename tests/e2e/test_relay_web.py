#!/usr/bin/python3
"""`limpet serve --web DIR`: files for browsers beside the API, and nothing but these files."""

import paths  # noqa: F401

import os
import socket
import urllib.parse

from e2e_limpet import DEADLINE_S, main
from e2e_serve import RelayCase

FILE_MAX = 8 * 1024 * 1024
TYPES = {
    "a.html": "text/html; charset=utf-8", "a.js": "text/javascript; charset=utf-8",
    "a.mjs": "text/javascript; charset=utf-8", "a.css": "text/css; charset=utf-8",
    "a.json": "application/json", "a.js.map": "application/json", "a.svg": "image/svg+xml",
    "a.png": "image/png", "a.ico": "image/vnd.microsoft.icon", "a.wasm": "application/wasm",
    "a.txt": "text/plain; charset=utf-8", "a.woff2": "font/woff2",
    "a.exe": "application/octet-stream", "html": "application/octet-stream"}
SECRET = "not for the world"


class WebCase(RelayCase):

    def setUp(self):
        super().setUp()
        self.web = self.path("web")
        os.mkdir(self.web)
        self.put("index.html", "<!doctype html><title>t</title>")
        self.write("secret.txt", SECRET)  # beside the folder, not in it

    def put(self, name, content):
        path = os.path.join(self.web, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        return path

    def page(self, *options, **kwargs):
        return self.relay("--web", self.web, *options, store=None, **kwargs)

    def raw(self, relay, target, method="GET"):
        """Status and the whole answer to a target that no decent client would send."""
        host, port = urllib.parse.urlsplit(relay.url).netloc.split(":")
        with socket.create_connection((host, int(port)), DEADLINE_S) as peer:
            peer.sendall(method.encode() + b" " + target + b" HTTP/1.1\r\nHost: " + host.encode()
                         + b"\r\nConnection: close\r\n\r\n")
            answer = b""
            while chunk := peer.recv(65536):
                answer += chunk
        return int(answer.split()[1]), answer


class Files(WebCase):

    def test_the_index_and_its_policy(self):
        relay = self.page()
        for path in ("/", "/index.html", "/?x=1"):
            with self.subTest(path):
                page = relay.curl(path)
                self.assertEqual(page.status, 200)
                self.assertEqual(page.body, b"<!doctype html><title>t</title>")
                self.assertEqual(page.headers["content-type"], TYPES["a.html"])
                self.assertEqual(page.headers["x-content-type-options"], "nosniff")
                policy = page.headers["content-security-policy"]
                self.assertIn("default-src 'self'", policy)
                self.assertIn("connect-src 'self' ws: wss:", policy)
                self.assertNotIn("unsafe-inline", policy)
                self.assertNotIn("'unsafe-eval'", policy)

    def test_types(self):
        relay = self.page()
        for name, content_type in TYPES.items():
            with self.subTest(name):
                self.put(name, "x" + name)
                answer = relay.curl("/" + name)
                self.assertEqual((answer.status, answer.body.decode()), (200, "x" + name))
                self.assertEqual(answer.headers["content-type"], content_type)
                self.assertEqual(answer.headers["content-length"], str(len(name) + 1))
                self.assertEqual(answer.headers["x-content-type-options"], "nosniff")

    def test_what_did_not_change_is_not_sent_again(self):
        relay = self.page()
        path = self.put("sub/app.js", "let a")
        first = relay.curl("/sub/app.js")
        tag = first.headers["etag"]
        for known in (tag, tag[2:], f'"other", {tag}', "*"):
            with self.subTest(known):
                again = relay.curl("/sub/app.js", "--header", "If-None-Match: " + known)
                self.assertEqual((again.status, again.body), (304, b""))
                self.assertEqual(again.headers["etag"], tag)
                self.assertNotIn("content-length", again.headers)
        other = relay.curl("/sub/app.js", "--header", 'If-None-Match: "other"')
        self.assertEqual((other.status, other.body), (200, b"let a"))
        self.put("sub/app.js", "let b")
        os.utime(path, ns=(0, 1))
        changed = relay.curl("/sub/app.js", "--header", "If-None-Match: " + tag)
        self.assertEqual((changed.status, changed.body), (200, b"let b"))

    def test_head_and_what_comes_behind_it(self):
        relay = self.page()
        self.put("a.txt", "12345")
        answer = relay.curl("/a.txt", "--head")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.headers["content-length"], "5")
        known = relay.curl("/a.txt", "--head", "--header",
                           "If-None-Match: " + answer.headers["etag"])
        self.assertEqual(known.status, 304)

    def test_a_connection_goes_on_behind_a_304(self):
        relay = self.page()
        tag = relay.curl("/").headers["etag"]
        host, port = urllib.parse.urlsplit(relay.url).netloc.split(":")
        with socket.create_connection((host, int(port)), DEADLINE_S) as peer:
            head = f"GET / HTTP/1.1\r\nHost: {host}\r\n"
            peer.sendall(f"{head}If-None-Match: {tag}\r\n\r\n{head}Connection: close\r\n\r\n"
                         .encode())
            answer = b""
            while chunk := peer.recv(65536):
                answer += chunk
        heads = [line for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1")]
        self.assertEqual(heads, [b"HTTP/1.1 304 Not Modified", b"HTTP/1.1 200 OK"])
        self.assertTrue(answer.endswith(b"<title>t</title>"))

    def test_an_empty_file_and_the_biggest(self):
        relay = self.page()
        self.put("empty.txt", "")
        answer = relay.curl("/empty.txt")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.put("big.txt", "x" * FILE_MAX)
        self.assertEqual(len(relay.curl("/big.txt").body), FILE_MAX)
        self.put("big.txt", "x" * (FILE_MAX + 1))
        for method in ("--get", "--head"):
            self.assertEqual(relay.curl("/big.txt", method).status, 413)
        self.assertEqual(relay.curl("/big.txt").json["code"], "too_long")

    def test_a_folder_made_anew_is_served(self):
        relay = self.page()
        os.rename(self.web, self.path("old"))
        self.assertEqual(relay.curl("/").status, 404)
        os.mkdir(self.web)
        self.put("index.html", "new")
        self.assertEqual(relay.curl("/").body, b"new")


class Borders(WebCase):

    def test_no_way_out(self):
        relay = self.page()
        self.put("sub/page.html", "inside")
        os.symlink(self.path("secret.txt"), os.path.join(self.web, "link.txt"))
        os.symlink(self.folder, os.path.join(self.web, "up"))
        os.symlink("index.html", os.path.join(self.web, "own.html"))
        self.put(".git/config", SECRET)
        os.mkfifo(os.path.join(self.web, "fifo"))
        for target in (b"/../secret.txt", b"/sub/../../secret.txt", b"/%2e%2e/secret.txt",
                       b"/%2E./secret.txt", b"/..%2fsecret.txt", b"/..\\secret.txt",
                       b"/%5c../secret.txt", b"/sub/..%5c..%5csecret.txt", b"//secret.txt",
                       b"//" + self.path("secret.txt").encode(), b"/%00", b"/index.html%00.txt",
                       b"/link.txt", b"/up/secret.txt", b"/own.html", b"/.git/config", b"/./",
                       b"/sub", b"/sub/", b"/fifo", b"/index.html/", b"/index.html/x", b"/sub//",
                       b"/no-such", b"/" + b"a/" * 40, b"/" + b"a" * 300, b"/a%zz",
                       b"/ind%65x.html", b"/\xff"):
            with self.subTest(target):
                status, answer = self.raw(relay, target)
                self.assertIn(status, (400, 404))
                self.assertNotIn(SECRET.encode(), answer)
                self.assertIn(b'{"type":"error","code":', answer)
        self.assertEqual(self.raw(relay, b"/sub/page.html")[0], 200)

    def test_methods(self):
        relay = self.page()
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            answer = relay.curl("/index.html", "--request", method)
            self.assertEqual(answer.status, 405)
            self.assertEqual(answer.headers["allow"], "GET, HEAD")
            self.assertEqual(answer.json["code"], "method_not_allowed")

    def test_the_api_goes_first(self):
        relay = self.page()
        for name in ("healthz", "metrics", "ws", "conversations/tea/messages"):
            self.put(name, SECRET)
            self.assertNotIn(SECRET.encode(), relay.curl("/" + name).body)
        self.join(relay, "tea", "ann").say("m1", "hi")

    def test_pages_are_public_and_messages_are_not(self):
        tokens = self.write("tokens", "s3cr3t ann tea\n")
        relay = self.page("--token-file", tokens)
        self.assertEqual(relay.curl("/").status, 200)
        self.assertEqual(relay.curl("/conversations/tea/messages").status, 401)

    def test_foreign_pages_may_not_read(self):
        relay = self.page()
        self.assertEqual(relay.curl("/", "--header", "Origin: https://example.com").status, 403)

    def test_without_the_option_there_is_nothing(self):
        relay = self.relay(store=None)
        self.assertEqual(relay.curl("/").status, 404)

    def test_folders_that_cannot_be_served(self):
        empty = self.path("empty")
        os.mkdir(empty)
        for folder in (empty, self.path("none"), self.path("secret.txt"), ""):
            with self.subTest(folder):
                run = self.limpet("serve", "--listen", "127.0.0.1:0", "--web", folder, stdin=b"")
                self.assert_exit(run, 1)
                self.assertIn("--web", run.text)


class Levers(WebCase):
    """What `limpet demo --keep` lets its page break."""

    def test_there_are_none_by_default(self):
        relay = self.page()
        for path in ("/demo/cut?conversation_id=tea&user_id=ann", "/demo/kill"):
            self.assertEqual(relay.curl(path, "--request", "POST").status, 405)
            self.assertEqual(relay.curl(path).status, 404)
        self.assertEqual(relay.curl("/healthz").json, {"status": "ok"})

    def test_cut_drops_that_user_alone(self):
        relay = self.page(env={"LIMPET_DEMO_LEVERS": "1"})
        ann, bob = self.join(relay, "tea", "ann"), self.join(relay, "tea", "bob")
        other = self.join(relay, "coffee", "ann")
        cut = "/demo/cut?conversation_id=tea&user_id=ann"
        self.assertEqual(relay.curl("/healthz").json, {"status": "ok", "levers": True})
        self.assertEqual(relay.curl(cut).status, 405)
        self.assertEqual(relay.curl("/demo/cut", "--request", "POST").status, 400)
        self.assertEqual(relay.curl(cut, "--request", "POST").status, 204)
        self.assertEqual(ann.closed_with(), 1006)
        for one in (bob, other):
            one.send({"type": "ping"})
            self.assertEqual(one.receive(), {"type": "pong"})

    def test_kill_is_no_farewell(self):
        relay = self.page(env={"LIMPET_DEMO_LEVERS": "1"})
        self.assertEqual(self.raw_kill(relay, b"https://example.com"), b"HTTP/1.1 403 Forbidden")
        self.assertEqual(self.raw_kill(relay, relay.url.encode()), b"")
        self.assert_exit(relay, -9)

    def raw_kill(self, relay, origin):
        host, port = relay.host.split(":")
        with socket.create_connection((host, int(port)), DEADLINE_S) as peer:
            peer.sendall(b"POST /demo/kill HTTP/1.1\r\nHost: " + relay.host.encode()
                         + b"\r\nOrigin: " + origin + b"\r\nContent-Length: 0\r\n\r\n")
            try:
                return peer.recv(65536).split(b"\r\n")[0]
            except ConnectionResetError:
                return b""

    def test_only_this_machine_may_have_them(self):
        run = self.limpet("serve", "--listen", "0.0.0.0:0", stdin=b"",
                          env={"LIMPET_DEMO_LEVERS": "1"})
        self.assert_exit(run, 1)
        self.assertIn("LIMPET_DEMO_LEVERS", run.text)


if __name__ == "__main__":
    main()
