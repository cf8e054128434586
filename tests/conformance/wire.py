"""WebSocket connections that can misbehave on purpose (RFC 6455, RFC 7692).

Standard library only. One Connection is one socket, driven by its own loop: it writes what is
queued in exactly the pieces asked for, reads at the same time, checks what the peer sends, runs
timers, and tells a handler (a case) what happened. It is made for testing peers: no limits, no
care for speed beyond what a test run needs.
"""

import base64
import collections
import hashlib
import heapq
import os
import select
import socket
import struct
import time
import zlib

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
HEAD_LIMIT = 64 * 1024
READ_SIZE = 256 * 1024
JOIN_LIMIT = 8192


class HandshakeError(Exception):
    """The opening handshake went wrong."""


# ---- frames -----------------------------------------------------------------------------------


def mask_bytes(data, key):
    """Exclusive-or with the repeated key, as one big number."""
    size = len(data)
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(pad, "little")).to_bytes(size, "little")


def make_header(opcode, size, fin, rsv, key):
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    mask_bit = 0x80 if key else 0
    if size < 126:
        head = struct.pack("!BB", first, mask_bit | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, size)
    return head + (key or b"")


Frame = collections.namedtuple("Frame", "opcode payload fin rsv is_masked")


class FrameReader:
    """Cuts bytes into frames."""

    def __init__(self):
        self.buffer = bytearray()

    def feed(self, data):
        self.buffer += data

    def next(self):
        """The next whole frame, or None."""
        have = len(self.buffer)
        if have < 2:
            return None
        first, second = self.buffer[0], self.buffer[1]
        size, at = second & 0x7F, 2
        if size > 125:
            width = 2 if size == 126 else 8
            if have < 2 + width:
                return None
            size, at = int.from_bytes(self.buffer[2:2 + width], "big"), 2 + width
        key = None
        if second & 0x80:
            key, at = bytes(self.buffer[at:at + 4]), at + 4
        if have < at + size:
            return None
        payload = bytes(self.buffer[at:at + size])
        del self.buffer[:at + size]
        if key:
            payload = mask_bytes(payload, key)
        return Frame(first & 0xF, payload, bool(first & 0x80), first >> 4 & 7, key is not None)


# ---- permessage-deflate --------------------------------------------------------------------------


Deflate = collections.namedtuple("Deflate", "server_fresh server_bits client_fresh client_bits")


class Offer(collections.namedtuple("Offer", "can_be_fresh can_be_small wants_fresh wants_bits")):
    """An offer of the client, from its point of view: whether it would drop its own context and
    shrink its own window, and what it wants of the server (no context takeover, window bits)."""

    def text(self):
        parts = ["permessage-deflate"]
        parts += ["client_no_context_takeover"] if self.can_be_fresh else []
        parts += ["client_max_window_bits"] if self.can_be_small else []
        parts += ["server_no_context_takeover"] if self.wants_fresh else []
        parts += [f"server_max_window_bits={self.wants_bits}"] if self.wants_bits else []
        return "; ".join(parts)


def parse_extensions(value):
    """[(name, {parameter: value or None})]; HandshakeError for a parameter given twice."""
    found = []
    for element in value.split(","):
        name, *rest = [part.strip() for part in element.split(";")]
        parameters = {}
        for part in rest:
            key, _, text = part.partition("=")
            if key in parameters:
                raise HandshakeError(f"parameter twice: {key}")
            parameters[key] = text.strip('"') if "=" in part else None
        if name:
            found.append((name, parameters))
    return found


def parse_bits(text):
    if text is None or not text.isdigit() or not 8 <= int(text) <= 15 or text[0] == "0":
        raise HandshakeError(f"window bits {text!r}")
    return int(text)


def parse_offers(value):
    """The acceptable permessage-deflate offers in a request's header."""
    offers = []
    for name, parameters in parse_extensions(value):
        known = {"client_no_context_takeover", "client_max_window_bits",
                 "server_no_context_takeover", "server_max_window_bits"}
        if name != "permessage-deflate" or not set(parameters) <= known:
            continue
        if parameters.get("client_max_window_bits") is not None:
            parse_bits(parameters["client_max_window_bits"])
        wanted = parameters.get("server_max_window_bits", "0")
        # a server may ask any client to drop its context (RFC 7692 section 7.1.1.2)
        offers.append(Offer(True, "client_max_window_bits" in parameters,
                            "server_no_context_takeover" in parameters,
                            0 if wanted == "0" else parse_bits(wanted)))
    return offers


def answer_offers(offers, policy):
    """The server's choice: `policy` lists (client fresh, client bits or 0) in order of preference.
    Returns (Deflate, header value), or (None, None)."""
    for fresh, bits in policy:
        for offer in offers:
            if (fresh and not offer.can_be_fresh) or (bits and not offer.can_be_small):
                continue
            parts = ["permessage-deflate"]
            parts += ["server_no_context_takeover"] if offer.wants_fresh else []
            parts += [f"server_max_window_bits={offer.wants_bits}"] if offer.wants_bits else []
            parts += ["client_no_context_takeover"] if fresh else []
            parts += [f"client_max_window_bits={bits}"] if bits else []
            agreed = Deflate(offer.wants_fresh, offer.wants_bits or 15, fresh, bits or 15)
            return agreed, "; ".join(parts)
    return None, None


def read_answer(value, offers):
    """The client's reading of the server's choice; HandshakeError if no offer allows it."""
    extensions = parse_extensions(value)
    if len(extensions) != 1 or extensions[0][0] != "permessage-deflate" or not offers:
        raise HandshakeError(f"extensions not offered: {value!r}")
    p = dict(extensions[0][1])
    server_fresh = "server_no_context_takeover" in p
    client_fresh = "client_no_context_takeover" in p
    if p.pop("server_no_context_takeover", None) or p.pop("client_no_context_takeover", None):
        raise HandshakeError(f"flag with a value: {value!r}")
    server_bits = parse_bits(p.pop("server_max_window_bits")) if "server_max_window_bits" in p else 0
    client_bits = parse_bits(p.pop("client_max_window_bits")) if "client_max_window_bits" in p else 0
    if p:
        raise HandshakeError(f"unknown parameter: {value!r}")
    for offer in offers:
        grants_bits = not offer.wants_bits or 0 < server_bits <= offer.wants_bits
        if (server_fresh or not offer.wants_fresh) and grants_bits:
            return Deflate(server_fresh, server_bits or 15, client_fresh, client_bits or 15)
    raise HandshakeError(f"answer grants none of the offers: {value!r}")


class Compressor:
    """Both directions of one end."""

    def __init__(self, deflate, is_server):
        own = (deflate.server_fresh, deflate.server_bits)
        peer = (deflate.client_fresh, deflate.client_bits)
        (self.fresh, self.bits), (self.peer_fresh, self.peer_bits) = \
            (own, peer) if is_server else (peer, own)
        self.deflater = self.inflater = None

    def compress(self, data):
        if self.deflater is None or self.fresh:
            # zlib makes no raw stream for 8 bits; its 9-bit streams never reach back 256 bytes
            self.deflater = zlib.compressobj(6, zlib.DEFLATED, -max(self.bits, 9))
        return (self.deflater.compress(data) + self.deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def decompress(self, data):
        if self.inflater is None or self.peer_fresh:
            self.inflater = zlib.decompressobj(-self.peer_bits)
        return self.inflater.decompress(data + b"\x00\x00\xff\xff")


# ---- handshake ---------------------------------------------------------------------------------


def read_head(sock, deadline):
    """(first line, headers, bytes behind the head); headers by lower-case name, joined by comma."""
    data = b""
    while b"\r\n\r\n" not in data:
        sock.settimeout(max(0.01, deadline - time.monotonic()))
        piece = sock.recv(65536)
        if not piece or len(data) > HEAD_LIMIT:
            raise HandshakeError("connection ended inside the head" if not piece else "head too long")
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise HandshakeError(f"not a header: {line!r}")
        name, value = name.lower(), value.strip()
        headers[name] = headers[name] + ", " + value if name in headers else value
    return first, headers, rest


def accept_value(key):
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


def has_token(headers, name, token):
    return token in [t.strip().lower() for t in headers.get(name, "").split(",")]


def open_as_client(sock, host, path, offers, deadline):
    """Returns (Deflate or None, bytes behind the head)."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
             f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
    if offers:
        lines.append("Sec-WebSocket-Extensions: " + ", ".join(o.text() for o in offers))
    sock.sendall("\r\n".join(lines + ["", ""]).encode())
    first, headers, rest = read_head(sock, deadline)
    if not first.startswith("HTTP/1.1 101"):
        raise HandshakeError(f"answer {first!r}")
    if headers.get("sec-websocket-accept") != accept_value(key):
        raise HandshakeError("wrong Sec-WebSocket-Accept")
    if headers.get("upgrade", "").lower() != "websocket" or \
            not has_token(headers, "connection", "upgrade"):
        raise HandshakeError("no upgrade in the answer")
    if "sec-websocket-protocol" in headers:
        raise HandshakeError("a subprotocol that was not offered")
    answer = headers.get("sec-websocket-extensions")
    return (read_answer(answer, offers) if answer else None), rest


def read_request(sock, deadline):
    """Returns (path with query, headers, bytes behind the head) of a valid upgrade request."""
    first, headers, rest = read_head(sock, deadline)
    words = first.split(" ")
    if len(words) != 3 or words[0] != "GET" or words[2] != "HTTP/1.1":
        raise HandshakeError(f"request {first!r}")
    if not has_token(headers, "upgrade", "websocket") or \
            not has_token(headers, "connection", "upgrade"):
        raise HandshakeError("not an upgrade request")
    if headers.get("sec-websocket-version") != "13" or not headers.get("host"):
        raise HandshakeError("no Host, or not version 13")
    if len(base64.b64decode(headers.get("sec-websocket-key", ""), validate=True)) != 16:
        raise HandshakeError("key is not 16 bytes")
    return words[1], headers, rest


def send_answer(sock, headers, extensions):
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Accept: " + accept_value(headers["sec-websocket-key"])]
    lines += [f"Sec-WebSocket-Extensions: {extensions}"] if extensions else []
    sock.sendall("\r\n".join(lines + ["", ""]).encode())


# ---- connection ---------------------------------------------------------------------------------


OPEN, CLOSING, CLOSED = "open", "closing", "closed"


def close_payload_problem(payload):
    """(close code to fail with, what is wrong) for a close frame's payload, or None."""
    if len(payload) == 1:
        return 1002, "close payload of one byte"
    if not payload:
        return None
    code = int.from_bytes(payload[:2], "big")
    if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        return 1002, f"close code {code}"
    try:
        payload[2:].decode("utf-8")
    except UnicodeDecodeError:
        return 1007, "close reason is not UTF-8"
    return None


class Connection:
    """An open WebSocket. `handler` has on_open, on_message, on_ping, on_pong (all given the
    connection first)."""

    def __init__(self, sock, is_server, handler, deflate=None, patience_s=10.0):
        self.sock, self.is_server, self.handler = sock, is_server, handler
        self.patience_s = patience_s
        self.compressor = Compressor(deflate, is_server) if deflate else None
        self.state = OPEN
        self.reader = FrameReader()
        self.out = collections.deque()  # pieces, each for one call of send()
        self.joins = False              # the last piece may still grow
        self.timers, self.timer_count = [], 0
        self.fragments, self.message_opcode, self.message_rsv1 = [], None, False
        self.closed_by_me = self.was_clean = self.dropped_by_me = False
        self.remote_close_code = None
        self.close_received = self.drops_when_flushed = self.eof = False
        self.problem = None  # what the peer did wrong
        self.is_late = False  # the whole time given was over

    # -- sending

    def send_raw(self, data, chop=None, sync=False):
        """`chop`: pieces of so many bytes; `sync`: a piece of its own."""
        if chop:
            self.out.extend(data[i:i + chop] for i in range(0, len(data), chop))
        elif self.joins and not sync and self.out and len(self.out[-1]) < JOIN_LIMIT:
            self.out[-1] = self.out[-1] + data
        else:
            self.out.append(data)
        self.joins = not chop and not sync

    def frame_bytes(self, opcode, payload=b"", fin=True, rsv=0):
        key = None if self.is_server else os.urandom(4)
        head = make_header(opcode, len(payload), fin, rsv, key)
        return head + (mask_bytes(payload, key) if key else payload)

    def send_frame(self, opcode, payload=b"", fin=True, rsv=0, chop=None, sync=False):
        if self.state != CLOSED:
            self.send_raw(self.frame_bytes(opcode, payload, fin, rsv), chop, sync)

    def send_message(self, payload, is_binary, fragment=None):
        rsv, opcode = 0, BINARY if is_binary else TEXT
        if self.compressor:
            payload, rsv = self.compressor.compress(payload), 4
        step = fragment or max(len(payload), 1)
        for at in range(0, max(len(payload), 1), step):
            self.send_frame(opcode, payload[at:at + step], at + step >= len(payload), rsv)
            opcode, rsv = CONTINUATION, 0

    def send_close_payload(self, payload):
        """Begins the closing handshake with whatever payload."""
        if self.state != OPEN:
            return
        self.send_frame(CLOSE, payload)
        self.state = CLOSING
        self.closed_by_me = True
        self.call_later(self.patience_s, self.drop)

    def send_close(self, code, reason=b""):
        self.send_close_payload(struct.pack("!H", code) + reason)

    def fail(self, code):
        """Ends it from here: closing handshake first, then by force."""
        if self.state == OPEN:
            self.send_close(code)
        else:
            self.drop()

    def drop(self):
        """Nothing more is expected of the peer."""
        if self.state == CLOSED:
            return
        self.dropped_by_me = True
        self.was_clean = False
        self.finish()

    def finish(self):
        self.state = CLOSED

    # -- time

    def call_later(self, delay_s, action):
        self.timer_count += 1
        heapq.heappush(self.timers, (time.monotonic() + delay_s, self.timer_count, action))

    def run_timers(self):
        while self.timers and self.timers[0][0] <= time.monotonic() and self.state != CLOSED:
            heapq.heappop(self.timers)[2]()

    # -- receiving

    def violate(self, code, problem):
        self.problem = self.problem or problem
        self.fail(code)

    def on_frame(self, frame):
        if frame.is_masked != self.is_server:
            return self.violate(1002, "masked frame from a server" if frame.is_masked
                                else "frame of a client without mask")
        if frame.opcode >= 8:
            return self.on_control(frame)
        return self.on_data(frame)

    def on_control(self, frame):
        if frame.rsv or not frame.fin or len(frame.payload) > 125 or frame.opcode > PONG:
            self.violate(1002, f"bad control frame, opcode {frame.opcode}")
            if frame.opcode == CLOSE:
                self.end_handshake()
            return None
        if frame.opcode == CLOSE:
            return self.on_close(frame.payload)
        if frame.opcode == PING:
            if self.state == OPEN:
                self.send_frame(PONG, frame.payload)
            return self.handler.on_ping(self, frame.payload)
        return self.handler.on_pong(self, frame.payload)

    def on_close(self, payload):
        bad = close_payload_problem(payload)
        if len(payload) >= 2:
            self.remote_close_code = int.from_bytes(payload[:2], "big")
        if bad:
            self.problem = bad[1]
        if self.state == OPEN:
            self.send_frame(CLOSE, payload[:2] if not bad else struct.pack("!H", bad[0]))
            self.state = CLOSING
        self.was_clean = not bad
        self.end_handshake()

    def end_handshake(self):
        """Both close frames are there, however bad."""
        self.close_received = True
        if self.is_server:
            self.drops_when_flushed = True  # RFC 6455 section 7.1.1: the server ends TCP
        else:
            self.call_later(self.patience_s, self.drop)

    def on_data(self, frame):
        is_first = self.message_opcode is None
        may_compress = self.compressor is not None and is_first
        if frame.rsv & ~(4 if may_compress else 0):
            return self.violate(1002, f"reserved bits {frame.rsv}")
        if frame.opcode > BINARY or is_first == (frame.opcode == CONTINUATION):
            return self.violate(1002, f"data frame with opcode {frame.opcode} out of turn")
        if is_first:
            self.message_opcode, self.message_rsv1 = frame.opcode, bool(frame.rsv)
        self.fragments.append(frame.payload)
        if frame.fin:
            self.on_whole_message()

    def on_whole_message(self):
        payload, is_binary = b"".join(self.fragments), self.message_opcode == BINARY
        try:
            if self.message_rsv1:
                payload = self.compressor.decompress(payload)
            if not is_binary:
                payload.decode("utf-8")
        except zlib.error as error:
            return self.violate(1007, f"cannot inflate: {error}")
        except UnicodeDecodeError:
            return self.violate(1007, "text is not UTF-8")
        self.fragments, self.message_opcode = [], None
        self.handler.on_message(self, payload, is_binary)

    def take_frames(self):
        while self.state != CLOSED and not self.close_received:
            frame = self.reader.next()
            if frame is None:
                return
            if not self.problem or frame.opcode == CLOSE:  # after a violation only the end counts
                self.on_frame(frame)

    # -- the loop

    def read_some(self):
        try:
            data = self.sock.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if data:
            self.reader.feed(data)
            self.take_frames()
        else:
            self.eof = True

    def write_some(self):
        try:
            sent = self.sock.send(self.out[0])
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.out.clear()  # the peer is gone; what it said before is still to be read
            return
        if sent == len(self.out[0]):
            self.out.popleft()
        else:
            self.out[0] = memoryview(self.out[0])[sent:]
        self.joins = False

    def wait(self, deadline):
        end = min([deadline] + [t[0] for t in self.timers[:1]])
        writers = [self.sock] if self.out else []
        return select.select([self.sock], writers, [], max(0.0, end - time.monotonic()))

    def end_tcp(self):
        """Lets the last bytes arrive: a socket closed with unread input would reset them."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.settimeout(1.0)
            end = time.monotonic() + 1.0
            while not self.eof and time.monotonic() < end and self.sock.recv(READ_SIZE):
                pass
        except OSError:
            pass
        self.sock.close()

    def run(self, deadline, early=b""):
        """From open to closed. `early`: bytes that came with the handshake's head."""
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.handler.on_open(self)
        self.reader.feed(early)
        self.take_frames()
        while self.state != CLOSED and not self.eof:
            if time.monotonic() >= deadline:
                self.is_late = True
                self.drop()
                break
            readable, writable, _ = self.wait(deadline)
            if readable:
                self.read_some()
            if writable and self.out:
                self.write_some()
            if self.drops_when_flushed and not self.out:
                self.finish()
            self.run_timers()
        self.state = CLOSED
        self.end_tcp()
