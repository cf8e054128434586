"""Starts servers by other people for the end-to-end tests: ws, python3-websockets, openssl."""

import os
import socket
import subprocess

import paths
from e2e_limpet import LimpetCase

PYTHON = "/usr/bin/python3"  # Debian's, which has python3-websockets
COMMANDS = {
    "ws": ["node", os.path.join(paths.SERVERS, "echo_ws.js")],
    "websockets": [PYTHON, "-B", os.path.join(paths.SERVERS, "echo_websockets.py")],
}
NODE_PATH = "/usr/share/nodejs"  # Debian's node-ws
IMPLEMENTATIONS = tuple(COMMANDS)


class EchoPeer:
    """An echo server of `implementation` in a process of its own; see servers/echo_*."""

    def __init__(self, implementation, *arguments):
        self.tls = "--tls" in arguments
        self.process = subprocess.Popen([*COMMANDS[implementation], *arguments],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, "NODE_PATH": NODE_PATH})
        self.address = self.process.stdout.readline().decode().strip()
        if not self.address:
            self.close()
            raise RuntimeError(f"the {implementation} echo server did not start: "
                               "install Debian's nodejs, node-ws and python3-websockets")

    def url(self, path="/", host="127.0.0.1"):
        return f"{'wss' if self.tls else 'ws'}://{host}:{self.address}{path}"

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class PeerCase(LimpetCase):
    """Tests that share echo servers: one of each kind is started and serves all of them."""

    @classmethod
    def setUpClass(cls):
        cls._peers = {}

    def peer(self, *how):
        """The EchoPeer made from these arguments."""
        if how not in self._peers:
            self._peers[how] = EchoPeer(*how)
            type(self).addClassCleanup(self._peers[how].close)
        return self._peers[how]


class OldTlsServer:
    """openssl s_server that speaks TLS 1.1 and nothing newer."""

    def __init__(self, cert, key):
        self.process = subprocess.Popen(
            ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", cert, "-key", key,
             "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-naccept", "100"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.seen = []
        for line in self.process.stdout:
            self.seen.append(line.decode("latin-1"))
            if line.startswith(b"ACCEPT"):
                self.port = int(line.strip().rsplit(b":", 1)[1])
                return
        raise RuntimeError("openssl s_server -tls1_1 did not start: " + "".join(self.seen))

    def finish(self):
        """Ends it; returns everything that it printed: what a client sent stands in it."""
        self.process.kill()
        self.seen.append(self.process.communicate()[0].decode("latin-1"))
        return "".join(self.seen)

    def close(self):
        if self.process.poll() is None:
            self.finish()


def closed_port():
    """A port of 127.0.0.1 on which nobody listens, kept by a bound socket: (socket, port)."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    return holder, holder.getsockname()[1]
