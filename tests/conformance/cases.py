"""The 517 cases of the public Autobahn|Testsuite, by number: what is sent, and what must come back.

A case is a handler for a wire.Connection. It says what it expects as lists of events by verdict
(OK, NON-STRICT), and how the connection must end. After the end, `judge` gives the verdict.
"""

import functools

import data
from wire import BINARY, CLOSE, CONTINUATION, OPEN, PING, PONG, TEXT, Offer

OK, NON_STRICT, FAILED = "OK", "NON-STRICT", "FAILED"
INFORMATIONAL, UNIMPLEMENTED = "INFORMATIONAL", "UNIMPLEMENTED"
VERDICTS = (OK, NON_STRICT, INFORMATIONAL, UNIMPLEMENTED, FAILED)

HELLO = b"Hello, world!"
ODD_BYTES = bytes.fromhex("00fffefdfcfb00ff")
LIMIT_S = 10.0  # for a peer that does nothing; well-behaved ones never wait so long


class Scale:
    """How much of the large cases is run."""

    def __init__(self, is_quick):
        self.is_quick = is_quick

    def size(self, size):
        return max(size // 16, min(size, 65536)) if self.is_quick else size

    def count(self, size):
        return max(4, min(20, 65536 // (size + 1))) if self.is_quick else 1000

    def wait_s(self):
        return 0.25 if self.is_quick else 1.0


class Case:
    """One case, made anew for each run."""

    offers, policy = (), None  # permessage-deflate as client, as server
    limit_s = 30.0

    def __init__(self, number, scale):
        self.number, self.scale = number, scale
        self.received = []
        self.expected = {OK: []}
        self.closed_by_me, self.close_codes, self.needs_clean = True, (1000,), True
        self.wrong_end_is_fatal = False   # bad text: if we closed it, the peer did not notice
        self.wrong_code_is_fatal = False
        self.closes_when_done = True
        self.is_informational = False
        self.note = ""

    def on_open(self, connection):
        raise NotImplementedError

    def on_message(self, connection, payload, is_binary):
        self.see(connection, ("message", payload, is_binary))

    def on_ping(self, connection, payload):
        self.see(connection, ("ping", payload))

    def on_pong(self, connection, payload):
        self.see(connection, ("pong", payload))

    def see(self, connection, event):
        self.received.append(event)
        is_done = all(self.received == events for events in self.expected.values())
        if is_done and self.closed_by_me and self.closes_when_done:
            connection.send_close(1000)

    # -- verdict

    def judge_events(self):
        for verdict, events in self.expected.items():
            if self.received == events:
                return verdict, "" if verdict == OK else "received " + show_events(events)
        return FAILED, "received " + show_events(self.received) + \
            ", expected " + " or ".join(show_events(e) for e in self.expected.values())

    def judge_close(self, connection):
        """(verdict, why) of the ending."""
        if connection.is_late:
            return FAILED, "out of time"
        if self.closed_by_me != connection.closed_by_me:
            who = "the peer" if self.closed_by_me else "the tester, not the peer,"
            return FAILED, f"{who} ended the connection"
        if connection.dropped_by_me and not connection.close_received:
            return FAILED, "the peer neither answered the close frame nor ended TCP"
        if self.needs_clean and not connection.was_clean:
            return FAILED, "not closed cleanly"
        code = connection.remote_close_code
        if code is not None and code not in self.close_codes:
            return (FAILED if self.wrong_code_is_fatal else NON_STRICT), f"close code {code}"
        if not connection.is_server and connection.dropped_by_me:
            return NON_STRICT, "the server left it to the client to end TCP"
        return OK, ""

    def judge(self, connection):
        """(verdict, why)."""
        verdict, why = self.judge_events()
        close_verdict, close_why = self.judge_close(connection)
        if connection.problem:
            why = connection.problem + (", " + why if why else "")
        if self.is_informational:
            return INFORMATIONAL, ""
        if verdict == UNIMPLEMENTED:
            return verdict, why
        if connection.problem and verdict == OK and self.closed_by_me:
            verdict = FAILED
        if self.wrong_end_is_fatal and self.closed_by_me != connection.closed_by_me:
            verdict, why = FAILED, close_why
        worst = max(verdict, close_verdict, key=VERDICTS.index)
        return worst, "; ".join(filter(None, [why, close_why if close_why != why else ""]))


def show_events(events):
    def show(event):
        return " ".join(f"{part[:24]!r}{'...' if len(part) > 24 else ''}"
                        if isinstance(part, bytes) else str(part) for part in event)
    return "[" + ", ".join(map(show, events)) + "]"


class Script(Case):
    """Sends what a generator sends; each number it yields is a wait in seconds."""

    def __init__(self, number, scale, script, expected, **ending):
        super().__init__(number, scale)
        self.script, self.expected = script, expected
        for name, value in ending.items():
            setattr(self, name, value)

    def on_open(self, connection):
        connection.call_later(LIMIT_S, lambda: connection.fail(1001))
        self.go_on(connection, self.script(self, connection) or iter(()))

    def go_on(self, connection, steps):
        delay_s = next(steps, None)
        if delay_s is not None:
            connection.call_later(
                delay_s, lambda: connection.state == OPEN and self.go_on(connection, steps))


# ---- tables of scripts --------------------------------------------------------------------------

CASES = {}  # number -> function of (scale) that makes the case

PEER_FAILS = {"closed_by_me": False, "close_codes": (1002,), "needs_clean": False}
BAD_TEXT = {"closed_by_me": False, "close_codes": (1007,), "needs_clean": False,
            "wrong_end_is_fatal": True}


def add(number, script, expected, **ending):
    CASES[number] = functools.partial(Script, number, script=script, expected=expected, **ending)


def frames(*specs):
    """A script that sends frames: (opcode, payload, keywords of send_frame)."""
    def script(_case, connection):
        for opcode, payload, *keywords in specs:
            connection.send_frame(opcode, payload, **(keywords[0] if keywords else {}))
    return script


def ok(*events):
    return {OK: list(events)}


def ok_or_nothing(*events):
    return {OK: list(events), NON_STRICT: []}


def with_keywords(specs, **keywords):
    return [(o, p, {**(k[0] if k else {}), **keywords}) for o, p, *k in specs]


def add_echo(number, payload, is_binary, chop=None):
    opcode = BINARY if is_binary else TEXT
    add(number, frames((opcode, payload, {"chop": chop})), ok(("message", payload, is_binary)))


def define_framing():
    sizes = [0, 125, 126, 127, 128, 65535, 65536, 65536]
    for kind, (byte, is_binary) in enumerate([(b"*", False), (b"\xfe", True)], 1):
        for i, size in enumerate(sizes, 1):
            add_echo(f"1.{kind}.{i}", byte * size, is_binary, 997 if i == 8 else None)


def define_pings():
    def ping(number, payload, **keywords):
        add(number, frames((PING, payload, keywords)), ok(("pong", payload)))

    def pongs_and_close(*specs):
        def script(_case, connection):
            frames(*specs)(_case, connection)
            connection.send_close(1000)
        return script

    unsolicited = b"unsolicited pong payload"
    ten = [b"payload-%d" % i for i in range(10)]
    ping("2.1", b"")
    ping("2.2", HELLO)
    ping("2.3", ODD_BYTES)
    ping("2.4", b"\xfe" * 125)
    add("2.5", frames((PING, b"\xfe" * 126)), ok(), **PEER_FAILS)
    ping("2.6", b"\xfe" * 125, chop=1)
    add("2.7", pongs_and_close((PONG, b"")), ok())
    add("2.8", pongs_and_close((PONG, unsolicited)), ok())
    add("2.9", frames((PONG, unsolicited), (PING, b"ping payload")), ok(("pong", b"ping payload")))
    add("2.10", frames(*[(PING, p) for p in ten]), ok(*[("pong", p) for p in ten]))
    add("2.11", frames(*[(PING, p, {"chop": 1}) for p in ten]), ok(*[("pong", p) for p in ten]))


def define_reserved():
    """Reserved bits and opcodes: alone, or after a message that must still be answered."""
    def alone(number, opcode, payload, **keywords):
        add(number, frames((opcode, payload, keywords)), ok(), **PEER_FAILS)

    def after_message(number, opcode, payload, rsv=0, **how):
        specs = [(TEXT, HELLO), (opcode, payload, {"rsv": rsv}), (PING, b"")]
        add(number, frames(*with_keywords(specs, **how)),
            ok_or_nothing(("message", HELLO, False)), **PEER_FAILS)

    alone("3.1", TEXT, HELLO, rsv=1)
    after_message("3.2", TEXT, HELLO, rsv=2)
    after_message("3.3", TEXT, HELLO, rsv=3, sync=True)
    after_message("3.4", TEXT, HELLO, rsv=4, chop=1)
    alone("3.5", BINARY, ODD_BYTES, rsv=5)
    alone("3.6", BINARY, HELLO, rsv=6)
    alone("3.7", CLOSE, b"", rsv=7)
    for part, first in (("4.1", 3), ("4.2", 11)):
        alone(f"{part}.1", first, b"")
        alone(f"{part}.2", first + 1, b"reserved opcode payload")
        after_message(f"{part}.3", first + 2, b"")
        after_message(f"{part}.4", first + 3, HELLO)
        after_message(f"{part}.5", first + 4, HELLO, chop=1)


WAYS = ({}, {"sync": True}, {"chop": 1})  # joined, a frame at a time, a byte at a time


def define_fragmentation():
    one, two = b"fragment1", b"fragment2"
    whole = ("message", one + two, False)
    start, end = (TEXT, one, {"fin": False}), (CONTINUATION, two)
    for number, opcode in (("5.1", PING), ("5.2", PONG)):
        add(number, frames((opcode, one, {"fin": False}), end), ok(), **PEER_FAILS)
    stray = b"non-continuation payload"
    for i, how in enumerate(WAYS):
        add(f"5.{3 + i}", frames(*with_keywords([start, end], **how)), ok(whole))
        add(f"5.{6 + i}",
            frames(*with_keywords([start, (PING, b"ping payload"), end], **how)),
            ok(("pong", b"ping payload"), whole))
        for base, fin in ((9, True), (12, False)):
            specs = [(CONTINUATION, stray, {"fin": fin}), (TEXT, HELLO)]
            add(f"5.{base + i}", frames(*with_keywords(specs, **how)), ok(), **PEER_FAILS)
    add("5.15", frames(start, end, (CONTINUATION, b"fragment3", {"fin": False}),
                       (TEXT, b"fragment4")), ok_or_nothing(whole), **PEER_FAILS)
    for number, fin in (("5.16", False), ("5.17", True)):
        specs = [(CONTINUATION, one, {"fin": fin}), (TEXT, two, {"fin": False}),
                 (CONTINUATION, b"fragment3")]
        add(number, frames(*specs, *specs), ok(), **PEER_FAILS)
    add("5.18", frames(start, (TEXT, two)), ok(), **PEER_FAILS)
    for number, sync in (("5.19", False), ("5.20", True)):
        add_pings_between(number, sync)


def add_pings_between(number, sync):
    parts = [b"fragment%d" % i for i in range(1, 6)]
    pings = [b"pongme 1!", b"pongme 2!"]

    def script(case, connection):
        def send(opcode, payload, fin=True):
            connection.send_frame(opcode, payload, fin, sync=sync)
        send(TEXT, parts[0], False)
        send(CONTINUATION, parts[1], False)
        send(PING, pings[0])
        yield case.scale.wait_s()
        send(CONTINUATION, parts[2], False)
        send(CONTINUATION, parts[3], False)
        send(PING, pings[1])
        send(CONTINUATION, parts[4])
    add(number, script, ok(("pong", pings[0]), ("pong", pings[1]),
                           ("message", b"".join(parts), False)))


# ---- UTF-8 --------------------------------------------------------------------------------------

GREEK = "κ\u1f79σμε".encode()
UMLAUTS = "Hello-µ@ßöäüàá-UTF-8!!"


def hexes(text):
    return [bytes.fromhex(word) for word in text.split()]


def lonely(first, last):
    return b"".join(bytes([byte, 0x20]) for byte in range(first, last))


def non_characters():
    """U+FFFE, U+FFFF and the same at the end of each further plane."""
    return [chr(plane << 16 | low).encode() for plane in range(17) for low in (0xFFFE, 0xFFFF)]


def utf8_sequences():
    """Groups of byte strings, after Markus Kuhn's well-known test of UTF-8 decoders."""
    incomplete = hexes("c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf")
    continuations = [(b"\x80\xbf" * 3)[:n] for n in range(2, 7)]
    return [
        hexes("68656c6c6f24776f726c64 68656c6c6fc2a2776f726c64 68656c6c6fe282ac776f726c64"
              " 68656c6c6ff0a4ada2776f726c64") + [GREEK],
        [GREEK[:n] for n in range(1, len(GREEK) + 1)],
        hexes("00 c280 e0a080 f0908080"),
        hexes("f888808080 fc8480808080"),
        hexes("7f dfbf efbfbf f48fbfbf"),
        hexes("f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf"),
        hexes("ed9fbf ee8080 efbfbd f48fbfbf f4908080"),
        hexes("80 bf") + continuations + [bytes(range(0x80, 0xBF))],
        [lonely(*r) for r in ((0xC0, 0xDF), (0xE0, 0xEF), (0xF0, 0xF7), (0xF8, 0xFB), (0xFC, 0xFD))],
        incomplete,
        [b"".join(incomplete)],
        hexes("fe ff fefeffff"),
        hexes("c0af e080af f08080af f8808080af fc80808080af"),
        hexes("c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf"),
        hexes("c080 e08080 f0808080 f880808080 fc8080808080"),
        hexes("eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf"),
        hexes("eda080edb080 eda080edbfbf edadbfedb080 edadbfedbfbf edae80edb080 edae80edbfbf"
              " edafbfedb080 edafbfedbfbf"),
        non_characters(),
        [chr(c).encode() for c in range(0xFFF9, 0x10000)],
    ]


def is_utf8(payload):
    try:
        payload.decode("utf-8")
        return True
    except UnicodeDecodeError:
        return False


def text(payload, fragment=None):
    return lambda _case, connection: connection.send_message(payload, False, fragment)


def add_text(number, payload, fragment=None):
    if is_utf8(payload):
        add(number, text(payload, fragment), ok(("message", payload, False)))
    else:
        add(number, text(payload, fragment), ok(), **BAD_TEXT)


def define_utf8():
    middle, umlauts = b"middle frame payload", UMLAUTS.encode()
    add_echo("6.1.1", b"", False)
    add("6.1.2", frames((TEXT, b"", {"fin": False}), (CONTINUATION, b"", {"fin": False}),
                        (CONTINUATION, b"")), ok(("message", b"", False)))
    add("6.1.3", frames((TEXT, b"", {"fin": False}), (CONTINUATION, middle, {"fin": False}),
                        (CONTINUATION, b"")), ok(("message", middle, False)))
    cut = len("Hello-µ@ßöä".encode())
    add_text("6.2.1", umlauts)
    add("6.2.2", frames((TEXT, umlauts[:cut], {"fin": False}), (CONTINUATION, umlauts[cut:])),
        ok(("message", umlauts, False)))
    add_text("6.2.3", umlauts, 1)
    add_text("6.2.4", GREEK, 1)
    bad = GREEK + b"\xed\xa0\x80edited"
    add_text("6.3.1", bad)
    add_text("6.3.2", bad, 1)
    for i, (first, second) in enumerate([(11, 15), (12, 13)], 1):
        add_fail_fast(f"6.4.{i}", first, second, False)
        add_fail_fast(f"6.4.{i + 2}", first, second, True)
    for group, sequences in enumerate(utf8_sequences(), 5):
        for i, payload in enumerate(sequences, 1):
            add_text(f"6.{group}.{i}", payload)


def add_fail_fast(number, first, second, is_one_frame):
    """Text that goes wrong in its second of three parts, with a pause behind each: bad text must be
    noticed in the pause, not at the message's end."""
    payload = GREEK + b"\xf4\x90\x80\x80edited"
    parts = [payload[:first], payload[first:second], payload[second:]]

    def pieces(connection):
        if not is_one_frame:
            return [connection.frame_bytes(CONTINUATION if i else TEXT, part, fin=i == 2)
                    for i, part in enumerate(parts)]
        whole = connection.frame_bytes(TEXT, payload)
        head = len(whole) - len(payload)
        return [whole[:head + first], whole[head + first:head + second], whole[head + second:]]

    def script(case, connection):
        first_piece, *others = pieces(connection)
        connection.send_raw(first_piece)
        for name, piece in zip("AB", others):
            yield case.scale.wait_s()
            case.received.append(("timeout", name))
            connection.send_raw(piece)
    late = [("timeout", "A"), ("timeout", "B")]
    add(number, script, {OK: late[:1], NON_STRICT: late}, **BAD_TEXT)


# ---- closing ------------------------------------------------------------------------------------


def close_then(*after, before=()):
    """Sends frames, a close frame, and more frames."""
    def script(_case, connection):
        frames(*before)(_case, connection)
        connection.send_close(1000)
        for opcode, payload in after:
            connection.send_frame(opcode, payload)
    return script


def raw_close(payload):
    return lambda _case, connection: connection.send_close_payload(payload)


def code_bytes(code):
    return code.to_bytes(2, "big")


def define_closing():
    said = ("message", b"Hello World!", False)
    own = {"closes_when_done": False, "wrong_code_is_fatal": True}
    refuses = {**own, "close_codes": (1002,), "needs_clean": False}
    start = (TEXT, b"fragment1", {"fin": False})
    big = (b"BAsd7&jh23" * 26215)[:256 * 1024]
    add("7.1.1", frames((TEXT, b"Hello World!")), ok(said), wrong_code_is_fatal=True)
    add("7.1.2", close_then((CLOSE, b"")), ok(), **own)
    add("7.1.3", close_then((PING, b"")), ok(), **own)
    add("7.1.4", close_then((TEXT, b"Hello World!")), ok(), **own)
    add("7.1.5", close_then((CONTINUATION, b"fragment2"), before=[start]), ok(), **own)
    add("7.1.6", close_then((PING, b""), before=[(TEXT, big), (TEXT, b"Hello World!")]),
        ok_or_nothing(said), is_informational=True, **own)
    add("7.3.1", raw_close(b""), ok(), **own)
    add("7.3.2", raw_close(b"a"), ok(), **refuses)
    add("7.3.3", raw_close(code_bytes(1000)), ok(), **own)
    add("7.3.4", raw_close(code_bytes(1000) + b"Hello World!"), ok(), **own)
    add("7.3.5", raw_close(code_bytes(1000) + b"*" * 123), ok(), **own)
    add("7.3.6", raw_close(code_bytes(1000) + b"*" * 124), ok(), **refuses)
    add("7.5.1", raw_close(code_bytes(1000) + GREEK + b"\xed\xa0\x80edited"), ok(),
        **{**refuses, "close_codes": (1002, 1007)})
    valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
    for i, code in enumerate(valid, 1):
        add(f"7.7.{i}", raw_close(code_bytes(code)), ok(), **{**own, "close_codes": (1000, code)})
    for i, code in enumerate([0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999], 1):
        add(f"7.9.{i}", raw_close(code_bytes(code)), ok(), **refuses)
    for i, code in enumerate([5000, 65535], 1):
        add(f"7.13.{i}", raw_close(code_bytes(code)), ok(), is_informational=True, **own)


# ---- large messages, many messages -----------------------------------------------------------------


class Echo(Case):
    """One large message there and back."""

    def __init__(self, number, scale, size, pattern, is_binary, fragment=None, chop=None):
        super().__init__(number, scale)
        size = scale.size(size)
        self.payload = (pattern * (size // len(pattern) + 1))[:size]
        self.is_binary, self.fragment, self.chop = is_binary, fragment, chop
        self.expected = ok(("message", self.payload, is_binary))
        self.limit_s = 100.0

    def on_open(self, connection):
        if self.fragment:
            connection.send_message(self.payload, self.is_binary, self.fragment)
        else:
            connection.send_frame(BINARY if self.is_binary else TEXT, self.payload, chop=self.chop)


def define_large():
    kib, mib = 1024, 1024 * 1024
    text_pattern, binary_pattern = b"BAsd7&jh23", b"\x00\xfe\x23\xfa\xf0"

    def large(number, size, pattern, is_binary, **keywords):
        CASES[number] = functools.partial(Echo, number, size=size, pattern=pattern,
                                          is_binary=is_binary, **keywords)
    for i, size in enumerate([64 * kib, 256 * kib, mib, 4 * mib, 8 * mib, 16 * mib], 1):
        large(f"9.1.{i}", size, text_pattern, False)
        large(f"9.2.{i}", size, binary_pattern, True)
    for i in range(9):
        large(f"9.3.{i + 1}", 4 * mib, b"*", False, fragment=64 << 2 * i)
        large(f"9.4.{i + 1}", 4 * mib, b"\xfe", True, fragment=64 << 2 * i)
    for i in range(6):
        large(f"9.5.{i + 1}", mib, text_pattern, False, chop=64 << i)
        large(f"9.6.{i + 1}", mib, binary_pattern, True, chop=64 << i)
    CASES["10.1.1"] = functools.partial(Echo, "10.1.1", size=65536, pattern=b"*", is_binary=False,
                                        fragment=1300)


class Series(Case):
    """Many messages, each sent when the one before is back."""

    def __init__(self, number, scale, size, limit_s):
        super().__init__(number, scale)
        self.size, self.limit_s = size, limit_s
        self.left, self.awaited = scale.count(size), None
        self.verdict, self.why = FAILED, "not all messages came back"

    def make(self):
        """(payload, is_binary) of the next message."""
        raise NotImplementedError

    def send(self, connection, payload, is_binary):
        connection.send_frame(BINARY if is_binary else TEXT, payload)

    def send_next(self, connection):
        self.awaited = self.make()
        self.left -= 1
        self.send(connection, *self.awaited)

    def on_open(self, connection):
        self.send_next(connection)

    def on_message(self, connection, payload, is_binary):
        if (payload, is_binary) != self.awaited:
            self.why = f"message not as sent: {len(payload)} bytes, binary {is_binary}"
            connection.send_close(1000)
        elif self.left:
            self.send_next(connection)
        else:
            self.verdict, self.why = OK, ""
            connection.send_close(1000)

    def judge_events(self):
        return self.verdict, self.why


class RoundTrips(Series):
    def __init__(self, number, scale, size, limit_s, is_binary):
        super().__init__(number, scale, size, limit_s)
        self.is_binary = is_binary

    def make(self):
        return (b"\xfe" if self.is_binary else b"*") * self.size, self.is_binary


class Compressed(Series):
    """Slices of a file, compressed."""

    def __init__(self, number, scale, size, limit_s, source, fragment, offers, policy):
        super().__init__(number, scale, size, limit_s)
        self.source, self.fragment = source, fragment
        self.offers, self.policy = offers, policy
        self.at = 0

    def on_open(self, connection):
        if connection.compressor is None:
            self.verdict, self.why = UNIMPLEMENTED, "permessage-deflate was not agreed on"
            connection.send_close(1000)
        else:
            self.send_next(connection)

    def make(self):
        end = (self.at + self.size) % len(self.source)
        part = self.source[self.at:end] if end > self.at else self.source[self.at:] + self.source[:end]
        self.at = end
        return (part, True) if isinstance(part, bytes) else (part.encode(), False)

    def send(self, connection, payload, is_binary):
        connection.send_message(payload, is_binary, self.fragment)


SIZES = [(16, 60), (64, 60), (256, 120), (1024, 240), (4096, 480)]  # bytes, seconds
COMPRESSED_SIZES = [(size, limit_s, None) for size, limit_s in SIZES] + \
    [(8192 << i, 480, None) for i in range(5)] + \
    [(8192 << i, 480, 256) for i in range(5)] + \
    [(131072, 480, fragment) for fragment in (1024, 4096, 32768)]


def offer(wants_fresh=False, wants_bits=0):
    return Offer(True, True, wants_fresh, wants_bits)


# of section 13: what the tester offers as client, what it accepts as server
PARAMETERS = [
    ([offer()], [(False, 0)]),
    ([offer(True)], [(True, 0)]),
    ([offer(False, 9)], [(False, 9)]),
    ([offer(False, 15)], [(False, 15)]),
    ([offer(True, 9)], [(True, 9)]),
    ([offer(True, 15)], [(True, 15)]),
    ([offer(True, 9), offer(True), offer()], [(True, 9), (True, 0), (False, 0)]),
]


def define_series():
    for part, is_binary in (("9.7", False), ("9.8", True)):
        for i, (size, limit_s) in enumerate([(0, 60)] + SIZES, 1):
            number = f"{part}.{i}"
            CASES[number] = functools.partial(RoundTrips, number, size=size, limit_s=limit_s,
                                              is_binary=is_binary)
    sources = [source for _, source in data.load()]
    plan = [(f"12.{j}", source, *PARAMETERS[0]) for j, source in enumerate(sources, 1)]
    plan += [(f"13.{j}", sources[0], *PARAMETERS[j - 1]) for j in range(1, 8)]
    for part, source, offers, policy in plan:
        for i, (size, limit_s, fragment) in enumerate(COMPRESSED_SIZES, 1):
            number = f"{part}.{i}"
            CASES[number] = functools.partial(Compressed, number, size=size, limit_s=limit_s,
                                              source=source, fragment=fragment, offers=offers,
                                              policy=policy)


def by_number(number):
    return [int(part) for part in number.split(".")]


def define():
    for part in (define_framing, define_pings, define_reserved, define_fragmentation, define_utf8,
                 define_closing, define_large, define_series):
        part()
    return sorted(CASES, key=by_number)


NUMBERS = define()
