"""What side_by_side.py measured, as tables (peers.md), figures (peers.csv) and a plot (peers.svg)."""
import csv
import datetime
import os
import pathlib
import platform
import shutil
import subprocess
import sys

PLOT = pathlib.Path(__file__).resolve().parent / "plot.gnuplot"
AHEAD_MARGIN = 1.02  # less than this apart is not a difference
PACKAGES = ("libwebsockets-dev", "libboost-dev", "libwslay-dev", "node-ws", "nodejs", "libssl-dev",
            "libuv1-dev", "gcc", "valgrind")
NAMES = {"raw": "raw", "lws": "libwebsockets"}


class PlotFailed(Exception):
    """No plot; tables and figures are there."""


# ---- while it runs ------------------------------------------------------------------------------

def time_header(libraries):
    columns = "".join(f"{name:>15}" for name in libraries)
    return f"{'wall x, CPU x':<18}{columns}\n{'(Limpet: ns/msg)':<18}"


def time_line(name, figures, libraries):
    ours = figures["Limpet"]
    cells = []
    for library in libraries:
        theirs = figures[library]
        cell = (f"{ours['wall']:.0f} {ours['cpu']:.0f}" if library == "Limpet" else
                f"{theirs['wall'] / ours['wall']:.2f} {theirs['cpu'] / ours['cpu']:.2f}")
        cells.append(f"{cell:>15}")
    return f"{name:<18}" + "".join(cells)


# ---- Markdown -----------------------------------------------------------------------------------

def markdown_table(header, lines):
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule] + lines) + "\n"


def number(value):
    return "-" if value is None else f"{value:,.0f}"


def title(library):
    return NAMES.get(library, library)


def ratio_table(result, figure):
    libraries = result["libraries"]
    lines = []
    for row, figures in result["time"].items():
        ours = figures["Limpet"][figure]
        lines.append([row, f"{ours:,.0f}"] + [f"{figures[library][figure] / ours:.2f}"
                                              for library in libraries if library != "Limpet"])
    return markdown_table(["row", "Limpet, ns"] + [title(library) for library in libraries
                                                   if library != "Limpet"], lines)


def latency_table(result):
    lines = []
    for row, figures in result["time"].items():
        for quantile, name in (("p50_ns", "p50"), ("p99_ns", "p99"), ("p999_ns", "p99.9")):
            if quantile in figures["Limpet"]:
                lines.append([f"{row} {name}"] + [f"{figures[library][quantile] / 1000:.1f}"
                                                  for library in result["libraries"]])
    return markdown_table(["µs"] + [title(library) for library in result["libraries"]], lines)


def counted_table(result):
    libraries = [library for library in result["libraries"] if library != "raw"]
    rows = dict.fromkeys(row for row, _ in result["instructions"])
    lines = [[row] + [number(result["instructions"][row, library]) for library in libraries]
             for row in rows]
    return markdown_table(["row"] + [title(library) for library in libraries], lines)


def memory_table(result):
    libraries = [library for library in result["libraries"] if library != "raw"]
    lines = [[f"bytes of an idle {name} client"] + [f"{result['memory'][key, library]:,.0f}"
                                                    for library in libraries]
             for key, name in (("plain", "plain"), ("tls", "TLS"))]
    lines.append(["KiB of code"] + [f"{result['code'][library] / 1024:,.0f}" for library in libraries])
    return markdown_table([""] + [title(library) for library in libraries], lines)


def behind(result):
    """Where another library needs less than Limpet: every such cell, the smallest ratio first."""
    found = []

    def compare(row, what, library, theirs, ours):
        is_known = theirs is not None and ours is not None
        if is_known and library not in ("raw", "Limpet") and theirs * AHEAD_MARGIN < ours:
            found.append((theirs / ours, f"{row} {what}: {title(library)} {theirs / ours:.2f}"))

    for row, figures in result["time"].items():
        for library, theirs in figures.items():
            for what in theirs:
                compare(row, what.removesuffix("_ns"), library, theirs[what], figures["Limpet"][what])
    for what in ("instructions", "memory"):
        for (row, library), theirs in result[what].items():
            compare(row, what, library, theirs, result[what][row, "Limpet"])
    for library, theirs in result["code"].items():
        compare("code", "bytes", library, theirs, result["code"]["Limpet"])
    return [text for _, text in sorted(found)]


def machine():
    model = "processor unknown"
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines()
                  if line.startswith("model name")]
        model = models[0] if models else model
        if any(line.startswith("flags") and " hypervisor" in line
               for line in cpuinfo.read_text().splitlines()):
            model += " (virtual machine)"
    return f"{len(os.sched_getaffinity(0))} cores of {model}, Linux {platform.release()}"


def versions():
    if shutil.which("dpkg-query") is None:
        return "versions unknown (no dpkg-query)"
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}, ", *PACKAGES],
                           capture_output=True, text=True, check=False)
    return asked.stdout.rstrip(", ")


def command():
    return " ".join(["bench/peers/side_by_side.py"] + sys.argv[1:])


def markdown(result):
    parts = [f"{machine()}; {versions()}. `{command()}`, {datetime.date.today().isoformat()}.\n"]
    if result["time"]:
        parts += ["Wall time a message; the others as multiples of Limpet's:\n", ratio_table(result, "wall"),
                  "CPU time a message of the client, likewise:\n", ratio_table(result, "cpu")]
    if any("pingpong" in row for row in result["time"]):
        parts += ["Round trips of 64 bytes:\n", latency_table(result)]
    if result["instructions"]:
        parts += ["Instructions of user code a message (callgrind):\n", counted_table(result)]
    if result["memory"]:
        parts += [f"Resident memory, {result['idle']:,} idle clients in one process, and code:\n",
                  memory_table(result)]
    found = behind(result)
    parts.append("Limpet is behind in: " + "; ".join(found) + ".\n" if found
                 else "Limpet is behind in no figure.\n")
    return "\n".join(parts)


# ---- files --------------------------------------------------------------------------------------

def csv_write(result, path):
    """A line a row: for each library the ratio of wall, then of CPU, then instructions, to Limpet's."""
    libraries = result["libraries"]
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["row"] + [f"{title(library)} {what}" for what in ("wall", "cpu", "instructions")
                                for library in libraries])
        for row, figures in result["time"].items():
            line = [row]
            for what in ("wall", "cpu"):
                line += [f"{figures[library][what] / figures['Limpet'][what]:.4f}" for library in libraries]
            ours = result["instructions"].get((row, "Limpet"))
            for library in libraries:
                theirs = result["instructions"].get((row, library))
                line.append(f"{theirs / ours:.4f}" if theirs and ours else "")
            out.writerow(line)


def plot(csv_path, svg_path, names):
    if shutil.which("gnuplot") is None:
        raise PlotFailed(f"no plot: gnuplot is not installed (scripts/deps bench); the figures are in {csv_path}")
    settings = f"figures='{csv_path}'; names='{' '.join(names)}'; plot_file='{svg_path}'"
    done = subprocess.run(["gnuplot", "-e", settings, PLOT], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PlotFailed(f"gnuplot: {done.stderr.strip()}")


def write(result, folder):
    """All files; returns the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    text = markdown(result)
    (folder / "peers.md").write_text(text, encoding="utf-8")
    if result["time"]:
        csv_write(result, folder / "peers.csv")
        try:
            plot(folder / "peers.csv", folder / "peers.svg",
                 [title(library) for library in result["libraries"]])
        except PlotFailed as failed:
            raise PlotFailed(f"{failed}; the tables are in {folder / 'peers.md'}") from None
    return text
