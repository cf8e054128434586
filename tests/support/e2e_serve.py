"""`limpet serve` under test: runs it, and talks to it by curl and by python3-websockets."""

import asyncio
import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile

import websockets

from e2e_limpet import DEADLINE_S, Limpet, LimpetCase

CURL = ["curl", "--silent", "--show-error", "--max-time", str(DEADLINE_S), "--noproxy", "*"]


class Answer:
    """What curl brought: status, headers (lower case), body."""

    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head, _, self.body = self.body.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1]) if lines[0] else 0
        self.headers = dict((name.lower(), value.strip()) for name, _, value in
                            (line.partition(":") for line in lines[1:]))

    @property
    def json(self):
        return json.loads(self.body)


class Ws:
    """A WebSocket client that does nothing, not even answer pings, between two calls."""

    def __init__(self, url, **options):
        self.loop = asyncio.new_event_loop()
        options = {"ping_interval": None, "compression": None, "max_size": None, **options}

        async def connect():
            return await websockets.connect(url, **options)
        try:
            self.socket = self.loop.run_until_complete(connect())
        except BaseException:
            self.loop.close()
            raise

    def _run(self, what):
        return self.loop.run_until_complete(asyncio.wait_for(what, DEADLINE_S))

    def send(self, message):
        text = json.dumps(message) if isinstance(message, (dict, list)) else message
        self._run(self.socket.send(text))

    def say(self, id_, plaintext):
        self.send({"type": "message", "id": id_, "plaintext": plaintext})

    def receive(self, type_=None):
        """The next message; with a type the next one of that, whatever comes before."""
        while True:
            found = json.loads(self._run(self.socket.recv()))
            if type_ is None or found["type"] == type_:
                return found

    def receive_all(self, count, type_="message"):
        return [self.receive(type_) for _ in range(count)]

    def closed_with(self):
        """Reads on until the connection ends; the close code, 1006 without a close frame."""
        async def read_on():
            async for _ in self.socket:
                pass
        try:
            self._run(read_on())
        except websockets.ConnectionClosed:
            pass
        return self.socket.close_code

    def close(self):
        if not self.loop.is_closed():
            self._run(self.socket.close())
            self.loop.close()


class Relay(Limpet):
    """A running relay."""

    def __init__(self, *options, listen="127.0.0.1:0", **kwargs):
        super().__init__("serve", "--listen", listen, *options, **kwargs)
        self.wait_for("the address", lambda: b"\n" in self.out)
        self.url = self.out.split(b"\n")[0].decode()
        self.host = self.url.partition("://")[2]

    def ws_url(self, path="/ws", **query):
        scheme = "wss" if self.url.startswith("https") else "ws"
        joined = "&".join(f"{name}={value}" for name, value in query.items())
        return f"{scheme}://{self.host}{path}{'?' if joined else ''}{joined}"

    def curl(self, path, *options):
        done = subprocess.run([*CURL, "--include", *options, self.url + path], capture_output=True,
                              check=False)
        if done.returncode != 0:
            raise AssertionError(f"curl {options} {path}: {done.stderr.decode()}\n{self.story()}")
        return Answer(done.stdout)

    def post(self, conversation, sender, plaintext, *options, **members):
        body = json.dumps({"sender_id": sender, "plaintext": plaintext, **members})
        return self.curl(f"/conversations/{conversation}/messages", "--data-binary", body, *options)

    def history(self, conversation, after=0, limit=1000):
        found = []
        while True:
            page = self.curl(f"/conversations/{conversation}/messages?after={after}&limit={limit}")
            found += page.json["messages"]
            if not page.json["has_more"]:
                return found
            after = found[-1]["sequence_number"]

    def metric(self, name):
        text = self.curl("/metrics").body.decode()
        found = re.search(rf"^limpet_relay_{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found.group(1))


class RelayCase(LimpetCase):
    """Base of the relay's tests: a folder of its own for each."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="limpet-relay-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def relay(self, *options, store="store.db", **kwargs):
        """Starts a relay; `store` None: in memory."""
        kept = ("--store", self.path(store)) if store else ()
        run = Relay(*kept, *options, **kwargs)
        self.addCleanup(run.end)
        return run

    def ws(self, relay, path="/ws", headers=None, ssl_context=None, **query):
        return self.keep(Ws(relay.ws_url(path, **query), extra_headers=headers, ssl=ssl_context))

    def join(self, relay, conversation, user, **query):
        return self.ws(relay, conversation_id=conversation, user_id=user, **query)

    def refused(self, relay, path="/ws", headers=None, **query):
        """The status with which an upgrade is refused."""
        with self.assertRaises(websockets.InvalidStatusCode) as caught:
            Ws(relay.ws_url(path, **query), extra_headers=headers)
        return caught.exception.status_code

    def stop(self, relay):
        """SIGTERM, and what the contract says of it."""
        relay.signal(15)
        self.assert_exit(relay, 0)


def client_context(ca_file):
    return ssl.create_default_context(cafile=ca_file)
