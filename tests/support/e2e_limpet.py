"""Runs the `limpet` program for the end-to-end tests and watches what it says.

A Limpet object is one run: its standard input can be fed at any time, its standard output is
kept as bytes, its standard error as lines. Tests wait for something to appear, with a deadline
that only a broken run reaches; nothing here sleeps to "give it time".
"""

import argparse
import array
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import termios
import threading
import time
import unittest

DEADLINE_S = 40
# A sanitizer's finding must not look like exit status 1 of the contract.
SANITIZERS = {name: "exitcode=99" for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS")}
SUPPRESSIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lsan.supp")
SANITIZERS["LSAN_OPTIONS"] = f"exitcode=99:print_suppressions=0:suppressions='{SUPPRESSIONS}'"
# Where the tests run must not matter: a proxy is one only if a test says so.
PROXY_VARIABLES = {name for word in ("http", "https", "ws", "wss", "all", "no")
                   for name in (word + "_proxy", word.upper() + "_PROXY")}
_program = [os.environ.get("LIMPET_PROGRAM", "")]


def inherited_environment():
    return {k: v for k, v in os.environ.items() if k not in PROXY_VARIABLES}


def program():
    """Path of the program under test."""
    return _program[0]


def refuse_float(text):
    raise ValueError("not an integer in an event: " + text)


def parse_event(line):
    """One line of --events json; raises ValueError for anything else."""
    event = json.loads(line, parse_float=refuse_float)
    if not isinstance(event, dict) or "event" not in event:
        raise ValueError("not an event object: " + line)
    return event


class Limpet:
    """One run. `stdin`: bytes to send before end of input, None to keep it open, a path, or a
    socket or file. `stdout`: what it is to be instead of a pipe that is read here.
    `path`: another program than `limpet`."""

    def __init__(self, *args, stdin=None, env=None, stderr=None, stdout_gone=False,
                 stdout=None, preexec_fn=None, path=None):
        environment = {**inherited_environment(), **SANITIZERS, "LC_ALL": "C.UTF-8", **(env or {})}
        self.args = [str(a) for a in args]
        given = open(stdin, "rb") if isinstance(stdin, str) else None
        given = stdin if hasattr(stdin, "fileno") else given
        self.process = subprocess.Popen([path or program(), *self.args], stdin=given or subprocess.PIPE,
                                        stdout=stdout or subprocess.PIPE, stderr=stderr or subprocess.PIPE,
                                        env=environment, preexec_fn=preexec_fn)
        if given:
            given.close()
        self.out = b""
        self.lines = []
        self.fed = 0
        self._changed = threading.Condition()
        self._open_streams = 0
        self._threads = []
        if stdout_gone:
            self.process.stdout.close()
        elif stdout is None:
            self._watch(self.process.stdout, self._take_out)
        if stderr is None:
            self._watch(self.process.stderr, self._take_line, by_line=True)
        if isinstance(stdin, bytes):
            self.feed(stdin)
            self.end_input()

    # ---- reading

    def _watch(self, stream, take, by_line=False):
        self._open_streams += 1
        thread = threading.Thread(target=self._read, args=(stream, take, by_line), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _read(self, stream, take, by_line):
        read = stream.readline if by_line else lambda: os.read(stream.fileno(), 65536)
        for piece in iter(read, b""):
            with self._changed:
                take(piece)
                self._changed.notify_all()
        with self._changed:
            self._open_streams -= 1
            self._changed.notify_all()

    def _take_out(self, piece):
        self.out += piece

    def _take_line(self, line):
        self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))

    def wait_for(self, what, condition, deadline_s=DEADLINE_S):
        """Waits until condition() is true; AssertionError names `what` and shows the run."""
        with self._changed:
            done = self._changed.wait_for(lambda: condition() or self._open_streams == 0,
                                          deadline_s)
            if done and condition():
                return
        raise AssertionError("never came: " + what + "\n" + self.story())

    def wait_event(self, event, /, count=1, **members):
        """Waits for the count-th event of that kind with these members and returns it."""
        self.wait_for(f"event {event} {members} x{count}",
                      lambda: len(self.events(event, **members)) >= count)
        return self.events(event, **members)[count - 1]

    def wait_out(self, size):
        self.wait_for(f"{size} bytes of output", lambda: len(self.out) >= size)
        return self.out

    def wait_line(self, text, count=1):
        self.wait_for(f"line with {text!r}",
                      lambda: sum(text in line for line in self.lines) >= count)

    def events(self, event=None, /, **members):
        """The events so far (--events json), filtered."""
        found = [parse_event(line) for line in self.lines]
        return [e for e in found if (event is None or e["event"] == event)
                and all(e.get(k) == v for k, v in members.items())]

    def states(self):
        """["CLOSED", "CONNECTING", ...]: the way through the states, from the state events. A
        last step to CLOSED after FAILED or ERROR (tidying up at exit) is left out."""
        steps = self.events("state")
        path = [steps[0]["from"]] + [s["to"] for s in steps] if steps else []
        if path[-1:] == ["CLOSED"] and path[-2] in ("FAILED", "ERROR"):
            path.pop()
        return path

    @property
    def text(self):
        return "\n".join(self.lines)

    def story(self):
        return (f"limpet {' '.join(self.args)}\nexit status: {self.process.poll()}\n"
                f"stdout: {self.out[-600:]!r}\nstderr:\n" + "\n".join(self.lines[-60:]))

    # ---- acting

    def feed(self, data):
        """Writes all of data to its standard input; a run that stopped reading is not an error."""
        try:
            for start in range(0, len(data), 4096):
                self.fed += os.write(self.process.stdin.fileno(), data[start:start + 4096])
        except BrokenPipeError:
            pass

    def feed_aside(self, data, end=True):
        """The same on a thread of its own, for input that the program may not take."""
        def work():
            self.feed(data)
            if end:
                self.end_input()
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def wait_input_taken(self):
        """Waits until the program has read all that was fed; input must not have ended."""
        wait_until("all input taken", lambda: waiting_in(self.process.stdin.fileno()) == 0)

    def end_input(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass

    def signal(self, number):
        os.kill(self.process.pid, number)

    def wait(self, deadline_s=DEADLINE_S):
        """Waits for the end and returns the exit status (negative: killed by a signal)."""
        try:
            status = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {deadline_s} s\n{self.story()}") from None
        for thread in self._threads:
            thread.join(deadline_s)
        return status

    def end(self):
        """For clean-up: no run outlives its test."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for thread in self._threads:
            thread.join(5)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                if stream:
                    stream.close()
            except (BrokenPipeError, ValueError):
                pass


class LimpetCase(unittest.TestCase):
    """Base of the end-to-end tests."""

    maxDiff = None

    def full_pipe(self):
        """A pipe that takes no more: (reader, writer), of which the caller closes the writer."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(writer, False)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
        os.set_blocking(writer, True)
        return reader, writer

    def limpet(self, *args, **kwargs):
        """Starts the program with these arguments."""
        run = Limpet(*args, **kwargs)
        self.addCleanup(run.end)
        return run

    def connect(self, *args, **kwargs):
        """Starts `limpet connect --events json`."""
        return self.limpet("connect", "--events", "json", *args, **kwargs)

    def keep(self, thing):
        """Closes a server or peer at the end of the test."""
        self.addCleanup(thing.close)
        return thing

    def assert_exit(self, run, status, deadline_s=DEADLINE_S):
        found = run.wait(deadline_s)
        self.assertEqual(found, status, run.story())
        self.assertNotIn("Sanitizer", run.text)

    def interrupt(self, run, number=signal.SIGTERM):
        """Ends a run that would go on, and expects the status of that signal."""
        run.signal(number)
        self.assert_exit(run, 128 + number)


def wait_until(what, condition, deadline_s=DEADLINE_S):
    """For conditions that cannot be signalled (the kernel's side of a pipe): polls."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("never came: " + what)
        time.sleep(0.005)


def waiting_in(pipe):
    """How many bytes nobody has read yet."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def wait_full(pipe):
    """Until its writing end takes no more, which may be long before all its bytes are used."""
    wait_until("a full pipe", lambda: not select.select([], [pipe], [], 0)[1])


def main():
    """test_x.py --limpet PROGRAM [arguments of unittest]"""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--limpet", default=program())
    known, rest = parser.parse_known_args()
    if not os.access(known.limpet, os.X_OK):
        sys.exit(f"the program under test is missing: --limpet {known.limpet!r}")
    _program[0] = os.path.abspath(known.limpet)
    unittest.main(module="__main__", argv=[sys.argv[0], *rest])
