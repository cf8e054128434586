"""The other end of a conversation that outlives its sockets, on Python's websockets (10 to 13):
  [TOKEN=secret] python3 server.py [PORT]      prints its port; docs/your-server.md explains it
"""

import asyncio
import http
import json
import os
import signal
import sys
import time
import urllib.parse

import websockets

log = []  # in your database: sequence_number grows, id is UNIQUE
known = {}  # id -> sequence_number
news = asyncio.Condition()
sockets = set()
is_draining = False


async def store(id_, plaintext):
    """Stored once, however often it comes. In your database: commit before you return."""
    async with news:
        if id_ not in known:
            known[id_] = len(log) + 1
            log.append(json.dumps({"type": "message", "id": id_, "plaintext": plaintext,
                                   "sequence_number": known[id_]}))
            news.notify_all()
    return known[id_]


def is_id(id_):
    return isinstance(id_, str) and 1 <= len(id_.encode("utf-8", "surrogatepass")) <= 128


async def answer(text):
    """One answer for each message, in order; what is wrong costs its sender nothing else."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):  # the second: nested too deep
        return {"type": "error", "code": "bad_json", "message": "not JSON"}
    kind = said.get("type") if isinstance(said, dict) else None
    if kind == "ping":
        return {"type": "pong"}
    if kind == "heartbeat":
        return {"type": "heartbeat_response", "timestamp": int(time.time() * 1000),
                "originalTimestamp": said.get("timestamp")}
    if kind != "message":
        return {"type": "error", "code": "unknown_type", "message": "no such type"}
    if not is_id(said.get("id")) or not isinstance(said.get("plaintext"), str):
        return {"type": "error", "code": "bad_message", "message": "id or plaintext is missing"}
    return {"type": "ack", "id": said["id"],
            "sequence_number": await store(said["id"], said["plaintext"])}


async def follow(socket, place):
    """Replay and live are one thing: each socket goes through the log, as fast as it reads."""
    while True:
        async with news:
            await news.wait_for(lambda: place < len(log))
        await socket.send(log[place])
        place += 1


async def starting_place(socket):
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(socket.path).query))
    if "after" not in query:
        return len(log)
    after = int(query["after"]) if query["after"].isdecimal() else 0
    if after > len(log):  # the log began anew: the client must forget its number
        await socket.send(json.dumps({"type": "error", "code": "unknown_sequence_number",
                                      "message": "no such number", "sequence_number": len(log)}))
    return min(after, len(log))


async def serve(socket):
    sockets.add(socket)
    follower = asyncio.create_task(follow(socket, await starting_place(socket)))
    try:
        async for text in socket:
            if isinstance(text, bytes):
                await socket.close(1003, "text only")
            else:
                await socket.send(json.dumps(await answer(text)))
    except websockets.ConnectionClosed:
        pass
    finally:
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
        sockets.discard(socket)


async def refusal(path, headers):
    """Refused before the upgrade, so that the client learns why."""
    if is_draining:
        return http.HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "2"}, b""
    if urllib.parse.urlsplit(path).path != "/ws":
        return http.HTTPStatus.NOT_FOUND, {}, b""
    token = os.environ.get("TOKEN")
    if token and headers.get("Authorization") != "Bearer " + token:
        return http.HTTPStatus.UNAUTHORIZED, {}, b""
    return None


async def main():
    global is_draining
    # A client that went away without a word is found by the ping that it does not answer.
    server = await websockets.serve(serve, "127.0.0.1", int((sys.argv + ["0"])[1]),
                                    process_request=refusal, max_size=65536,
                                    ping_interval=30, ping_timeout=10, close_timeout=3)
    print(server.sockets[0].getsockname()[1], flush=True)
    term = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, term.set)
    await term.wait()
    # A deploy: nobody new, and everybody is told to come back in a moment.
    is_draining = True
    await asyncio.gather(*(socket.close(1012, "restarting") for socket in list(sockets)))
    server.close()
    await server.wait_closed()


asyncio.run(main())
