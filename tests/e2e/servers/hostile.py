#!/usr/bin/python3
"""The server that breaks things on purpose: one mode for each way a WebSocket server can fail.

A mode is named like a URL, "close?code=1012&after=3". It is taken from the request's path, or from
a script that the test gives: its first entry is for the first connection, and so on; the last one
stays. Script entries may also be functions of a Peer. Modes in RAW run before any byte is read.

By hand: servers/hostile.py [MODE ...] prints its port and serves until its standard input ends.
"""

import os
import sys
import threading
import time
import urllib.parse
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bad_frames import BAD_FRAMES  # noqa: E402
from rawws import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Gone, RawServer,  # noqa: E402
                   frame)

RAW = {}
MODES = {}


def mode(function):
    MODES[function.__name__.rstrip("_")] = function
    return function


def raw(function):
    RAW[function.__name__] = function
    return function


def read_until_close(peer):
    while peer.read_event()[0] != CLOSE:
        pass


# ---- the link dies

@raw
def reset_accept(peer):
    peer.reset()


@raw
def frozen_accept(peer):
    peer.server.stopping.wait()


@mode
def frozen_head(peer):
    peer.server.stopping.wait()


@mode
def frozen_open(peer):
    peer.open()
    peer.server.stopping.wait()


@mode
def reset_open(peer):
    peer.open()
    peer.reset()


@mode
def eof_open(peer):
    peer.open()


@mode
def reset_after(peer, n="1"):
    """Echoes n messages, then resets."""
    peer.open()

    def echo(opcode, payload):
        peer.echo(opcode, payload)
        if len(peer.record.messages) == int(n):
            peer.reset()
    peer.serve(echo)


@mode
def push_then_reset(peer, n="1"):
    """Sends n messages, waits until the client must have read them (a pong), then resets."""
    peer.open()
    push_numbers(peer, int(n))
    peer.send_frame(PING, b"read?")
    while peer.read_event()[0] != PONG:
        pass
    peer.reset()


@mode
def reset_on_ping(peer):
    """Takes messages, and resets at the first question."""
    peer.open()
    while peer.read_event()[0] != PING:
        pass
    peer.reset()


@mode
def reset_mid_frame(peer):
    peer.open()
    peer.send(frame(TEXT, b"half a me", length=100))
    peer.reset()


@mode
def eof_mid_frame(peer):
    peer.open()
    peer.send(frame(TEXT, b"half a me", length=100))


@mode
def close(peer, code="1000", reason="", after="0"):
    """Sends a close frame after so many messages, and waits for the answer."""
    peer.open()
    while len(peer.record.messages) < int(after):
        opcode, payload = peer.read_event()
        if opcode == PING:
            peer.send_frame(PONG, payload)
    peer.send_close(int(code), reason.encode())
    read_until_close(peer)


# ---- the upgrade is refused, or answered wrongly

@mode
def status(peer, code="503", retry_after=None, location=None):
    lines = [f"HTTP/1.1 {code} No", "Content-Length: 0", "Connection: close"]
    if retry_after is not None:
        lines.append("Retry-After: " + retry_after)
    if location is not None:
        lines.append("Location: " + location)
    peer.send("\r\n".join(lines).encode() + b"\r\n\r\n")


@mode
def garbage(peer):
    peer.send(b"\x00\xff\x13\x37SSH-2.0-nothing of the kind\r\n\r\n" * 4)


@mode
def wrong_accept(peer):
    peer.send(peer.head_101(accept="AAAAAAAAAAAAAAAAAAAAAAAAAAA="))
    peer.wait_gone()


@mode
def no_upgrade(peer):
    peer.send(peer.head_101().replace(b"Upgrade: websocket\r\n", b""))
    peer.wait_gone()


@mode
def eof_in_head(peer):
    peer.send(peer.head_101()[:40])


@mode
def dribble_101(peer):
    for byte in peer.head_101():
        peer.send(bytes([byte]))
        time.sleep(0.001)
    peer.serve(peer.echo)


@mode
def endless_headers(peer):
    """Up to 1 MiB of header lines; counts what the client took."""
    peer.send(b"HTTP/1.1 101 Switching Protocols\r\n")
    line = b"X-Filler: " + b"f" * 80 + b"\r\n"
    for _ in range((1 << 20) // len(line)):
        peer.send(line)
        peer.record.taken += len(line)
    peer.wait_gone()


@mode
def subprotocol_foreign(peer):
    peer.open("Sec-WebSocket-Protocol: nobody.asked.for.this")
    peer.wait_gone()


@mode
def extension_foreign(peer):
    peer.open("Sec-WebSocket-Extensions: x-made-up")
    peer.wait_gone()


# ---- the frames are wrong

@mode
def bad_frame(peer, name):
    """Sends those bytes, then reads until the client closes or has gone."""
    peer.open()
    peer.send(BAD_FRAMES[name])
    read_until_close(peer)


@mode
def oversize(peer, n=str(1 << 40)):
    """Announces a message of n bytes and sends the first few."""
    peer.open()
    peer.send(frame(BINARY, b"the first few", length=int(n)))
    read_until_close(peer)


@mode
def oversize_fragments(peer, n="1048576"):
    """Unfinished fragments of 1000 bytes without end; counts what the client took."""
    peer.open()
    peer.send_frame(BINARY, b"a" * 1000, fin=False)
    while peer.record.taken < 4 * int(n):
        peer.send_frame(CONTINUATION, b"a" * 1000, fin=False)
        peer.record.taken += 1000
    read_until_close(peer)


@mode
def bomb(peer, n=str(64 << 20)):
    """With permessage-deflate: a small frame that inflates to n bytes."""
    peer.open("Sec-WebSocket-Extensions: permessage-deflate")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(b"\0" * int(n)) + packer.flush(zlib.Z_SYNC_FLUSH)
    peer.send_frame(BINARY, packed[:-4], rsv=4)
    read_until_close(peer)


@mode
def bad_deflate(peer):
    peer.open("Sec-WebSocket-Extensions: permessage-deflate")
    peer.send_frame(TEXT, b"\xff\xff\xff\xff not deflate", rsv=4)
    read_until_close(peer)


# ---- legal, but hard to bear

def push_numbers(peer, n):
    peer.send(b"".join(frame(TEXT, str(i).encode()) for i in range(1, n + 1)))


@mode
def echo(peer):
    peer.open()
    peer.serve(peer.echo)


@mode
def sink(peer):
    peer.open()
    peer.serve()


@mode
def push(peer, n="3"):
    peer.open()
    push_numbers(peer, int(n))
    peer.serve()


@mode
def mute(peer):
    """Echoes and closes as it should, but never answers a ping."""
    peer.open()
    peer.serve(peer.echo, pongs=False)


@mode
def deaf_close(peer):
    """Echoes and answers pings, but neither answers a close frame nor hangs up."""
    peer.open()
    while True:
        opcode, payload = peer.read_event()
        if opcode != CLOSE:
            peer.send_frame(PONG if opcode == PING else opcode, payload)


@mode
def late_on_close(peer, n="3"):
    """Says n more things between the client's Close and its own."""
    peer.open()
    while peer.record.close_code is None:
        opcode, payload = peer.read_event()
        if opcode == PING:
            peer.send_frame(PONG, payload)
    push_numbers(peer, int(n))
    peer.send_close(1000)


@mode
def ping_flood(peer, n="5000"):
    """n pings at once; "done" when all pongs came, or the last one (section 5.5.3)."""
    peer.open()
    for start in range(0, int(n), 50):
        peer.send(b"".join(frame(PING, b"%06d" % i) for i in range(start, start + 50)))
        while (b"%06d" % (start + 49)) not in peer.record.pongs[-1:]:
            peer.read_event()
    peer.send_text("done")
    peer.serve()


@mode
def text_dribble(peer, text="h\u00e4lt \u20ac \U0001f41a"):
    peer.open()
    for byte in frame(TEXT, text.encode()):
        peer.send(bytes([byte]))
        time.sleep(0.001)
    peer.serve()


@mode
def slow_message(peer, chunks="20", chunk="3200", pause_ms="50"):
    """One long message in slow pieces, during which no pong can pass."""
    peer.open()
    whole = b"s" * (int(chunks) * int(chunk))
    head = frame(TEXT, b"", length=len(whole))
    peer.send(head)
    for at in range(0, len(whole), int(chunk)):
        peer.send(whole[at:at + int(chunk)])
        time.sleep(int(pause_ms) / 1000)
    peer.serve()


@mode
def slow_reader(peer):
    """Reads nothing until the test sets server.release, then everything."""
    peer.open()
    while not peer.server.release.wait(0.05):
        if peer.server.stopping.is_set():
            raise Gone
    peer.serve()


@mode
def seq(peer, total="100", cut="0"):
    """Messages "after+1" to "total"; with cut=K the link is reset after K of them."""
    peer.open()
    after = int(peer.record.query.get("after", ["0"])[0])
    end = min(int(total), after + int(cut)) if int(cut) else int(total)
    peer.send(b"".join(frame(TEXT, str(i).encode()) for i in range(after + 1, end + 1)))
    peer.send_frame(PING, b"read?")
    while end < int(total) and peer.read_event()[0] != PONG:
        pass
    if end < int(total):
        peer.reset()
    peer.serve()


def split_mode(text):
    """("close", {"code": "1012"}) of "close?code=1012"; other parameters of a URL stay out."""
    name, _, query = text.lstrip("/").partition("?")
    function = RAW.get(name) or MODES.get(name or "echo")
    if not function:
        raise KeyError("no such mode: " + name)
    known = function.__code__.co_varnames[1:function.__code__.co_argcount]
    given = urllib.parse.parse_qsl(query, keep_blank_values=True)
    return function, {k: v for k, v in given if k in known}


class HostileServer(RawServer):
    """script: modes for the connections in turn, the last staying; without one the path rules."""

    def __init__(self, *script, **kwargs):
        self.script = script
        self.release = threading.Event()
        super().__init__(self._handle, **kwargs)

    def _handle(self, peer):
        entry = None
        if self.script:
            entry = self.script[min(peer.record.index, len(self.script) - 1)]
        if isinstance(entry, str) and split_mode(entry)[0] in RAW.values():
            split_mode(entry)[0](peer)
            return
        peer.read_head()
        if callable(entry):
            entry(peer)
            return
        function, arguments = split_mode(entry or peer.record.target)
        function(peer, **arguments)


if __name__ == "__main__":
    running = HostileServer(*sys.argv[1:])
    print(running.port, flush=True)
    sys.stdin.read()
    running.close()
