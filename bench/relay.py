#!/usr/bin/env python3
"""What the relay costs: its memory for each of 10,000 connections, the time until the last of 1,000
members has a message, and what readers that stop reading cost the others. Relay and members are
processes of their own, each pinned to a core where there are two.

    bench/relay.py [--build build/release] [--json FILE] [--store FOLDER]
"""

import argparse
import json
import os
import re
import subprocess
import tempfile
import time
import urllib.request

IDLE = 10000
SETTLE_S = 3  # buffers go about a second after the last byte
FAN_OUT = [  # members, size, rounds, stopped
    (10, 100, 500, 0), (100, 100, 300, 0), (1000, 100, 200, 0), (1000, 1000, 200, 0),
    (100, 16000, 800, 0), (100, 16000, 800, 10)]


def pin(core):
    def apply():
        if os.cpu_count() > 1:
            os.sched_setaffinity(0, {core})
    return apply


class Relay:
    def __init__(self, build, store):
        self.process = subprocess.Popen(
            [os.path.join(build, "limpet"), "serve", "--listen", "127.0.0.1:0", "--store", store,
             "--rate", "0", "--admit-rate", "0", "--quiet", "--max-connections", "20000"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=pin(0))
        self.url = self.process.stdout.readline().decode().strip()
        self.port = self.url.rsplit(":", 1)[1]

    def memory(self):
        """Bytes that are the process's own: anonymous memory that is in use."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as status:
            return 1024 * int(re.search(r"RssAnon:\s+(\d+) kB", status.read()).group(1))

    def metric(self, name):
        text = urllib.request.urlopen(self.url + "/metrics").read().decode()
        return float(re.search(rf"^limpet_relay_{re.escape(name)} (\S+)$", text, re.M).group(1))

    def close(self):
        self.process.terminate()
        self.process.wait()


def crowd(build, port, *words):
    return subprocess.Popen([os.path.join(build, "bench-crowd"), port, *map(str, words)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=pin(1))


def measure_idle(build, store):
    relay = Relay(build, store)
    before = relay.memory()
    members = crowd(build, relay.port, "idle", IDLE)
    found = json.loads(members.stdout.readline())
    time.sleep(SETTLE_S)
    found["bytes_each"] = (relay.memory() - before) // IDLE
    members.communicate()
    relay.close()
    return found


def measure_fan_out(build, store, row):
    relay = Relay(build, store)
    members = crowd(build, relay.port, "fanout", *row)
    output = members.communicate()[0]
    if members.returncode != 0:
        raise SystemExit(f"bench-crowd failed for {row}")
    found = json.loads(output)
    found["closed_as_slow"] = int(relay.metric('disconnects_total{reason="slow"}'))
    relay.close()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--json", help="figures to a file")
    parser.add_argument("--store", help="a folder on the disk to be measured (a temporary one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.store) as folder:
        idle = measure_idle(options.build, os.path.join(folder, "idle.db"))
        print(f"{idle['connections']} idle connections: {idle['bytes_each']} bytes each, "
              f"opened in {idle['open_ns_each'] / 1000:.0f} us each\n")
        print("members  bytes  stopped    last has it    worst   deliveries/s  closed as slow")
        rows = []
        for i, row in enumerate(FAN_OUT):
            found = measure_fan_out(options.build, os.path.join(folder, f"{i}.db"), row)
            rows.append(found)
            print(f"{found['members']:7} {found['size']:6} {found['stopped']:8} "
                  f"{found['last_has_it_us'] / 1000:11.2f} ms {found['worst_us'] / 1000:6.1f} ms "
                  f"{found['deliveries_a_second']:12.0f} {found['closed_as_slow']:15}", flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"idle": idle, "fan_out": rows}, file, indent=1)


if __name__ == "__main__":
    main()
