"""`limpet chaos` under test: runs it, speaks to its control server, and plays both of its peers."""

import http.client
import json
import socket
import struct
import threading

from e2e_limpet import DEADLINE_S, Limpet, LimpetCase, parse_event, wait_until


class Chaos(Limpet):
    """A running proxy in front of `to`, with a control server."""

    def __init__(self, to, *arguments, control=True, **kwargs):
        extra = ("--control", "127.0.0.1:0") if control else ()
        super().__init__("chaos", "--to", to, "--events", "json", *extra, *arguments, **kwargs)
        self.wait_for("the address", lambda: b"\n" in self.out)
        self.address = self.out.split(b"\n")[0].decode()
        self.port = 0 if self.address.startswith("unix:") else int(
            self.address.rpartition(":")[2])
        self.control = self.wait_event("started")["control"]

    def ask(self, method, path, body=None, headers=None, deadline_s=DEADLINE_S):
        """(status, the answer's JSON or text). A body that is no bytes is sent as JSON."""
        link = http.client.HTTPConnection(self.control, timeout=deadline_s)
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            link.request(method, path, body, sent)
            answer = link.getresponse()
            text = answer.read()
            if answer.getheader("Content-Type") == "application/json":
                return answer.status, json.loads(text)
            return answer.status, text.decode()
        finally:
            link.close()

    def do(self, command, connection=None):
        """Carries out a command by the control server."""
        path = f"/connections/{connection}" if connection else "/faults"
        status, answer = self.ask("POST", path, {"fault": command})
        if status != 200:
            raise AssertionError(f"{command}: {status} {answer}")
        return answer

    def connection(self, id_):
        return self.ask("GET", f"/connections/{id_}")[1]

    def wait_passing(self, id_):
        wait_until(f"connection {id_} passing", lambda: self.connection(id_)["phase"] == "passing")

    def wait_ended(self, id_):
        return self.wait_event("ended", id=id_)

    @property
    def commands(self):
        """The script lines that it printed."""
        return self.out.decode().split("\n")[1:-1]


class Peer:
    """A socket that can be read exactly and asked how its stream ended."""

    def __init__(self, sock):
        self.socket = sock
        sock.settimeout(DEADLINE_S)

    def send(self, data):
        self.socket.sendall(data)

    def receive(self, size):
        """Exactly so many bytes, or fewer if the stream ends before."""
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                break
            data += piece
        return data

    def receive_all(self):
        """(all bytes to the end, "fin" or "rst")"""
        data = b""
        try:
            while piece := self.socket.recv(65536):
                data += piece
            return data, "fin"
        except ConnectionResetError:
            return data, "rst"

    def is_silent(self, seconds=0.3):
        """Nothing comes for a while: neither bytes nor an end."""
        self.socket.settimeout(seconds)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
            return False
        except TimeoutError:
            return True
        except ConnectionResetError:
            return False
        finally:
            self.socket.settimeout(DEADLINE_S)

    def end(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()


class Target:
    """Listens and hands out the connections that come."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.listener.settimeout(DEADLINE_S)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]

    def accept(self):
        return Peer(self.listener.accept()[0])

    def close(self):
        self.listener.close()


class ChaosCase(LimpetCase):

    def setUp(self):
        self.target = self.keep(Target())

    def chaos(self, *arguments, to=None, **kwargs):
        run = Chaos(to or self.target.address, *arguments, **kwargs)
        self.addCleanup(run.end)
        return run

    def dial(self, chaos):
        return self.keep(Peer(socket.create_connection(("127.0.0.1", chaos.port), DEADLINE_S)))

    def pair(self, chaos):
        """(client, target's end) of a connection through the proxy."""
        client = self.dial(chaos)
        return client, self.keep(self.target.accept())

    def assert_reset_at_once(self, chaos):
        """A reset may come before connect() has returned."""
        try:
            client = self.dial(chaos)
        except ConnectionResetError:
            return
        self.assertEqual(client.receive_all(), (b"", "rst"))

    def assert_passes(self, sender, receiver, data=b"still alive"):
        sender.send(data)
        self.assertEqual(receiver.receive(len(data)), data)

    @staticmethod
    def aside(function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        thread.start()
        return thread


__all__ = ["Chaos", "ChaosCase", "Peer", "Target", "parse_event", "wait_until"]
