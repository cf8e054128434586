#!/usr/bin/env python3
"""Tests the tester: a correct toy peer passes, and each fault planted in it is found, by the cases
that are made for it and by no others."""

import contextlib
import io
import socket
import sys
import threading
import time
import unittest

import cases
import conformance
import wire


class EchoHandler:
    """What every peer under test does: messages go back as they came."""

    def on_open(self, connection):
        pass

    def on_message(self, connection, payload, is_binary):
        connection.send_message(payload, is_binary)

    on_ping = on_pong = lambda self, connection, payload: None


class Toy(wire.Connection):
    """The correct peer. It checks UTF-8 at a message's end only, which the suite calls non-strict."""


class WithoutTextCheck(Toy):
    def on_whole_message(self):
        payload = b"".join(self.fragments)
        is_binary = self.message_opcode == wire.BINARY
        self.fragments, self.message_opcode = [], None
        self.handler.on_message(self, payload, is_binary)


class IgnoringReservedBits(Toy):
    def on_frame(self, frame):
        super().on_frame(frame._replace(rsv=0))


class IgnoringReservedOpcodes(Toy):
    def on_frame(self, frame):
        if frame.opcode in (0, 1, 2, 8, 9, 10):
            super().on_frame(frame)


class WithoutPongs(Toy):
    def on_control(self, frame):
        if frame.opcode != wire.PING:
            super().on_control(frame)


class PongingTwice(Toy):
    def on_control(self, frame):
        super().on_control(frame)
        if frame.opcode == wire.PING and len(frame.payload) <= 125:
            self.send_frame(wire.PONG, frame.payload)


class EchoingAsBinary(Toy):
    def send_message(self, payload, is_binary, fragment=None):
        super().send_message(payload, True, fragment)


class FailingWithWrongCode(Toy):
    def violate(self, code, problem):
        super().violate(1001, problem)


class AcceptingAnyCloseCode(Toy):
    def on_close(self, payload):
        good = payload[:2] if len(payload) > 1 else b""
        self.send_frame(wire.CLOSE, good)
        self.close_received = self.was_clean = True
        self.state = wire.CLOSING
        self.drops_when_flushed = True


class AnsweringAfterClose(Toy):
    def on_close(self, payload):
        super().on_close(payload)
        while (frame := self.reader.next()) is not None:
            if frame.opcode == wire.PING:
                self.out.appendleft(self.frame_bytes(wire.PONG, frame.payload))


class DroppingInsteadOfClosing(Toy):
    def on_close(self, payload):
        self.close_received = True
        self.finish()


class Deaf(Toy):
    """Opens, and then does nothing at all."""

    def take_frames(self):
        pass


class CuttingLongMessages(Toy):
    def send_message(self, payload, is_binary, fragment=None):
        super().send_message(payload[:65535], is_binary, fragment)


class ForgettingToResetTheWindow(Toy):
    def __init__(self, *args):
        super().__init__(*args)
        if self.compressor:
            self.compressor.fresh = False


SOME = "1.1.2,1.2.3,2.2,2.7,3.1,3.2,4.1.2,4.1.3,5.3,5.6,5.9,6.1.1,6.3.1,7.1.1,7.1.3,7.3.1,7.3.2," \
    "7.3.6,7.5.1,7.7.1,7.9.1"
LATE = "6.4.1,6.4.2,6.4.3,6.4.4"
# fault, cases that are run, cases of them that must not be OK
FAULTS = [
    (Toy, "[1-7].*,9.7.*,10.*,12.1.*,13.[27].*", LATE),
    (WithoutTextCheck, SOME, "6.3.1"),
    (IgnoringReservedBits, SOME, "3.1,3.2"),
    (IgnoringReservedOpcodes, SOME, "4.1.2,4.1.3"),
    (WithoutPongs, SOME, "2.2,5.6"),
    (PongingTwice, SOME, "2.2,5.6"),
    (EchoingAsBinary, "1.1.2,1.2.*,9.7.2", "1.1.2,9.7.2"),
    (FailingWithWrongCode, SOME, "3.1,3.2,4.1.2,4.1.3,5.9,6.3.1,7.3.6"),
    (AcceptingAnyCloseCode, SOME, "7.5.1,7.9.1"),
    (AnsweringAfterClose, SOME, "7.1.3"),
    (DroppingInsteadOfClosing, "7.*", "7.1.1,7.1.2,7.1.3,7.1.4,7.1.5,7.3.1,7.3.3,7.3.4,7.3.5,7.7.*"),
    (Deaf, "2.7,5.9,6.3.1,7.3.2,12.1.1", "*"),
    (CuttingLongMessages, "1.*", "1.1.7,1.1.8,1.2.7,1.2.8"),
    (ForgettingToResetTheWindow, "12.1.4,13.1.4,13.2.4,13.5.4", "13.2.4,13.5.4"),
]


class Options:
    """What conformance.py's command line gives."""

    def __init__(self, **values):
        self.scale = cases.Scale(True)
        self.verbose = True
        self.url = self.listen = self.command = None
        self.__dict__.update(values)


def not_ok(report):
    """Case numbers that the report tells as neither OK nor informational."""
    lines = [line.split() for line in report.splitlines()]
    good = (cases.OK, cases.INFORMATIONAL)
    return {words[0] for words in lines
            if words[0] in cases.CASES and words[1] not in good}


class ToyServer:
    """Echoes with one of the classes above."""

    def __init__(self, kind):
        self.kind = kind
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        with contextlib.suppress(OSError):
            while True:
                self.serve(self.listener.accept()[0])

    def serve(self, sock):
        _, headers, early = wire.read_request(sock, time.monotonic() + 5)
        offers = wire.parse_offers(headers.get("sec-websocket-extensions", ""))
        policy = [(offers[0].can_be_fresh, 15 if offers[0].can_be_small else 0)] if offers else []
        deflate, answer = wire.answer_offers(offers, policy)
        wire.send_answer(sock, headers, answer)
        self.kind(sock, True, EchoHandler(), deflate, 5.0).run(time.monotonic() + 20, early)


def toy_client(kind, port):
    """Speaks the control protocol and echoes."""
    class Listener(EchoHandler):
        said = None

        def on_message(self, connection, payload, is_binary):
            self.said = payload

    def visit(path, handler, offers=(), connection=Toy):
        sock = socket.create_connection(("127.0.0.1", port))
        deflate, early = wire.open_as_client(sock, "h", path, offers, time.monotonic() + 5)
        connection(sock, False, handler, deflate, 5.0).run(time.monotonic() + 20, early)
        return handler

    count = int(visit("/getCaseCount", Listener()).said)
    offers = [wire.Offer(True, True, False, 0)]
    for i in range(1, count + 1):
        visit(f"/runCase?case={i}&agent=toy", EchoHandler(), offers, kind)
    visit("/updateReports?agent=toy", Listener())


def run_server(kind, numbers, **limits):
    """The report on a toy server, and whether all was well."""
    server, report = ToyServer(kind), io.StringIO()
    with contextlib.redirect_stdout(report), contextlib.closing(server.listener):
        options = Options(url=f"ws://127.0.0.1:{server.port}/", **limits)
        is_good = conformance.test_server(options, numbers)
    return report.getvalue(), is_good


def run_client(kind, numbers, **limits):
    port, report = conformance.free_port(), io.StringIO()
    runner = threading.Thread(target=run_toy_client, args=(kind, port), daemon=True)
    with contextlib.redirect_stdout(report):
        runner.start()
        is_good = conformance.test_client(Options(listen=port, **limits), numbers)
    runner.join(20)
    return report.getvalue(), is_good


class Verdicts(unittest.TestCase):
    maxDiff = None

    def check(self, run, kind, patterns, faulty_patterns):
        """Faulty cases may be given up soon; sound ones get all the time they need, so that a busy
        machine proves nothing."""
        selected, faulty = conformance.select(patterns), conformance.select(faulty_patterns)
        sound = [number for number in selected if number not in faulty]
        faulty = [number for number in selected if number in faulty]
        report, is_good = run(kind, faulty, case_timeout=0.7, patience=0.3)
        self.assertEqual(not_ok(report), set(faulty), f"{kind.__name__}\n{report}")
        self.assertFalse(is_good)
        if sound:
            report, is_good = run(kind, sound, case_timeout=30.0, patience=10.0)
            self.assertEqual(not_ok(report), set(), f"{kind.__name__}\n{report}")
            self.assertTrue(is_good)

    def test_servers(self):
        for fault in FAULTS:
            self.check(run_server, *fault)

    def test_clients(self):
        for fault in FAULTS:
            self.check(run_client, *fault)

    def test_count(self):
        """The suite's own figures."""
        informational = [n for n, make in cases.CASES.items()
                         if make(scale=cases.Scale(False)).is_informational]
        self.assertEqual(len(cases.NUMBERS), 517)
        self.assertEqual(sorted(informational), ["7.1.6", "7.13.1", "7.13.2"])


def run_toy_client(kind, port):
    """Waits for the tester's port."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return toy_client(kind, port)
        except ConnectionRefusedError:
            time.sleep(0.02)
    return None


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
