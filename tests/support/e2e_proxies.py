"""Real proxies for the end-to-end tests: Debian's tinyproxy and microsocks, each in the foreground on
a free port of the loopback with a configuration of its own."""

import os
import socket
import subprocess
import tempfile
import threading

from e2e_limpet import DEADLINE_S, wait_until

USER, PASSWORD = "limpet", "shell"


def free_port():
    """A port that nobody listens on; another process could take it, so starts are retried."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Proxy:
    """A proxy's process. `said` is what it has logged so far."""

    STARTS = 5

    def __init__(self, scheme, command, prepare=None):
        self.scheme, self._log = scheme, b""
        for _ in range(self.STARTS):
            self.port = free_port()
            if prepare:
                prepare(self.port)
            self.process = subprocess.Popen(command(self.port), stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()
            wait_until("the proxy listens", lambda: self._listens() or self._is_gone())
            if not self._is_gone():
                return
            self._end()
        raise RuntimeError(f"{command(0)[0]} does not start: {self.said}")

    def _is_gone(self):
        return self.process.poll() is not None

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _read(self):
        for line in self.process.stdout:
            self._log += line

    @property
    def said(self):
        return self._log.decode("utf-8", "replace")

    def wait_said(self, text):
        wait_until(f"the proxy logs {text!r}; it has: {self.said}", lambda: text in self.said)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def url(self, userinfo="", scheme=None):
        return f"{scheme or self.scheme}://{userinfo}{self.address}"

    def _end(self):
        if not self._is_gone():
            self.process.kill()
        self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        self.process.stdout.close()

    def close(self):
        self._end()


class Tinyproxy(Proxy):
    """HTTP CONNECT. `lines`: of its configuration."""

    def __init__(self, *lines):
        self._folder = tempfile.TemporaryDirectory(prefix="limpet-tinyproxy-")
        self._config = os.path.join(self._folder.name, "conf")
        try:
            super().__init__("http", lambda port: ["tinyproxy", "-d", "-c", self._config],
                             lambda port: self._write_config(port, lines))
        except BaseException:
            self._folder.cleanup()
            raise

    def _write_config(self, port, lines):
        with open(self._config, "w") as file:
            file.write("\n".join([f"Port {port}", "Listen 127.0.0.1", "Timeout 600",
                                  "MaxClients 50", "LogLevel Info", *lines]) + "\n")

    def close(self):
        super().close()
        self._folder.cleanup()


class Microsocks(Proxy):
    """SOCKS5. `options`: of its command line."""

    def __init__(self, *options):
        super().__init__("socks5h", lambda port: ["microsocks", "-i", "127.0.0.1", "-p", str(port),
                                                  *options])
