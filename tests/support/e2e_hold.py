"""`limpet hold` under test."""

import json
import os
import subprocess

import paths
from e2e_limpet import Limpet
from e2e_peers import NODE_PATH

SOON = ("--initial-delay", "10", "--max-delay", "100", "--stable-after", "0")


class Hold(Limpet):
    """A running hold in front of `far`."""

    def __init__(self, far, *options, listen="127.0.0.1:0", **kwargs):
        super().__init__("hold", "--listen", listen, "--to", far, *SOON, *options, **kwargs)
        self.wait_for("the address", lambda: b"\n" in self.out)
        self.url = self.out.split(b"\n")[0].decode()


def say(url, count, deadline_s):
    """The Node program that knows nothing of Limpet: what it saw."""
    done = subprocess.run(["node", os.path.join(paths.SERVERS, "say_ws.js"), url, str(count)],
                          stdout=subprocess.PIPE, timeout=deadline_s, check=True,
                          env={**os.environ, "NODE_PATH": NODE_PATH})
    return json.loads(done.stdout)
