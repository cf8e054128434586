#!/usr/bin/python3
"""An echo server on python3-websockets, a WebSocket implementation by other people.

echo_websockets.py [--host H] [--unix PATH] [--tls CERT KEY] [--deflate] [--mute]
prints its port (or the path) as one line, and serves until its standard input ends. Paths:
  /push/N       sends "1" to "N" at once       /close/CODE  closes at the first message
  /info         sends what it saw of the request as JSON
  /dialects     echoes, and answers both JSON heartbeats
  /keep         remembers each message, over all connections, and says nothing
  /kept         sends what /keep remembered, and closes
  anything else echoes. With --mute no ping is answered.
"""

import argparse
import asyncio
import json
import ssl
import sys
import time

import websockets


class Protocol(websockets.WebSocketServerProtocol):
    is_mute = False

    async def pong(self, data=b""):
        if not self.is_mute:
            await super().pong(data)


def heartbeat_reply(text):
    try:
        question = json.loads(text)
    except (ValueError, TypeError):
        return None
    kind = question.get("type") if isinstance(question, dict) else None
    if kind == "ping":
        return {"type": "pong"}
    if kind != "heartbeat":
        return None
    return {"type": "heartbeat_response", "timestamp": int(time.time() * 1000),
            "originalTimestamp": question["timestamp"]}


async def dialects(socket):
    async for message in socket:
        reply = heartbeat_reply(message)
        await socket.send(json.dumps(reply) if reply else message)


kept = []


async def handle(socket):
    name, _, argument = socket.path.split("?")[0].lstrip("/").partition("/")
    if name == "dialects":
        await dialects(socket)
    elif name == "push":
        for i in range(1, int(argument) + 1):
            await socket.send(str(i))
    elif name == "info":
        headers = {k.lower(): v for k, v in socket.request_headers.raw_items()}
        extensions = ",".join(e.name for e in socket.extensions)
        await socket.send(json.dumps({"target": socket.path, "headers": headers,
                                      "protocol": socket.subprotocol or "",
                                      "extensions": extensions}))
    elif name == "keep":
        async for message in socket:
            kept.append(message)
        return
    elif name == "kept":
        for text in kept:
            await socket.send(text)
        return
    elif name == "close":
        await socket.recv()
        await socket.close(int(argument), "as you asked")
        return
    async for message in socket:
        await socket.send(message)


async def quietly(socket):
    try:
        await handle(socket)
    except websockets.ConnectionClosed:
        pass


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--unix")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--deflate", action="store_true")
    parser.add_argument("--mute", action="store_true")
    options = parser.parse_args()
    Protocol.is_mute = options.mute
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
    common = {"ssl": context, "max_size": 64 << 20, "create_protocol": Protocol,
              "subprotocols": ["first.example", "second.example"],
              "compression": "deflate" if options.deflate else None, "ping_interval": None}
    if options.unix:
        server = await websockets.unix_serve(quietly, options.unix, **common)
        print(options.unix, flush=True)
    else:
        server = await websockets.serve(quietly, options.host, 0, **common)
        print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
