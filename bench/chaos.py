#!/usr/bin/env python3
"""What `limpet chaos` costs with no fault on, against a forwarder that does nothing but splice(2):
the same bytes through either, in turn, in the same run. The other rows show what it costs to look
at the bytes, or to hold them.

    bench/chaos.py [--build build/release] [--runs 9] [--bytes N] [--json FILE] [--check]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

GOAL = 0.8  # of the bare forwarder's throughput
ROWS = [("no fault", []), ("frames followed", ["--follow-frames"]),
        ("corrupt, far ahead", ["corrupt at 1000000M"])]


class Program:
    """A process that prints its address or port first."""

    def __init__(self, *words):
        self.process = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.port = int(self.process.stdout.readline().decode().strip().rpartition(":")[2])

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.terminate()
        self.process.wait()


def measure(peer, port, size):
    """Bytes a second."""
    done = subprocess.run([peer, "send", str(port), str(size)], stdout=subprocess.PIPE, check=True)
    return size / int(done.stdout) * 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--bytes", type=int, default=1 << 30)
    parser.add_argument("--json", help="figures to a file")
    parser.add_argument("--check", action="store_true", help="exit status 1 when the goal is missed")
    options = parser.parse_args()
    peer = os.path.join(options.build, "bench-chaos-peer")
    sink = Program(peer, "sink")
    forwarders = {"bare splice": Program(peer, "splice", sink.port)}
    for name, words in ROWS:
        forwarders[name] = Program(os.path.join(options.build, "limpet"), "chaos", "--to",
                                   f"127.0.0.1:{sink.port}", *words)
    found = {name: [] for name in forwarders}
    for _ in range(options.runs):
        for name, forwarder in forwarders.items():
            found[name].append(measure(peer, forwarder.port, options.bytes))
    bare = statistics.median(found["bare splice"])
    rows = {}
    print("                       GB/s   ratio   CPU s/GB")
    for name, forwarder in forwarders.items():
        rate = statistics.median(found[name])
        cpu = forwarder.cpu_s() / (options.runs * options.bytes) * 1e9
        rows[name] = {"bytes_per_s": rate, "ratio": rate / bare, "cpu_s_per_gb": cpu}
        print(f"{name:20} {rate / 1e9:6.2f} {rate / bare:7.2f} {cpu:10.2f}")
    for program in (*forwarders.values(), sink):
        program.close()
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
    if options.check and rows["no fault"]["ratio"] < GOAL:
        sys.exit(f"the goal is {GOAL}")


if __name__ == "__main__":
    main()
