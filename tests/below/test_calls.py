#!/usr/bin/python3
"""Every system call of `limpet connect` that can fail, made to fail in turn: the run ends with a documented
status, or recovers; it does not crash, spin or hang; and status 0 means that all was delivered."""

import below  # noqa: F401

import itertools
import json
import os
import shutil
import ssl
import tempfile
import unittest
import urllib.request

from below import CPU_S, DOCUMENTED, LONG, at_once, every_fault, is_libuvs_end, lasting_faults, run
from certs import Certificates
from e2e_limpet import main
from e2e_relay import READY_S, Relay

MESSAGES = 5
STORIES = 6  # told whole
QUICK = ("--max-retries", "8", "--initial-delay", "5", "--max-delay", "20", "--stable-after", "0",
         "--connect-timeout", "1000", "--heartbeat-interval", "500", "--heartbeat-timeout", "500",
         "--close-timeout", "500", "--linger", "0", "--events", "json")
# What a new dial cures: one failure of these, and all is delivered all the same.
RECOVERS = {"connect", "getsockname", "recv", "send", "socket", "setsockopt", "getaddrinfo"}


class Conversation:
    """One scenario of `limpet connect` against a relay that keeps what it is sent."""

    numbers = itertools.count(1)

    def __init__(self, case, options=(), outbox=False, secure=False):
        self.case, self.options, self.outbox, self.secure = case, options, outbox, secure

    def lines(self):
        if self.outbox:
            return [f"m{i}" for i in range(MESSAGES)]
        return [json.dumps({"type": "message", "id": f"m{i}", "plaintext": f"m{i}"})
                for i in range(MESSAGES)]

    def run_with(self, fault):
        """The outcome, and what the relay has after a second run without the fault."""
        name = f"c{next(self.numbers)}"
        relay = self.case.relays[self.secure]
        folder = tempfile.mkdtemp(prefix="box-", dir=self.case.folder)
        url = relay.url(name, "u").replace("127.0.0.1", "localhost")
        args = ["connect", *QUICK, *self.options]
        if self.secure:
            args += ["--cacert", self.case.certificates.pem("ca")]
            url = url.replace("ws:", "wss:")
        if self.outbox:
            args += ["--outbox", os.path.join(folder, "outbox"), "--confirm", "ack"]
        done = run(*args, url, stdin="".join(line + "\n" for line in self.lines()).encode(),
                   fault=fault)
        done.again = None
        if self.outbox and done.status != 0:
            done.again = run(*args, url)
        self.case.check_ends(done)
        relayed = self.case.stored(relay, name)
        self.check(done, [m["plaintext"] for m in relayed])
        shutil.rmtree(folder)
        return done

    def check(self, done, have):
        """Status 0: all is there. Stored: it is there after the next run. Nothing twice or out of order."""
        all_of_them = [f"m{i}" for i in range(MESSAGES)]
        self.case.that(done, have == sorted(set(have)), f"repeated or out of order: {have}")
        if done.status == 0:
            self.case.that(done, have == all_of_them, f"status 0, but delivered was {have}")
        if done.again:
            self.case.that(done.again, done.again.status == 0, "a run without faults failed after "
                           + str(done.fault))
            stored = [e for e in done.events if e.get("fate") == "stored"]
            self.case.that(done, len(have) >= len(stored), f"{len(stored)} stored, delivered {have}")
        if done.fault and done.fault.count == 1 and done.fault.name in RECOVERS:
            self.case.that(done, done.status == 0, "did not recover")
            self.case.that(done, done.fault.error not in ("ENOMEM", "ENOBUFS") or self.secure or
                           not any(e.get("kind") == "connect_timeout" for e in done.events),
                           "waited for an answer to what was never asked")


class Calls(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="limpet-below-")
        cls.certificates = Certificates()
        store = os.path.join(cls.folder, "relay")
        cls.relays = [Relay(store, "--rate", "0")]
        cls.relays.append(Relay(store + "-tls", "--rate", "0", "--tls-cert", cls.certificates.pem("good"), "--tls-key",
                                cls.certificates.key("good")))

    @classmethod
    def tearDownClass(cls):
        for relay in cls.relays:
            relay.close()
        shutil.rmtree(cls.folder)

    def setUp(self):
        self.failures = []

    def stored(self, relay, conversation):
        scheme = "https" if relay is self.relays[True] else "http"
        url = f"{scheme}://{relay.address}/conversations/{conversation}/messages?after=0"
        trusted = ssl.create_default_context(cafile=self.certificates.pem("ca"))
        with urllib.request.urlopen(url, timeout=READY_S, context=trusted) as answer:
            return json.load(answer)["messages"]

    # ---- what must hold

    def that(self, done, holds, what):
        if not holds:
            self.failures.append((what, done))

    def check_ends(self, done):
        self.that(done, done.status is not None, "did not end")
        self.that(done, done.status in DOCUMENTED or done.status == -6 and is_libuvs_end(done.fault),
                  f"ended with {done.status}")
        self.that(done, done.cpu_s < CPU_S, "burnt the processor")
        self.that(done, "Sanitizer" not in done.err, "a sanitizer's finding")
        if done.status not in (0, -6):
            self.that(done, done.err.strip() != "", "failed without a word")

    def play(self, conversation, every):
        counts = conversation.run_with(None).final_counts
        faults = [*every_fault(counts, every=1 if LONG else every),
                  *lasting_faults(counts, every=1 if LONG else every)]
        outcomes = at_once(conversation.run_with, faults)
        by_status = {s: sum(o.status == s for o in outcomes) for s in {o.status for o in outcomes}}
        print(f"{self.id().split('.')[-1]}: {sum(counts.values())} calls of {len(counts)} names, {len(faults)} faults, "
              f"ends: {by_status}", flush=True)
        if os.environ.get("SLOW"):
            for o in sorted(outcomes, key=lambda o: -o.wall_s)[:12]: print(o.wall_s, o.status, o.fault)
        if self.failures:
            briefs = [f"{what} -- {done.fault}" for what, done in self.failures]
            stories = [f"{what}\n{done.story()}" for what, done in self.failures[:STORIES]]
            self.fail("\n".join([f"{len(briefs)} failures:", *briefs, "", *stories]))

    # ---- the conversations

    def test_connect(self):
        self.play(Conversation(self), 2)

    def test_connect_with_an_outbox(self):
        self.play(Conversation(self, outbox=True), 12)

    def test_connect_by_tls(self):
        self.play(Conversation(self, secure=True, options=["--compress"]), 4)


if __name__ == "__main__":
    main()
