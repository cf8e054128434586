"""A short conversation of `limpet connect` with a relay, played with a fault below one end."""

import itertools
import json
import os
import shutil
import ssl
import tempfile
import urllib.request

from below import DOCUMENTED, FOR_EVER, TERMINATED, run
from below_case import BelowCase
from certs import Certificates
from e2e_relay import READY_S, Relay

MESSAGES = 5
# A run that waits for a disk, or for memory, does so for ever, and ends when it is told to. So does one that had
# no memory to note what to remove from its outbox: that is done on the next link (src/outbox/outbox.c).
# SQLite tries for ten seconds to get a lock of its log before it says that it does not.
PATIENCE_S, LASTING_PATIENCE_S = 30, 15
QUICK = ("--max-retries", "8", "--initial-delay", "5", "--max-delay", "20", "--stable-after", "0",
         "--connect-timeout", "800", "--heartbeat-interval", "500", "--heartbeat-timeout", "500",
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
                   fault=fault,
                   patience_s=LASTING_PATIENCE_S if fault and (
                       fault.count == FOR_EVER or fault.name == "malloc") else PATIENCE_S)
        done.again = None
        if self.outbox and done.status != 0:
            done.again = run(*args, url)
        waits = fault and self.outbox and (fault.name == "malloc" or
                                           fault.count == FOR_EVER and '"kind":"outbox"' in done.err)
        self.case.check_ends(done, (*DOCUMENTED, TERMINATED) if waits else tuple(DOCUMENTED))
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


class TalkCase(BelowCase):
    """With two relays, one of them behind TLS."""

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

    def stored(self, relay, conversation):
        scheme = "https" if relay is self.relays[True] else "http"
        url = f"{scheme}://{relay.address}/conversations/{conversation}/messages?after=0"
        trusted = ssl.create_default_context(cafile=self.certificates.pem("ca"))
        with urllib.request.urlopen(url, timeout=READY_S, context=trusted) as answer:
            return json.load(answer)["messages"]
