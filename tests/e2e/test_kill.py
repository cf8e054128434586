#!/usr/bin/python3
"""kill -9 at random moments: what was accepted (fate "stored") is in the relay's store exactly
once, in order. `make test` does a few kills, `make test-long` the full count."""

import paths  # noqa: F401

import json
import os
import random
import tempfile
import threading

from e2e_limpet import LimpetCase, main
from e2e_relay import Relay

LONG = os.environ.get("LIMPET_TEST_LENGTH") == "long"
CLIENT_KILLS = 1000 if LONG else 20
RELAY_KILLS = 200 if LONG else 5
PATIENT = ("--max-retries", "forever", "--initial-delay", "5", "--max-delay", "50",
           "--stable-after", "0", "--heartbeat-interval", "2000", "--heartbeat-timeout", "2000")


BACKLOG = 300  # lines that a run may be ahead of the relay
DELIVER_EVERY = 50  # kills: else hundreds of runs leave more than one can deliver in time
EVENTS_EACH = 3  # stored, written, confirmed


class Lines:
    """An endless input: "1", "2", ... Numbers rise over all runs."""

    def __init__(self):
        self.next = 1

    def feed(self, run):
        """Feeds until the run is dead."""
        first = self.next
        try:
            while run.process.poll() is None:
                piece = b"".join(b"%d\n" % n for n in range(self.next, self.next + 20))
                self.next += 20
                run.process.stdin.write(piece)
                run.process.stdin.flush()
                run.wait_for("the relay to follow", lambda: len(run.lines) >= EVENTS_EACH * (
                    self.next - first - BACKLOG))
        except (AssertionError, BrokenPipeError, ValueError):
            pass


class KillCase(LimpetCase):
    """A relay and an outbox in a folder of their own."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="limpet-kill-")
        self.addCleanup(self.folder.cleanup)
        self.outbox = os.path.join(self.folder.name, "outbox")
        self.relay = self.keep(Relay(os.path.join(self.folder.name, "relay"), "--rate", "0"))
        self.random = random.Random(self.id())
        self.accepted = []

    def sender(self, **kwargs):
        return self.connect(*PATIENT, "--outbox", self.outbox, "--confirm", "ack",
                            self.relay.url("c", "u"), **kwargs)

    def note_accepted(self, run):
        for line in run.lines:
            if '"stored"' not in line:
                continue
            try:
                self.accepted.append(json.loads(line)["id"])
            except ValueError:
                pass  # cut by the kill

    def deliver(self):
        """A run that is left alone delivers what the others left."""
        self.assert_exit(self.sender(stdin=b""), 0, 120)

    def finish(self):
        self.deliver()
        counted = self.limpet("outbox", self.outbox, "count", stdin=b"")
        self.assert_exit(counted, 0)
        self.assertEqual(counted.out.split()[0], b"0", counted.story())

    def check_store(self):
        messages = self.relay.stored("c")
        ids = [m["id"] for m in messages]
        numbers = [int(m["plaintext"]) for m in messages]
        self.assertEqual(len(ids), len(set(ids)), "an id is stored twice")
        self.assertEqual(sorted(set(self.accepted) - set(ids)), [], "accepted, and lost")
        self.assertEqual(numbers, sorted(set(numbers)), "repeated or out of order")
        self.assertGreater(len(self.accepted), 0)

    def test_the_sender_is_killed(self):
        lines = Lines()
        for kill in range(CLIENT_KILLS):
            run = self.sender()
            feeder = threading.Thread(target=lines.feed, args=(run,), daemon=True)
            feeder.start()
            wanted = self.random.randrange(1, 200)
            run.wait_for("something stored", lambda: len(run.lines) >= wanted)
            run.process.kill()
            run.wait()
            feeder.join()
            self.note_accepted(run)
            run.end()
            if kill % DELIVER_EVERY == DELIVER_EVERY - 1:
                self.deliver()
        self.finish()
        self.check_store()

    def test_the_relay_is_killed(self):
        lines = Lines()
        run = self.sender()
        feeder = threading.Thread(target=lines.feed, args=(run,), daemon=True)
        feeder.start()
        for kill in range(RELAY_KILLS):
            have = len(run.lines)
            wanted = have + self.random.randrange(1, 3000)
            run.wait_for("more events", lambda: len(run.lines) >= wanted, 60)
            self.relay.kill()
            self.relay.start()
        run.process.kill()
        run.wait()
        feeder.join()
        self.note_accepted(run)
        self.finish()
        self.check_store()


if __name__ == "__main__":
    main()
