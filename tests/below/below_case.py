"""What the tests of failing calls share: the verdict on a run, and the playing of all faults."""

import os
import unittest

from below import CPU_S, DOCUMENTED, LONG, at_once, every_fault, is_libuvs_end, lasting_faults, libasan

STORIES = 6  # told whole
SPARSER = 3  # faults under a sanitizer, which takes three times as long


class BelowCase(unittest.TestCase):
    """Gathers what went wrong over many runs."""

    maxDiff = None

    def setUp(self):
        self.failures = []

    def that(self, done, holds, what):
        if not holds:
            self.failures.append((what, done))

    def check_ends(self, done, statuses=tuple(DOCUMENTED)):
        """It ended, in a documented way, with a word if not well, and did not spin."""
        self.that(done, done.status is not None, "did not end")
        self.that(done, done.status in statuses or done.status == -6 and is_libuvs_end(done),
                  f"ended with {done.status}")
        self.that(done, done.cpu_s < CPU_S, "burnt the processor")
        self.that(done, "Sanitizer" not in done.err, "a sanitizer's finding")
        if done.status not in (0, -6):
            self.that(done, done.err.strip() != "", "failed without a word")

    def play(self, run_with, every, lasting=True):
        """run_with(fault) for each fault that a run without any has calls for; one of `every` in the
        quick form."""
        every = 1 if LONG else every * SPARSER if libasan() else every
        counts = run_with(None).final_counts
        faults = [*every_fault(counts, every=every),
                  *(lasting_faults(counts, every=every) if lasting else ())]
        outcomes = at_once(run_with, faults)
        by_status = {s: sum(o.status == s for o in outcomes) for s in {o.status for o in outcomes}}
        print(f"{self.id().split('.')[-1]}: {sum(counts.values())} calls of {len(counts)} names, {len(faults)} faults, "
              f"ends: {by_status}", flush=True)
        self.give_verdict()

    def give_verdict(self):
        if self.failures:
            briefs = [f"{what} -- {done.fault}" for what, done in self.failures]
            stories = [f"{what}\n{done.story()}" for what, done in self.failures[:STORIES]]
            self.fail("\n".join([f"{len(briefs)} failures:", *briefs, "", *stories]))
