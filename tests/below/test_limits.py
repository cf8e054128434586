#!/usr/bin/python3
"""Nothing left: descriptors exhausted, entropy refused, a clock that stands still. What cannot go on says so, the
rest waits and goes on; nothing spins, and no key or mask can be guessed."""

import below  # noqa: F401

import base64
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time

from below import END_S, FOR_EVER, HERE, LONG, Fault, Run, at_once, limit_files, run
from below_case import BelowCase
from e2e_limpet import main, wait_until
from e2e_relay import Relay

sys.path.append(os.path.join(os.path.dirname(HERE), "e2e", "servers"))
from rawws import accept_value  # noqa: E402

QUICK = ("--max-retries", "3", "--initial-delay", "5", "--max-delay", "20", "--linger", "0", "--close-timeout", "500",
         "--events", "json")
FILES_MOST = 40  # a run needs about half of them
TICKS = os.sysconf("SC_CLK_TCK")
WATCHED_S = 1.5
STANDS_MS = 600
FIRST_CALLS = 20  # of the clock, that a run makes before it waits for anything
IDLE_CPU_S = 0.4  # in that time; a spin takes all of it


class KeyTaker:
    """A WebSocket server that keeps what should not be guessed: each handshake's key, and the mask of the
    first frame."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "ws://127.0.0.1:%d/" % self.listener.getsockname()[1]
        self.keys, self.masks = [], []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        data = b""
        with connection:
            while b"\r\n\r\n" not in data:
                piece = connection.recv(65536)
                if not piece:
                    return
                data += piece
            key = re.search(rb"Sec-WebSocket-Key: (\S+)", data).group(1).decode()
            self.keys.append(key)
            connection.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                f"Sec-WebSocket-Accept: {accept_value(key)}\r\n\r\n").encode())
            frame = b""
            while len(frame) < 6 and (piece := connection.recv(65536)):
                frame += piece
            if len(frame) >= 6:
                self.masks.append(frame[2:6])

    def close(self):
        self.listener.close()


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Limits(BelowCase):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="limpet-below-")
        self.addCleanup(shutil.rmtree, self.folder)

    def relay(self, *options):
        relay = Relay(os.path.join(self.folder, "relay"), "--rate", "0", *options)
        self.addCleanup(relay.close)
        return relay

    def start(self, *args, **kwargs):
        """A server; its address, once it is there."""
        server = Run(*args, **kwargs)
        self.addCleanup(server.end)
        wait_until("an address", lambda: b"\n" in server.read("out"), END_S)
        return server, server.read("out").split(b"\n")[0].decode().rpartition("//")[2]

    # ---- descriptors

    def test_connect_with_few_descriptors(self):
        relay = self.relay()

        def with_files(number, outbox):
            more = ("--confirm", "ack", "--outbox", os.path.join(self.folder, f"box{number}")) if outbox else ()
            # One server, so all at once and in any order.
            done = run("connect", *QUICK, *more, relay.url(f"c{number}{outbox}", "u"), limits=limit_files(number),
                       stdin=b"one\ntwo\n" if outbox else b'{"type":"ping"}\n')
            done.fault = f"{number} descriptors"
            self.that(done, done.status in (0, 1, 2, 3, 4) or number < 8 and done.status == 127,
                      f"ended with {done.status}")  # 127: its libraries were not even loaded
            self.that(done, done.status == 0 or done.err.strip() != "", "failed without a word")
            return done

        tries = [(n, outbox) for n in range(3, FILES_MOST) for outbox in (False, True)]
        outcomes = at_once(lambda t: with_files(*t), tries)
        self.assertEqual({o.status for o in outcomes[-2:]}, {0}, outcomes[-1].story())
        self.assertGreater(sum(o.status != 0 for o in outcomes), 10)
        self.give_verdict()

    def exhaust(self, pid, host, files):
        """Connections until the server takes no more; it must not spin on those that wait."""
        port = int(host.rpartition(":")[2])
        taken = [socket.create_connection(("127.0.0.1", port)) for _ in range(files + 10)]
        self.addCleanup(lambda: [t.close() for t in taken])
        wait_until("no descriptor left", lambda: len(os.listdir(f"/proc/{pid}/fd")) >= files)
        before = cpu_s(pid)
        time.sleep(WATCHED_S)  # what is measured is that nothing happens
        self.assertLess(cpu_s(pid) - before, IDLE_CPU_S, "spins without descriptors")
        return taken

    def test_serve_without_descriptors(self):
        files = 60
        server, host = self.start("serve", "--listen", "127.0.0.1:0", "--store", os.path.join(self.folder, "store"),
                                  limits=limit_files(files))
        url = f"ws://{host}/echo"
        held = Run("connect", *QUICK, "--keep-open", url, stdin=b"before\n")
        self.addCleanup(held.end)
        wait_until("an echo", lambda: b"before" in held.read("out"))
        taken = self.exhaust(server.process.pid, host, files)
        self.assertIsNone(held.process.poll())
        for one in taken:
            one.close()
        after = run("connect", *QUICK, "--max-retries", "20", url, stdin=b"after\n")
        self.assertEqual((after.status, after.out), (0, b"after\n"), after.story())
        held.signal(signal.SIGTERM)
        done = held.wait()
        self.assertEqual(done.status, 143, done.story())
        self.assertNotIn('"to":"DISCONNECTED"', done.err)
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait().status, 0)

    def test_chaos_without_descriptors(self):
        files = 60
        relay = self.relay()
        chaos, host = self.start("chaos", "--listen", "127.0.0.1:0", "--to", relay.address, limits=limit_files(files))
        taken = self.exhaust(chaos.process.pid, host, files)
        for one in taken:
            one.close()
        after = run("connect", *QUICK, "--max-retries", "20", f"ws://{host}/echo", stdin=b"after\n")
        self.assertEqual((after.status, after.out), (0, b"after\n"), after.story())
        chaos.signal(signal.SIGTERM)
        self.assertIn(chaos.wait().status, (0, 143))

    def test_servers_that_start_with_few_descriptors(self):
        def with_files(number, command):
            more = ("--store", os.path.join(self.folder, f"s{number}")) if command == "serve" else ("--to", "127.0.0.1:1")
            server = Run(command, "--listen", "127.0.0.1:0", *more, limits=limit_files(number))
            try:
                end = time.monotonic() + END_S
                while b"\n" not in server.read("out") and time.monotonic() < end:
                    if os.waitid(os.P_PID, server.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                        break
                    time.sleep(0.01)
                server.signal(signal.SIGTERM)
                done = server.wait()
                done.fault = f"{number} descriptors"
                self.that(done, done.status in (0, 3) or number < 9 and done.status in (1, 127),
                          f"ended with {done.status}")
                self.that(done, done.status == 0 or done.err.strip() != "", "failed without a word")
                return done
            finally:
                server.end()

        tries = [(n, command) for n in range(3, FILES_MOST) for command in ("serve", "chaos")]
        outcomes = at_once(lambda t: with_files(*t), tries)
        self.give_verdict()
        self.assertEqual({o.status for o in outcomes[-2:]}, {0})

    # ---- entropy

    def test_without_entropy_nothing_is_guessable(self):
        server = KeyTaker()
        self.addCleanup(server.close)
        args = ("connect", *QUICK, server.url)
        counts = run(*args, stdin=b"hello\n").final_counts
        before = len(server.keys)
        self.assertGreater(before, 0)
        for first in range(1, counts["getrandom"] + 1):
            for error in ("ENOSYS", "EPERM", "EIO"):
                done = run(*args, stdin=b"hello\n", fault=Fault("getrandom", first, FOR_EVER, error))
                self.check_ends(done)
                self.that(done, first > 1 or done.status == 3 and "random" in done.err, "did not name what it lacked")
                if first == 1:
                    self.that(done, len(server.keys) == before, "asked for a link all the same")
        self.assertEqual(len(set(server.keys)), len(server.keys), "a key came twice")
        self.assertEqual(len(set(server.masks)), len(server.masks), "a mask came twice")
        for key in server.keys:
            self.assertGreater(len(set(base64.b64decode(key))), 4, key)
        self.assertNotIn(bytes(4), server.masks)
        self.give_verdict()

    # ---- the clock

    def test_a_clock_that_stands_still(self):
        relay = self.relay()

        def stand(name, first, more):
            done = run("connect", *QUICK, *more, "--max-retries", "8", "--linger", "200", relay.url(name, "u"),
                       stdin=b"one\n", fault=Fault("clock", first, STANDS_MS, ""))
            self.check_ends(done)
            self.that(done, done.wall_s * 1000 >= STANDS_MS or first > FIRST_CALLS, "did not wait for the clock")
            self.that(done, done.status == 0, "did not deliver")
            return done

        def with_outbox(first):
            return stand(f"o{first}", first, ("--confirm", "ack", "--outbox", os.path.join(self.folder, f"o{first}")))

        def without(first):
            return stand(f"p{first}", first, ("--heartbeat-interval", "100", "--heartbeat-timeout", "100"))

        firsts = range(1, 50, 1 if LONG else 6)
        at_once(with_outbox, firsts)
        at_once(without, firsts)
        self.give_verdict()

    def test_a_relay_whose_clock_stands_still(self):
        for first in range(1, 120, 7 if LONG else 40):
            folder = os.path.join(self.folder, str(first))
            server, host = self.start("serve", "--listen", "127.0.0.1:0", "--store", folder,
                                      fault=Fault("clock", first, 800, ""))
            done = run("connect", *QUICK, "--max-retries", "20", f"ws://{host}/echo", stdin=b"one\n")
            self.check_ends(done)
            self.that(done, (done.status, done.out) == (0, b"one\n"), "not served")
            server.signal(signal.SIGTERM)
            self.check_ends(server.wait())
        self.give_verdict()


class Notes(BelowCase):
    def test_a_note_that_may_be_lost_is_none(self):
        """What waits in the outbox outlives a power cut: so must the note that says for whom."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        outbox = os.path.join(folder, "outbox")
        args = ("chat", "--user", "u", "--conversation", "c", "--max-retries", "0", "--outbox", outbox,
                "ws://127.0.0.1:1")
        done = run(*args, stdin=b"one\n", fault=Fault("fsync", 1, 1, "EIO"))
        self.that(done, done.status == 1 and f"cannot write {outbox}.chat" in done.err, "went on without its note")
        self.that(done, not os.path.exists(outbox + ".chat"), "a note that is not synced")
        done = run(*args, stdin=b"one\n")
        self.that(done, done.status == 2, "did not go on")
        self.that(done, os.stat(outbox + ".chat").st_mode & 0o777 == 0o600, "others may read the note")
        self.give_verdict()


if __name__ == "__main__":
    main()
