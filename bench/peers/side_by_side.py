#!/usr/bin/env python3
"""Limpet beside other libraries: the same jobs, the same other end (bench-peer), in turns.

Each row runs raw, Limpet, the next library, ..., raw, Limpet, ...; a figure is the median of its runs.
How many messages a run has is measured first for each library, so that slow and fast ones work
about as long. Instructions are callgrind's count of user code, of two numbers of messages, whose
difference leaves out the start; memory is the resident memory of a process with many idle clients.

Tables, figures and plot are left in build/bench (see tables.py). A library whose program was not built is
left out, and named.
"""
import argparse
import concurrent.futures
import contextlib
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import run as bench_run  # noqa: E402
import tables  # noqa: E402
from run import KIB, MIB, BenchFailed, Peer, Row, run_client  # noqa: E402

WS_MODULE = pathlib.Path("/usr/share/nodejs/ws/index.js")
PROGRAMS = {
    "raw": "bench-raw",
    "Limpet": "bench-limpet",
    "lws": "bench-lws",
    "Beast": "bench-beast",
    "Beast-blocking": "bench-beast-blocking",
    "wslay": "bench-wslay",
    "ws": HERE / "ws_client.js",
}
PACKAGES = {"lws": "libwebsockets-dev", "Beast": "libboost-dev", "Beast-blocking": "libboost-dev",
            "wslay": "libwslay-dev", "ws": "node-ws"}

PLAIN = [Row(name, mode, "ascii", size, most, None, None) for name, mode, size, most in (
    ("receive-64", "receive", 64, 8000000), ("receive-1k", "receive", KIB, 1000000),
    ("receive-64k", "receive", 64 * KIB, 16000), ("receive-1m", "receive", MIB, 1000),
    ("send-64", "send", 64, 8000000), ("send-1k", "send", KIB, 800000),
    ("send-64k", "send", 64 * KIB, 16000), ("send-1m", "send", MIB, 1000),
    ("pingpong-64", "pingpong", 64, 20000), ("connect", "connect", 64, 2000))]
ROWS = PLAIN + [row._replace(name="tls-" + row.name) for row in PLAIN]
RUN_NS = 100e6           # about how long one run is to take
PINGPONG_RUN_NS = 500e6  # enough for a quantile of one in a thousand
COUNT_FIRST_SHARE = 50   # the run that measures how many is so much shorter
COUNT_MIN = 20

# Messages of the shorter of the two counted runs; the longer one has five times as many.
COUNTED = {"receive-64": 4000, "receive-64k": 60, "send-64": 4000, "send-64k": 60, "pingpong-64": 100,
           "tls-pingpong-64": 100}
COUNTED_TIMES = 5
CALLGRIND_TIMEOUT_S = 120
JIT_TIMES = 2  # ws: more messages, for its code must be compiled before it is counted


def libraries_here(programs):
    """The libraries that can be measured; says which cannot."""
    here = {}
    for library, program in PROGRAMS.items():
        is_here = (programs / program).exists()
        if library == "ws":
            is_here = WS_MODULE.exists() and shutil.which("node") is not None
        if is_here:
            here[library] = program
        else:
            print(f"{library} is left out: it is not installed, or was not when the bench was built"
                  f" (package {PACKAGES.get(library, '')}; scripts/deps bench)", file=sys.stderr)
    return here


# ---- time -------------------------------------------------------------------------------------

def run_once(bench, program, row, count):
    return bench.run_job(program, row.name.startswith("tls-"), row.mode, row.kind, row.size, count)


def count_for(bench, program, row):
    """So many messages that a run takes its time."""
    first = max(COUNT_MIN, row.count // COUNT_FIRST_SHARE // 4)
    each_ns = run_once(bench, program, row, first)["wall_ns"] / first
    wanted_ns = PINGPONG_RUN_NS if row.mode == "pingpong" else RUN_NS
    return int(min(max(wanted_ns / each_ns, COUNT_MIN), row.count))


def run_row(bench, libraries, row, turns):
    counts = {library: count_for(bench, program, row) for library, program in libraries.items()}
    runs = {library: [] for library in libraries}
    for _ in range(turns):
        for library, program in libraries.items():
            runs[library].append(run_once(bench, program, row, counts[library]))
    return {library: summarise(runs[library], counts[library]) for library in libraries}


def summarise(runs, count):
    figures = {"wall": statistics.median(run["wall_ns"] for run in runs) / count,
               "cpu": statistics.median(run["cpu_ns"] for run in runs) / count}
    for quantile in ("p50_ns", "p99_ns", "p999_ns"):
        if quantile in runs[0]:
            figures[quantile] = statistics.median(run[quantile] for run in runs)
    return figures


# ---- instructions -----------------------------------------------------------------------------

def callgrind(programs, program, row, count):
    """Instructions of user code of one whole run, against a peer of its own."""
    with tempfile.TemporaryDirectory(prefix="limpet-bench-") as folder:
        is_tls = row.name.startswith("tls-")
        peer = Peer(programs, max(os.sched_getaffinity(0)), folder if is_tls else None)
        try:
            command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
            command += ["node", str(program)] if str(program).endswith(".js") else [str(programs / program)]
            command += ["--tls", os.path.join(folder, "ca.pem")] if is_tls else []
            command += [peer.port, row.mode, row.kind, str(row.size), str(count)]
            done = subprocess.run(command, capture_output=True, text=True, check=False,
                                  timeout=CALLGRIND_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise BenchFailed(f"no end under callgrind: {program} {row.name}") from None
        finally:
            peer.close()
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        raise BenchFailed(f"callgrind: {program} {row.name}: {done.stderr.strip()[-400:]}")
    return int(found.group(1))


def instructions(programs, program, row):
    """Of one message; None, and a word why, when the count failed."""
    try:
        return instructions_counted(programs, program, row)
    except BenchFailed as error:
        print(f"not counted: {error}", file=sys.stderr)
        return None


def instructions_counted(programs, program, row):
    few = COUNTED[row.name]
    if str(program).endswith(".js"):
        few *= JIT_TIMES
    many = few * COUNTED_TIMES
    return (callgrind(programs, program, row, many) - callgrind(programs, program, row, few)) / (many - few)


def instructions_all(programs, libraries, rows):
    """Counts do not depend on what else runs, so the cores share the work."""
    tasks = {}
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for row in rows:
            for library, program in libraries.items():
                tasks[row.name, library] = pool.submit(instructions, programs, program, row)
    return {key: task.result() for key, task in tasks.items()}


# ---- memory -----------------------------------------------------------------------------------

def idle_command(programs, library, program, tls, peer, clients):
    if library == "Limpet":
        return [programs / "bench-idle"] + tls + [peer.port, clients]
    return [programs / program] + tls + [peer.port, "hold", "ascii", 1, clients]


def memory_of(programs, library, program, is_tls, clients):
    """Resident bytes of an idle client, the first one left out."""
    with tempfile.TemporaryDirectory(prefix="limpet-bench-") as folder:
        peer = Peer(programs, max(os.sched_getaffinity(0)), folder if is_tls else None)
        try:
            tls = ["--tls", os.path.join(folder, "ca.pem")] if is_tls else []
            done = run_client(idle_command(programs, library, program, tls, peer, clients),
                              min(os.sched_getaffinity(0)))
        finally:
            peer.close()
    return done["bytes_each"]


def memory_all(programs, libraries, clients):
    tasks = {}
    with concurrent.futures.ThreadPoolExecutor(2 * len(libraries)) as pool:
        for library, program in libraries.items():
            for name, is_tls in (("plain", False), ("tls", True)):
                tasks[name, library] = pool.submit(memory_of, programs, library, program, is_tls, clients)
    return {key: task.result() for key, task in tasks.items()}


def code_bytes(programs, program):
    """A program without its symbols, and the WebSocket library that it loads, if it is a shared one."""
    if str(program).endswith(".js"):
        return sum(file.stat().st_size for file in WS_MODULE.parent.rglob("*.js"))
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["strip", "-o", stripped.name, programs / program], check=True)
        size = os.stat(stripped.name).st_size
    loaded = subprocess.run(["ldd", programs / program], capture_output=True, text=True, check=True).stdout
    shared = re.findall(r"=> (\S*(?:libwebsockets|libwslay|liblimpet)\S*)", loaded)
    return size + sum(os.stat(path).st_size for path in shared)


# ---- main -------------------------------------------------------------------------------------

def parse_options():
    build = HERE.parent.parent / "build"
    parser = argparse.ArgumentParser(description="Limpet beside other WebSocket libraries.")
    parser.add_argument("--build", type=pathlib.Path, default=build / "release",
                        help="where the programs are (%(default)s)")
    parser.add_argument("--out", type=pathlib.Path, default=build / "bench",
                        help="folder for tables, figures and plot (%(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="runs of each row (%(default)s)")
    parser.add_argument("--idle", type=int, default=1000, help="idle clients (%(default)s)")
    parser.add_argument("--only", action="append", metavar="ROW",
                        help="only this row, or all whose name contains it; repeatable")
    parser.add_argument("--skip", action="append", default=[], choices=("instructions", "memory", "time"),
                        help="leave these figures out; repeatable")
    parser.set_defaults(raw_only=False, tls_read_ahead=False)
    return parser.parse_args()


def rows_wanted(only):
    names = [row.name for row in ROWS]
    return [row for row in ROWS if not only or any(
        row.name == word or (word not in names and word in row.name) for word in only)]


def measure(bench, options):
    libraries = libraries_here(bench.programs)
    rows = rows_wanted(options.only)
    result = {"libraries": list(libraries), "time": {}, "instructions": {}, "memory": {}, "code": {}}
    others = {library: program for library, program in libraries.items() if library != "raw"}
    if "time" not in options.skip:
        print(tables.time_header(libraries), flush=True)
        for row in rows:
            result["time"][row.name] = run_row(bench, libraries, row, options.turns)
            print(tables.time_line(row.name, result["time"][row.name], libraries), flush=True)
    if "memory" not in options.skip:
        result["memory"] = memory_all(bench.programs, others, options.idle)
        result["code"] = {library: code_bytes(bench.programs, program)
                          for library, program in others.items()}
    if "instructions" not in options.skip and shutil.which("valgrind") is None:
        print("instructions are left out: valgrind is not installed (scripts/deps bench)", file=sys.stderr)
    elif "instructions" not in options.skip:
        counted = [row for row in rows if row.name in COUNTED]
        result["instructions"] = instructions_all(bench.programs, others, counted)
    return result


def main():
    options = parse_options()
    options.build = options.build.resolve()
    with tempfile.TemporaryDirectory(prefix="limpet-bench-") as tls_dir:
        try:
            with contextlib.closing(bench_run.Bench(options, tls_dir)) as bench:
                result = measure(bench, options)
            result["idle"] = options.idle
            print("\n" + tables.write(result, options.out))
        except (BenchFailed, tables.PlotFailed) as error:
            print(f"bench: failed: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
