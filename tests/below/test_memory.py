#!/usr/bin/python3
"""Each allocation of `limpet connect` refused in turn, whoever asks for it: limpet, libuv, OpenSSL, SQLite, zlib or
jansson; then all from one on. What holds for system calls holds here."""

import below  # noqa: F401

from below import FOR_EVER, LONG, Fault, at_once
from below_talk import Conversation, TalkCase
from e2e_limpet import main

QUICK_TRIES = 80
LASTING_TRIES = 20
LAST_TRIES = 200  # always: where input has ended a run waits for what it has begun


class Memory(TalkCase):
    def refuse(self, conversation, step=1):
        """The quick form takes some, evenly; the long one takes all, or one of `step`."""
        number = conversation.run_with(None).allocations
        step = step if LONG else max(1, number // QUICK_TRIES)
        lasting = max(1, number // (LASTING_TRIES * (5 if LONG else 1)))
        chosen = {*range(1, number + 1, step), *range(max(1, number - LAST_TRIES), number + 1)}
        faults = [Fault("malloc", first, 1, "ENOMEM") for first in sorted(chosen)]
        faults += [Fault("malloc", first, FOR_EVER, "ENOMEM") for first in range(1, number + 1, lasting)]
        outcomes = at_once(conversation.run_with, faults)
        by_status = {s: sum(o.status == s for o in outcomes) for s in {o.status for o in outcomes}}
        print(f"{self.id().split('.')[-1]}: {number} allocations, {len(faults)} faults, ends: {by_status}", flush=True)
        self.give_verdict()

    def test_connect(self):
        self.refuse(Conversation(self))

    def test_connect_with_an_outbox(self):
        self.refuse(Conversation(self, outbox=True))

    def test_connect_by_tls(self):
        self.refuse(Conversation(self, secure=True, options=["--compress"]), 3)


if __name__ == "__main__":
    main()
