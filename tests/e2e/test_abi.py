#!/usr/bin/python3
"""A program compiled against the first header, with the library of today."""

import paths  # noqa: F401

import os
import subprocess

import e2e_limpet
from e2e_limpet import main
from e2e_serve import RelayCase


class FirstHeader(RelayCase):

    def test_a_program_compiled_against_the_first_header_holds_a_conversation(self):
        folder = os.path.dirname(e2e_limpet.program())
        relay = self.relay(store=None)
        done = subprocess.run([os.path.join(folder, "tests", "abi-first"), relay.ws_url("/echo")],
                              capture_output=True, text=True, timeout=120, check=False)
        lines = done.stdout.splitlines()
        self.assertEqual((done.returncode, done.stderr), (0, ""), lines)
        for line in ("state CONNECTING connect user", "state CONNECTED opened user", "text hello",
                     "confirmed first after 1", "flush ok",
                     "figures CONNECTED in 1 out 1 retries 10 intact 1",
                     "state CLOSED disconnect user"):
            self.assertIn(line, lines)


if __name__ == "__main__":
    main()
