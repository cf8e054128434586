#!/usr/bin/python3
"""How soon a change of the network shows, as medians: network.py --limpet PROGRAM [--runs 20].

In network namespaces of its own, so it needs root. The moments are read from outside: from just before
the `ip` command that changes something until the event appears, both included. The targets: an address
taken away is noticed within 50 ms; CONNECTED within 100 ms of its return; another uplink within 200 ms;
a pulled cable within the probe's time (of `limpet connect`: that of the heartbeat, here 400 ms) + 50 ms."""

import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "support"))

import argparse

import e2e_limpet
from e2e_uplinks import Uplinks, why_not

PROBE_MS = 400
OPTIONS = ("--heartbeat-interval", "3600000", "--heartbeat-timeout", str(PROBE_MS))


def until(run, change, *arguments, to):
    """ms from the change to the next event that enters the state `to`."""
    count = len(run.events("state", to=to)) + 1
    begin = time.monotonic()
    change(*arguments)
    run.wait_event("state", count=count, to=to)
    return (time.monotonic() - begin) * 1000


def with_link(uplinks_count, runs, measure):
    uplinks = Uplinks(uplinks_count)
    try:
        uplinks.start()
        run = uplinks.limpet("connect", "--events", "json", *OPTIONS, uplinks.url)
        run.wait_event("state", to="CONNECTED")
        for _ in range(runs):
            measure(uplinks, run)
            time.sleep(0.05)
        run.end()
    finally:
        uplinks.close()


def measure_all(runs):
    found = {"address taken away: WAITING_FOR_NETWORK": (50, []),
             "address given back: CONNECTED": (100, []),
             "address taken away, another uplink: CONNECTED": (200, []),
             f"cable pulled, probe of {PROBE_MS} ms: WAITING_FOR_NETWORK": (PROBE_MS + 50, [])}
    away, back, other, pulled = (times for _, times in found.values())

    def one_uplink(uplinks, run):
        away.append(until(run, uplinks.take_address, to="WAITING_FOR_NETWORK"))
        back.append(until(run, uplinks.give_address, to="CONNECTED"))

    def two_uplinks(uplinks, run):
        number = len(other) % 2
        if number == 1:  # the second carries the link now, and the first is to take over
            uplinks.give_address(0)
        other.append(until(run, uplinks.take_address, number, to="CONNECTED"))
        if number == 1:
            uplinks.give_address(1)

    def cable(uplinks, run):
        time.sleep(1.1)  # the kernel tells of one carrier a second
        pulled.append(until(run, uplinks.pull, to="WAITING_FOR_NETWORK"))
        time.sleep(1.1)
        until(run, uplinks.plug, to="CONNECTED")

    with_link(1, runs, one_uplink)
    with_link(2, runs, two_uplinks)
    with_link(1, runs, cable)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limpet", required=True)
    parser.add_argument("--runs", type=int, default=20)
    known = parser.parse_args()
    reason = why_not()
    if reason:
        sys.exit(reason)
    e2e_limpet._program[0] = os.path.abspath(known.limpet)
    is_met = True
    for name, (bound, times) in measure_all(known.runs).items():
        median = statistics.median(times)
        is_met &= median <= bound
        print(f"{name:<62} median {median:6.1f} ms  most {max(times):6.1f} ms  (bound {bound} ms)")
    sys.exit(0 if is_met else 1)


if __name__ == "__main__":
    main()
