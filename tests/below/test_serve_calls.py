#!/usr/bin/python3
"""Every system call of `limpet serve` that can fail, made to fail in turn: it says why it does not start, or serves
on; what it acknowledged is in its store; it ends when it is told to, without a crash and without a spin."""

import below  # noqa: F401

import itertools
import json
import os
import shutil
import signal
import tempfile
import time
import urllib.error
import urllib.request

from below import DOCUMENTED, FOR_EVER, Run, run
from below_case import BelowCase
from e2e_limpet import main

MESSAGES = 3
START_S = 20
CLIENT = ("connect", "--max-retries", "20", "--initial-delay", "5", "--max-delay", "20", "--stable-after", "0",
          "--connect-timeout", "1000", "--heartbeat-interval", "500", "--heartbeat-timeout", "500",
          "--close-timeout", "500", "--linger", "0", "--events", "json", "--confirm", "ack")
PATIENCE_S = 4  # with a client that cannot be served
WELL_TRIES = 2  # one may be what fails


class Serve(BelowCase):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="limpet-below-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.numbers = itertools.count()

    def started(self, relay):
        """Its address; None if it ended instead."""
        end = time.monotonic() + START_S
        while b"\n" not in relay.read("out"):
            if os.waitid(os.P_PID, relay.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return None
            self.assertLess(time.monotonic(), end, "neither started nor ended")
            time.sleep(0.01)
        return relay.read("out").split(b"\n")[0].decode()

    def get(self, address, path):
        """A JSON document, or None if there is none to be had."""
        try:
            with urllib.request.urlopen(address + path, timeout=5) as answer:
                return json.load(answer)
        except (OSError, ValueError, urllib.error.URLError):
            return None

    def converse(self, address, folder, patience_s):
        url = address.replace("http", "ws") + "/ws?conversation_id=c&user_id=u"
        return run(*CLIENT, "--outbox", os.path.join(folder, "outbox"), url, patience_s=patience_s,
                   stdin="".join(f"m{i}\n" for i in range(MESSAGES)).encode())

    def stored(self, store):
        """What a relay without faults finds."""
        relay = Run("serve", "--listen", "127.0.0.1:0", "--store", store)
        try:
            address = self.started(relay)
            page = self.get(address, "/conversations/c/messages?after=0") if address else None
            relay.signal(signal.SIGTERM)
            done = relay.wait()
            self.that(done, page is not None, "a relay without faults cannot read the store")
            return [m["plaintext"] for m in page["messages"]] if page else []
        finally:
            relay.end()

    def run_with(self, fault):
        folder = os.path.join(self.folder, str(next(self.numbers)))
        os.mkdir(folder)
        store = os.path.join(folder, "store")
        relay = Run("serve", "--listen", "127.0.0.1:0", "--store", store, "--rate", "0", fault=fault)
        try:
            client = None
            address = self.started(relay)
            if address:
                client = self.converse(address, folder, PATIENCE_S)
                is_well = any(self.get(address, "/healthz") for _ in range(WELL_TRIES))
                relay.signal(signal.SIGTERM)
            done = relay.wait()
            done.final_counts = done.counts
            self.check_ends(done)
            if client:
                self.check_service(done, client, is_well, store)
            return done
        finally:
            relay.end()
            shutil.rmtree(folder)

    def check_service(self, done, client, is_well, store):
        confirmed = sum(e.get("fate") == "confirmed" for e in client.events)
        have = self.stored(store)
        told = f"client: {client.status}, {client.err[-1200:]}"
        self.that(done, have == sorted(set(have)), f"repeated or out of order: {have}")
        self.that(done, len(have) >= confirmed, f"{confirmed} acknowledged, but stored was {have}")
        if done.status == -6:
            return
        self.that(done, done.status == 0, "served, but did not end well")
        if not done.fault or done.fault.count < FOR_EVER:
            self.that(done, is_well, "not well after one failure")
            self.that(done, client.status == 0 or "store_failed" in done.err,
                      f"one failure kept a client from delivering; {told}")

    def test_serve(self):
        self.play(self.run_with, 8)


if __name__ == "__main__":
    main()
