#!/usr/bin/env python3
"""Runs the bench: the raw client and Limpet against the same peer, in turns, and prints ratios.

The peer is pinned to one core and the client to another. Each row is run raw, Limpet, raw, Limpet, ...;
a figure is the median of its runs, a ratio the quotient of two medians. Wall is the time of the job,
CPU what the client process used meanwhile (user and system). Goals: the table ROWS.
"""
import argparse
import collections
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

Row = collections.namedtuple("Row", "name mode kind size count goal_wall goal_cpu")
KIB = 1024
MIB = 1024 * 1024

PLAIN = [
    Row("receive-64", "receive", "ascii", 64, 12000000, 1.25, 2.0),
    Row("receive-1k", "receive", "ascii", KIB, 1000000, 1.15, 1.3),
    Row("receive-1k-utf8", "receive", "utf8", KIB, 1000000, 1.2, 1.6),
    Row("receive-64k", "receive", "ascii", 64 * KIB, 16000, 1.05, 1.05),
    Row("receive-1m", "receive", "ascii", MIB, 1000, 1.05, 1.05),
    Row("send-64", "send", "ascii", 64, 8000000, 2.5, 2.5),
    Row("send-1k", "send", "ascii", KIB, 800000, 1.4, 1.4),
    Row("send-64k", "send", "ascii", 64 * KIB, 14000, 1.3, 1.3),
    Row("send-1m", "send", "ascii", MIB, 1000, 1.3, 1.3),
    Row("pingpong-64", "pingpong", "ascii", 64, 12000, 1.05, None),
    Row("connect", "connect", "ascii", 64, 2000, 1.15, None),
]
TLS_COUNTS = {
    "receive-64": 6000000, "receive-1k": 400000, "receive-1k-utf8": 400000, "receive-64k": 6000,
    "receive-1m": 400, "send-64": 5000000, "send-1k": 400000, "send-64k": 6000, "send-1m": 400,
    "pingpong-64": 10000, "connect": 400,
}
TLS = [row._replace(name="tls-" + row.name, count=TLS_COUNTS[row.name], goal_wall=1.15,
                    goal_cpu=1.15 if row.goal_cpu else None) for row in PLAIN]
ROWS = PLAIN + TLS
RESUME_RUNS = 100  # resets in a row, so the first connection makes a hundred and one
IDLE_CLIENTS = 10000
CLIENT_TIMEOUT_S = 60


class BenchFailed(Exception):
    """A program of the bench ended badly; it has already said why."""


class Peer:
    """One bench-peer process."""

    def __init__(self, programs, core, tls_dir=None):
        command = [programs / "bench-peer"] + (["--tls", tls_dir] if tls_dir else [])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, preexec_fn=lambda: pin(core))
        first = self.process.stdout.readline().split()
        if len(first) != 2:
            raise BenchFailed("bench-peer did not start")
        self.port = first[1]

    def figures(self):
        """What the peer did since the last question."""
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self.process.stdout.readline()
        if not answer:
            raise BenchFailed("bench-peer has ended")
        return json.loads(answer)

    def close(self):
        self.process.kill()
        self.process.wait()


def pin(core):
    os.sched_setaffinity(0, {core})


def run_client(command, core):
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False,
                              preexec_fn=lambda: pin(core), timeout=CLIENT_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise BenchFailed(f"no end after {CLIENT_TIMEOUT_S} s: " + " ".join(words)) from None
    if done.returncode != 0:
        raise BenchFailed(" ".join(words))
    return json.loads(done.stdout)


class Bench:
    """The programs, the peers and the cores of one run of the bench."""

    def __init__(self, options, tls_dir):
        cores = sorted(os.sched_getaffinity(0))
        self.client_core, self.peer_core = cores[0], cores[-1]
        self.options = options
        self.programs = pathlib.Path(options.build).resolve()
        if not (self.programs / "bench-raw").exists():
            raise BenchFailed(f"no bench-raw in {self.programs}: build the release first (make)")
        self.ca_file = os.path.join(tls_dir, "ca.pem")
        self.plain_peer = Peer(self.programs, self.peer_core)
        self.tls_peer = Peer(self.programs, self.peer_core, tls_dir)

    def close(self):
        self.plain_peer.close()
        self.tls_peer.close()

    def peer_of(self, is_tls):
        return self.tls_peer if is_tls else self.plain_peer

    def run_job(self, program, is_tls, mode, kind, size, count):
        peer = self.peer_of(is_tls)
        peer.figures()
        reads_ahead = program == "bench-raw" and self.options.tls_read_ahead
        tls = ["--tls-read-ahead" if reads_ahead else "--tls", self.ca_file] if is_tls else []
        command = [self.programs / program] + tls + [peer.port, mode, kind, size, count]
        result = run_client(command, self.client_core)
        result["peer"] = peer.figures()
        return result

    def run_row(self, row):
        """All runs of one row, raw and Limpet in turns."""
        programs = ["bench-raw"] + ([] if self.options.raw_only else ["bench-limpet"])
        runs = {program: [] for program in programs}
        for _ in range(self.options.runs):
            for program in programs:
                runs[program].append(self.run_job(program, row.name.startswith("tls-"), row.mode,
                                                  row.kind, row.size, row.count))
        return summarise(row, runs)


def median_ns(runs, field, count):
    return statistics.median(run[field] for run in runs) / count


def summarise(row, runs):
    raw = runs["bench-raw"]
    busy = sum(run["peer"]["busy_ns"] for run in raw)
    result = {
        "row": row.name, "goal_wall": row.goal_wall, "goal_cpu": row.goal_cpu,
        "raw_wall_ns": median_ns(raw, "wall_ns", row.count),
        "raw_cpu_ns": median_ns(raw, "cpu_ns", row.count),
        "raw_peer_load": sum(run["peer"]["cpu_ns"] for run in raw) / busy if busy else None,
    }
    if "bench-limpet" in runs:
        limpet = runs["bench-limpet"]
        result["limpet_wall_ns"] = median_ns(limpet, "wall_ns", row.count)
        result["limpet_cpu_ns"] = median_ns(limpet, "cpu_ns", row.count)
        result["wall"] = result["limpet_wall_ns"] / result["raw_wall_ns"]
        result["cpu"] = result["limpet_cpu_ns"] / result["raw_cpu_ns"]
        # A ratio is judged as it is printed: with two digits behind the point.
        result["ok"] = (round(result["wall"], 2) <= row.goal_wall and
                        (row.goal_cpu is None or round(result["cpu"], 2) <= row.goal_cpu))
    return result


HEADER = (f"{'row':<20} {'raw wall':>9} {'cpu':>9} {'peer':>5} {'limpet wall':>12} {'cpu':>9}"
          f" {'wall x':>7} {'goal':>5} {'cpu x':>6} {'goal':>5}\n"
          f"{'':<20} {'ns/msg':>9} {'ns/msg':>9} {'load':>5} {'ns/msg':>12} {'ns/msg':>9}")


def print_row(result):
    load = result["raw_peer_load"]
    line = (f"{result['row']:<20} {result['raw_wall_ns']:>9.1f} {result['raw_cpu_ns']:>9.1f}"
            f" {'' if load is None else format(load, '.0%'):>5}")
    if "wall" in result:
        line += (f" {result['limpet_wall_ns']:>12.1f} {result['limpet_cpu_ns']:>9.1f}"
                 f" {result['wall']:>7.2f} {result['goal_wall']:>5} {result['cpu']:>6.2f}"
                 f" {result['goal_cpu'] or '-':>5}  {'ok' if result['ok'] else 'OVER'}")
    print(line, flush=True)


def run_resume(bench):
    """TLS links that the peer resets one after the other: how many resume, and how fast."""
    result = bench.run_job("bench-limpet", True, "reset", "ascii", 1, RESUME_RUNS)
    resumed = result["peer"]["resumed"]
    plain = bench.run_job("bench-limpet", False, "reset", "ascii", 1, RESUME_RUNS)
    return {"row": "tls-resume", "resumed": resumed, "of": RESUME_RUNS, "ok": resumed >= 99,
            "tls_time_back_ms": result["time_back_ns"] / 1e6,
            "time_back_ms": plain["time_back_ns"] / 1e6}


def print_resume(result):
    print(f"{result['row']:<20} {result['resumed']} of {result['of']} TLS reconnects resumed (goal 99)"
          f"  {'ok' if result['ok'] else 'OVER'}; reset to open again, median:"
          f" {result['time_back_ms']:.2f} ms, over TLS {result['tls_time_back_ms']:.2f} ms",
          flush=True)


def run_idle(bench):
    """Ten thousand silent clients; their peer is one of its own, that keeps them until it ends."""
    peer = Peer(bench.programs, bench.peer_core)
    try:
        result = run_client([bench.programs / "bench-idle", peer.port, IDLE_CLIENTS],
                            bench.client_core)
    finally:
        peer.close()
    worst = max(result["hook_bytes_each"], result["books_bytes_each"])
    return {"row": "idle", "goal_bytes": KIB, "ok": worst <= KIB, **result}


def print_idle(result):
    print(f"{result['row']:<20} {result['clients']} clients on one loop, heap each:"
          f" {result['hook_bytes_each']} B in {result['hook_blocks_each']} blocks by the allocator"
          f" hook, {result['books_bytes_each']} B by mallinfo2 (goal {result['goal_bytes']})"
          f"  {'ok' if result['ok'] else 'OVER'}", flush=True)


def wanted(name, only):
    """Exact names win: `receive-64` is that row alone, `receive` is all that contain it."""
    return not only or any(name == word or (word not in NAMES and word in name) for word in only)


NAMES = [row.name for row in ROWS] + ["tls-resume", "idle"]


def run_all(bench, options):
    results = []
    print(HEADER, flush=True)
    for row in ROWS:
        if wanted(row.name, options.only):
            results.append(bench.run_row(row))
            print_row(results[-1])
    if options.raw_only:
        return results
    for name, run, show in (("tls-resume", run_resume, print_resume), ("idle", run_idle, print_idle)):
        if wanted(name, options.only):
            results.append(run(bench))
            show(results[-1])
    return results


def parse_options():
    default = pathlib.Path(__file__).resolve().parent.parent / "build" / "release"
    parser = argparse.ArgumentParser(description="Limpet against raw TCP and bare OpenSSL.")
    parser.add_argument("--build", default=default, help="where the programs are (%(default)s)")
    parser.add_argument("--runs", type=int, default=9, help="runs of each row (%(default)s)")
    parser.add_argument("--only", action="append", metavar="ROW",
                        help="only this row, or all whose name contains it; repeatable")
    parser.add_argument("--raw-only", action="store_true", help="the reference alone")
    parser.add_argument("--tls-read-ahead", action="store_true",
                        help="let bare OpenSSL read ahead: a harder reference than its defaults")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--list", action="store_true", help="print the rows' names")
    return parser.parse_args()


def main():
    options = parse_options()
    if options.list:
        print("\n".join(NAMES))
        return 0
    if len(os.sched_getaffinity(0)) < 2:
        print("bench: one core only; peer and client share it, ratios say little", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="limpet-bench-") as tls_dir:
        try:
            bench = Bench(options, tls_dir)
            try:
                results = run_all(bench, options)
            finally:
                bench.close()
        except BenchFailed as error:
            print(f"bench: failed: {error}", file=sys.stderr)
            return 1
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1) + "\n")
    missed = [result["row"] for result in results if not result.get("ok", True)]
    if missed:
        print("over the goal: " + ", ".join(missed))
    return 1 if missed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
