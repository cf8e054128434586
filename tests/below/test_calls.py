#!/usr/bin/python3
"""Every system call of `limpet connect` that can fail, made to fail in turn: the run ends with a documented
status, or recovers; it does not crash, spin or hang; and status 0 means that all was delivered."""

import below  # noqa: F401

from below_talk import Conversation, TalkCase
from e2e_limpet import main
from e2e_proxies import Tinyproxy


class Calls(TalkCase):
    def test_connect(self):
        self.play(Conversation(self).run_with, 2)

    def test_connect_with_an_outbox(self):
        self.play(Conversation(self, outbox=True).run_with, 12)

    def test_connect_by_tls(self):
        self.play(Conversation(self, secure=True, options=["--compress"]).run_with, 4)

    def test_connect_by_a_proxy(self):
        proxy = Tinyproxy()
        self.addCleanup(proxy.close)
        self.play(Conversation(self, options=["--proxy", proxy.url()]).run_with, 4)
        self.assertIn("CONNECT", proxy.said)


if __name__ == "__main__":
    main()
