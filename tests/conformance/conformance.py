#!/usr/bin/env python3
"""Runs the 517 cases of the public Autobahn|Testsuite, by number, against a server or a client.

    conformance.py server [options] -- PROGRAM {port}
    conformance.py server [options] --url ws://host:port/
    conformance.py client [options] -- PROGRAM {url} {agent}
    conformance.py client [options] --listen PORT

`server`: the program must echo every message on that port. `client`: the program speaks the suite's
control protocol with {url}: it asks /getCaseCount, opens /runCase?case=N&agent=A for each N from 1 and
echoes until the end, and comes to /updateReports?agent=A at last. Exit status: 0 if every case
is OK, or informational where the suite itself calls it so; 1 if not; 2 for wrong usage.
"""

import argparse
import collections
import fnmatch
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

import cases
import wire

START_LIMIT_S = 20.0
IDLE_LIMIT_S = 60.0  # a client that comes no more


class Results:
    """Verdicts by case number, told as they come and summed up at the end."""

    def __init__(self, numbers, is_verbose):
        self.numbers, self.is_verbose = numbers, is_verbose
        self.verdicts = {}
        self.started = time.monotonic()

    def note(self, number, verdict, why, seconds):
        self.verdicts[number] = verdict
        if self.is_verbose or verdict not in (cases.OK, cases.INFORMATIONAL):
            print(f"{number:8} {verdict:14} {seconds:6.2f} s  {why}", flush=True)

    def finish(self):
        """Prints the summary; whether all is well."""
        for number in self.numbers:
            if number not in self.verdicts:
                self.note(number, cases.FAILED, "never run", 0)
        counts = collections.Counter(self.verdicts.values())
        told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in cases.VERDICTS)
        print(f"{len(self.numbers)} cases: {told} ({time.monotonic() - self.started:.0f} s)")
        return counts[cases.OK] + counts[cases.INFORMATIONAL] == len(self.numbers) > 0


def run_case(case, sock, is_server, deflate, early, options):
    """Runs an opened case to its end; (verdict, why)."""
    limit_s = min(case.limit_s, options.case_timeout or case.limit_s)
    connection = wire.Connection(sock, is_server, case, deflate, options.patience)
    connection.run(time.monotonic() + limit_s, early)
    return case.judge(connection)


def handshake_deadline():
    return time.monotonic() + 10


# ---- testing a server ------------------------------------------------------------------------------


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


class ServerProgram:
    """The server under test, if it is ours to start; started again when it has died."""

    def __init__(self, command):
        self.command, self.process = command, None
        self.port = free_port()
        self.start()

    def start(self):
        words = [word.replace("{port}", str(self.port)) for word in self.command]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        end = time.monotonic() + START_LIMIT_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.stop()
        raise SystemExit(f"conformance: the server did not start: {shlex.join(words)}")

    def check(self):
        """What happened to it, or None; brings it back."""
        status = self.process.poll()
        if status is None:
            return None
        self.start()
        return f"the server ended, status {status}"

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def test_server_case(number, address, host, path, options):
    case = cases.CASES[number](scale=options.scale)
    sock = None
    try:
        sock = socket.create_connection(address, 10)
        deflate, early = wire.open_as_client(sock, host, path, case.offers, handshake_deadline())
        return run_case(case, sock, False, deflate, early, options)
    except (OSError, ValueError, wire.HandshakeError) as error:
        return cases.FAILED, f"opening handshake: {error}"
    finally:
        if sock:
            sock.close()


def test_server(options, numbers):
    results = Results(numbers, options.verbose)
    program = None if options.url else ServerProgram(options.command)
    url = urllib.parse.urlsplit(options.url or f"ws://127.0.0.1:{program.port}{options.path}")
    try:
        for number in numbers:
            started = time.monotonic()
            verdict, why = test_server_case(number, (url.hostname, url.port or 80), url.netloc,
                                            url.path or "/", options)
            death = program.check() if program else None
            if death:
                verdict, why = cases.FAILED, "; ".join(filter(None, [death, why]))
            results.note(number, verdict, why, time.monotonic() - started)
    finally:
        if program:
            program.stop()
    return results.finish()


# ---- testing a client ------------------------------------------------------------------------------


class Teller:
    """A connection that only says something: the control protocol's answers."""

    def __init__(self, text):
        self.text = text

    def on_open(self, connection):
        if self.text is not None:
            connection.send_message(self.text.encode(), False)
        connection.send_close(1000)

    def on_message(self, connection, payload, is_binary):
        pass

    on_ping = on_pong = lambda self, connection, payload: None


class ClientTester:
    """The fuzzing server: each connection asks for something by its path."""

    def __init__(self, options, numbers):
        self.options, self.numbers = options, numbers
        self.results = Results(numbers, options.verbose)
        self.listener = socket.create_server(("127.0.0.1", options.listen or 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.done = threading.Event()   # the client came for its reports
        self.busy = threading.Lock()    # cases run one at a time
        self.last_seen = time.monotonic()

    def number(self, query):
        index = query.get("case", [""])[0]
        if not index.isdigit() or not 1 <= int(index) <= len(self.numbers):
            raise wire.HandshakeError(f"no such case: {index!r}")
        return self.numbers[int(index) - 1]

    def answer(self, path, query):
        """What the control protocol says on that path."""
        if path == "/getCaseCount":
            return str(len(self.numbers))
        if path == "/getCaseInfo":
            number = self.number(query)
            return json.dumps({"id": number, "description": number})
        if path == "/getCaseStatus":
            verdict = self.results.verdicts.get(self.number(query), "MISSING")
            return json.dumps({"behavior": verdict})
        if path == "/updateReports":
            return None
        raise wire.HandshakeError(f"unknown path {path!r}")

    def control(self, sock, path, query, headers, early):
        text = self.answer(path, query)
        wire.send_answer(sock, headers, None)
        connection = wire.Connection(sock, True, Teller(text), None, self.options.patience)
        connection.run(time.monotonic() + 20, early)
        if path == "/updateReports":
            self.done.set()

    def run_case(self, sock, query, headers, early):
        number = self.number(query)
        case = cases.CASES[number](scale=self.options.scale)
        started = time.monotonic()
        deflate = answer = None
        if case.policy:
            offers = wire.parse_offers(headers.get("sec-websocket-extensions", ""))
            deflate, answer = wire.answer_offers(offers, case.policy)
        wire.send_answer(sock, headers, answer)
        verdict, why = run_case(case, sock, True, deflate, early, self.options)
        self.results.note(number, verdict, why, time.monotonic() - started)

    def serve(self, sock):
        try:
            target, headers, early = wire.read_request(sock, handshake_deadline())
            url = urllib.parse.urlsplit(target)
            query = urllib.parse.parse_qs(url.query)
            if url.path == "/runCase":
                with self.busy:
                    self.run_case(sock, query, headers, early)
            else:
                self.control(sock, url.path, query, headers, early)
        except (OSError, ValueError, wire.HandshakeError) as error:
            print(f"conformance: opening handshake: {error}", flush=True)
        finally:
            sock.close()
            self.last_seen = time.monotonic()

    def accept_all(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return  # closed at the end
            self.last_seen = time.monotonic()
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def is_idle(self):
        if self.busy.locked():
            self.last_seen = time.monotonic()
        return time.monotonic() - self.last_seen > IDLE_LIMIT_S

    def wait(self, process):
        """Until the client has come for its reports, has ended, or comes no more."""
        while not self.done.wait(0.1):
            if process and process.poll() is not None:
                print(f"conformance: the client ended early, status {process.returncode}")
                return
            if self.is_idle() and not self.options.listen:
                print(f"conformance: no sign of the client for {IDLE_LIMIT_S:.0f} s")
                return


def start_client(command, port):
    url = f"ws://127.0.0.1:{port}"
    words = [word.replace("{url}", url).replace("{agent}", "agent") for word in command]
    return subprocess.Popen(words, stdin=subprocess.DEVNULL)


def end_client(process):
    """Whether it ended by itself, with status 0."""
    try:
        status = process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        status = "none: it did not end"
    if status != 0:
        print(f"conformance: the client's exit status: {status}")
    return status == 0


def test_client(options, numbers):
    tester = ClientTester(options, numbers)
    threading.Thread(target=tester.accept_all, daemon=True).start()
    process = start_client(options.command, tester.port) if options.command else None
    try:
        tester.wait(process)
    finally:
        is_good = end_client(process) if process else True
        tester.listener.close()
    with tester.busy:
        return tester.results.finish() and is_good


# ---- command line -----------------------------------------------------------------------------------


def select(patterns):
    """Case numbers for "1.*,12.1.*" in the suite's order."""
    wanted = [pattern.strip() for pattern in patterns.split(",")]
    return [number for number in cases.NUMBERS
            if any(fnmatch.fnmatchcase(number, pattern) for pattern in wanted)]


def split_command(words):
    """What comes before and after "--"."""
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1:]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", choices=("server", "client"), help="what is under test")
    parser.add_argument("--cases", default="*", help='patterns, as "1.*,12.1.*"')
    parser.add_argument("--quick", action="store_true",
                        help="fewer and smaller messages in 9.*, 12.* and 13.*, shorter pauses")
    parser.add_argument("--quick-unless-long", action="store_true",
                        help="the same, unless the environment has LIMPET_TEST_LENGTH=long")
    parser.add_argument("--case-timeout", type=float, metavar="S", help="at most, for each case")
    parser.add_argument("--patience", type=float, default=10.0, metavar="S",
                        help="for a peer's part of the closing handshake (10)")
    parser.add_argument("--url", help="of a server that runs already")
    parser.add_argument("--path", default="/", help="where the program under test echoes")
    parser.add_argument("--listen", type=int, metavar="PORT", help="wait there for a client")
    parser.add_argument("--verbose", action="store_true", help="tell every case")
    arguments, command = split_command(sys.argv[1:])
    options = parser.parse_args(arguments)
    options.command = command
    other = options.url if options.role == "server" else options.listen
    if bool(options.command) == bool(other):
        parser.error("give either a program, or " +
                     ("--url" if options.role == "server" else "--listen"))
    is_short = options.quick_unless_long and os.environ.get("LIMPET_TEST_LENGTH") != "long"
    options.scale = cases.Scale(options.quick or is_short)
    return options, parser


def main():
    options, parser = parse_arguments()
    numbers = select(options.cases)
    if not numbers:
        parser.error("no such cases")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the program under test ends too
    test = test_server if options.role == "server" else test_client
    return 0 if test(options, numbers) else 1


if __name__ == "__main__":
    sys.exit(main())
