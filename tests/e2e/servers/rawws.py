"""A WebSocket server on bare sockets, for tests that need the other end to misbehave.

RawServer accepts on 127.0.0.1, ::1 or a Unix socket (port 0: any free one) and runs one handler
for each connection on a thread of its own. Peer is one connection: it reads a request head,
answers it, sends any bytes it is told to, well formed or not, and reads the client's frames.
What was seen is kept in `records`, one for each connection, and wait() waits for it.
It checks nothing for the client's sake: what the client does wrong is noted in the record.
"""

import base64
import hashlib
import socket
import ssl
import struct
import threading
import urllib.parse

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
DEADLINE_S = 40


class Gone(Exception):
    """The client has gone, or this end was closed."""


def accept_value(key):
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def frame(opcode, payload=b"", fin=True, rsv=0, mask=None, length=None):
    """A frame as bytes. `length` lies about the payload's length; `mask` are four bytes."""
    length = len(payload) if length is None else length
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    bit = 0x80 if mask else 0
    if length < 126:
        head = struct.pack("!BB", first, bit | length)
    elif length < 65536:
        head = struct.pack("!BBH", first, bit | 126, length)
    else:
        head = struct.pack("!BBQ", first, bit | 127, length)
    return head + ((mask + masked(payload, mask)) if mask else payload)


def masked(payload, key):
    if not payload:
        return b""
    stream = (key * (len(payload) // 4 + 1))[:len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(
        len(payload), "big")


class Record:
    """What one connection brought."""

    def __init__(self, index):
        self.index = index
        self.target = None        # "/path?query"
        self.headers = []         # [(name, value)] in order, as sent
        self.messages = []        # [(opcode, payload)], whole ones
        self.pings = []           # payloads
        self.pongs = []           # payloads
        self.close_code = None    # 1005 for an empty close frame
        self.taken = 0            # bytes that a mode counted
        self.violations = []      # what the client did wrong on the wire
        self.tls_resumed = None   # TLS only
        self.tls_error = None     # why the TLS handshake failed
        self.mode_error = None    # the handler itself failed
        self.ended = False

    def header(self, name):
        """The values of a header, joined, or None."""
        values = [v for n, v in self.headers if n.lower() == name.lower()]
        return ", ".join(values) if values else None

    @property
    def query(self):
        return urllib.parse.parse_qs(urllib.parse.urlsplit(self.target).query,
                                     keep_blank_values=True)

    @property
    def texts(self):
        return [p.decode() for op, p in self.messages if op == TEXT]


class Peer:
    """One accepted connection, from the server's side."""

    def __init__(self, server, sock, record):
        self.server, self.sock, self.record = server, sock, record
        self._held = b""
        self._parts = []
        self._opcode = None

    # ---- bytes

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Gone from error

    def receive(self, size=65536):
        try:
            piece = self.sock.recv(size)
        except OSError as error:
            raise Gone from error
        if not piece:
            raise Gone
        return piece

    def exactly(self, size):
        while len(self._held) < size:
            self._held += self.receive()
        out, self._held = self._held[:size], self._held[size:]
        return out

    def reset(self):
        """Ends the connection with RST, not FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        raise Gone

    # ---- handshake

    def read_head(self):
        while b"\r\n\r\n" not in self._held:
            self._held += self.receive()
        head, self._held = self._held.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        self.record.target = lines[0].split(" ")[1]
        pairs = [line.split(":", 1) for line in lines[1:]]
        self.record.headers = [(n, v.strip()) for n, v in pairs]
        self.server.changed()

    def head_101(self, extra=(), accept=None):
        """The bytes of a proper 101 answer, or of one with a wrong accept value."""
        key = self.record.header("Sec-WebSocket-Key") or ""
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Accept: " + (accept or accept_value(key)), *extra]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    def open(self, *extra):
        self.send(self.head_101(extra))

    # ---- frames

    def read_frame(self):
        """(fin, opcode, payload) of the client's next frame."""
        first, second = self.exactly(2)
        size = second & 0x7F
        if size == 126:
            size = struct.unpack("!H", self.exactly(2))[0]
        elif size == 127:
            size = struct.unpack("!Q", self.exactly(8))[0]
        if first & 0x70 and not self.record.header("Sec-WebSocket-Extensions"):
            self.record.violations.append(f"reserved bits {first:#x}")
        if not second & 0x80:
            self.record.violations.append("frame not masked")
            return bool(first & 0x80), first & 15, self.exactly(size)
        key = self.exactly(4)
        return bool(first & 0x80), first & 15, masked(self.exactly(size), key)

    def read_event(self):
        """(opcode, payload) of the next whole message or control frame, noted in the record."""
        while True:
            fin, opcode, payload = self.read_frame()
            if opcode >= CLOSE:
                self._note_control(opcode, payload)
                return opcode, payload
            if opcode != CONTINUATION:
                self._opcode, self._parts = opcode, []
            self._parts.append(payload)
            if fin:
                message = (self._opcode, b"".join(self._parts))
                self.record.messages.append(message)
                self.server.changed()
                return message

    def _note_control(self, opcode, payload):
        if opcode == CLOSE:
            code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
            self.record.close_code = code
        else:
            (self.record.pings if opcode == PING else self.record.pongs).append(payload)
        self.server.changed()

    def send_frame(self, opcode, payload=b"", **how):
        self.send(frame(opcode, payload, **how))

    def send_text(self, text):
        self.send_frame(TEXT, text.encode())

    def send_close(self, code, reason=b""):
        self.send_frame(CLOSE, struct.pack("!H", code) + reason)

    def serve(self, on_message=None, pongs=True):
        """Reads until the client's Close, which is answered; pings get pongs if wanted."""
        while True:
            opcode, payload = self.read_event()
            if opcode == CLOSE:
                self.send_frame(CLOSE, payload[:2])
                return
            if opcode == PING:
                if pongs:
                    self.send_frame(PONG, payload)
            elif opcode != PONG and on_message:
                on_message(opcode, payload)

    def echo(self, opcode, payload):
        self.send_frame(opcode, payload)

    def wait_gone(self):
        """Reads and forgets until the client has gone; counts the bytes."""
        while True:
            self.record.taken += len(self.receive())


class RawServer:
    """Listens at once; `handler(peer)` runs for each connection. close() ends everything."""

    def __init__(self, handler, host="127.0.0.1", unix_path=None, tls=None):
        self.handler, self.tls = handler, tls
        self.records = []
        self.stopping = threading.Event()
        self._condition = threading.Condition()
        self._socks = set()
        if unix_path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(unix_path)
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.listener = socket.create_server((host, 0), family=family, backlog=64)
            self.port = self.listener.getsockname()[1]
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path="/", scheme=None, host="127.0.0.1"):
        scheme = scheme or ("wss" if self.tls else "ws")
        return f"{scheme}://{host}:{self.port}{path}"

    def changed(self):
        with self._condition:
            self._condition.notify_all()

    def wait(self, what, condition, deadline_s=DEADLINE_S):
        """Waits until condition(records) is true; a record that is not there yet is no error."""
        def holds():
            try:
                return condition(self.records)
            except IndexError:
                return False
        with self._condition:
            if not self._condition.wait_for(holds, deadline_s):
                raise AssertionError("the server never saw: " + what)

    def wait_all_ended(self):
        self.wait("the end of all connections", lambda rs: all(r.ended for r in rs))

    def _accept(self):
        while not self.stopping.is_set():
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self._condition:
                record = Record(len(self.records))
                self.records.append(record)
                self._socks.add(sock)
                self._condition.notify_all()
            threading.Thread(target=self._run, args=(sock, record), daemon=True).start()

    def _run(self, sock, record):
        try:
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                plain, sock = sock, self._start_tls(sock, record)
                with self._condition:
                    self._socks.discard(plain)
                    self._socks.add(sock)
            self.handler(Peer(self, sock, record))
        except Gone:
            pass
        except OSError as error:
            if self.tls and record.tls_error is None and record.target is None:
                record.tls_error = str(error)
        except Exception as error:  # a broken mode must not look like a broken client
            record.mode_error = repr(error)
            raise
        finally:
            sock.close()
            with self._condition:
                self._socks.discard(sock)
                record.ended = True
                self._condition.notify_all()

    def _start_tls(self, sock, record):
        try:
            wrapped = self.tls.wrap_socket(sock, server_side=True)
        except (ssl.SSLError, OSError) as error:
            record.tls_error = str(error)
            raise Gone from error
        record.tls_resumed = wrapped.session_reused
        return wrapped

    def close(self):
        self.stopping.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
        except OSError:
            pass
        self.listener.close()
        with self._condition:
            socks = list(self._socks)
        for sock in socks:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
