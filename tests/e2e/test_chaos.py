#!/usr/bin/python3
"""`limpet chaos`: each fault as the two peers see it, on plain sockets; the command line; scripts."""

import paths  # noqa: F401

import fcntl
import http.client
import os
import re
import select
import signal
import socket
import tempfile
import time

from e2e_chaos import ChaosCase
from e2e_limpet import main, wait_until
from e2e_peers import closed_port

BIG = os.urandom(1 << 20) * 8


class Forwarding(ChaosCase):

    def test_bytes_both_ways_and_half_close(self):
        chaos = self.chaos()
        client, far = self.pair(chaos)
        self.assert_passes(client, far, b"question")
        client.end()
        self.assertEqual(far.receive_all(), (b"", "fin"))
        self.assert_passes(far, client, b"an answer behind the end of the question")
        far.end()
        self.assertEqual(client.receive_all(), (b"", "fin"))
        ended = chaos.wait_ended(1)
        self.assertEqual((ended["up_bytes"], ended["down_bytes"], ended["result"]),
                         (8, 40, "the client closed it"))
        self.assertEqual(ended["faults"], [])

    def test_much_both_ways_at_once(self):
        for faults in ((), ("--follow-frames",), ("throttle 1000M",), ("delay 1ms",)):
            with self.subTest(faults):
                chaos = self.chaos(*faults)
                client, far = self.pair(chaos)
                up = self.aside(lambda: (client.send(BIG), client.end()))
                down = self.aside(lambda: (far.send(BIG[::-1]), far.end()))
                got = []
                reader = self.aside(lambda: got.append(far.receive_all()))
                self.assertEqual(client.receive_all(), (BIG[::-1], "fin"))
                for thread in (up, down, reader):
                    thread.join()
                self.assertEqual(got, [(BIG, "fin")])

    def test_resets_are_passed_on(self):
        chaos = self.chaos()
        client, far = self.pair(chaos)
        self.assert_passes(client, far)
        client.reset()
        self.assertEqual(far.receive_all()[1], "rst")
        self.assertEqual(chaos.wait_ended(1)["result"], "the client reset it")
        client, far = self.pair(chaos)
        chaos.wait_passing(2)
        far.reset()
        self.assertEqual(client.receive_all()[1], "rst")
        self.assertEqual(chaos.wait_ended(2)["result"], "the target reset it")

    def test_a_reset_that_a_write_finds(self):
        chaos = self.chaos()
        client, far = self.pair(chaos)
        far.end()
        self.assertEqual(client.receive_all(), (b"", "fin"))
        far.reset()
        with self.assertRaises((ConnectionResetError, BrokenPipeError)):
            for _ in range(1000):
                client.send(b"x")
                time.sleep(0.002)
        self.assertEqual(chaos.wait_ended(1)["result"], "the target reset it")

    def test_backpressure(self):
        """A target that does not read stops the client; what the proxy holds is bounded."""
        for faults in ((), ("--follow-frames",)):
            with self.subTest(faults):
                chaos = self.chaos(*faults)
                client, far = self.pair(chaos)
                client.socket.setblocking(False)
                sent, last = 0, time.monotonic()
                while time.monotonic() - last < 0.5:
                    try:
                        sent += client.socket.send(bytes(65536))
                        last = time.monotonic()
                    except BlockingIOError:
                        time.sleep(0.01)
                self.assertLess(sent, 64 << 20)
                client.socket.settimeout(40)
                client.end()
                data, end = far.receive_all()
                self.assertEqual((len(data), end), (sent, "fin"))

    def test_an_unreachable_target(self):
        holder, port = closed_port()
        self.addCleanup(holder.close)
        chaos = self.chaos(to=f"127.0.0.1:{port}")
        self.assert_reset_at_once(chaos)
        self.assertRegex(chaos.wait_ended(1)["result"], "^the target is unreachable: .*refused")

    def test_a_name_and_unix_sockets(self):
        folder = tempfile.mkdtemp(prefix="limpet-chaos-")
        self.addCleanup(os.rmdir, folder)
        path = os.path.join(folder, "in")
        named = self.chaos(to=self.target.address.replace("127.0.0.1", "localhost"))
        local = self.chaos("--listen", f"unix:{path}", to=named.address)
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(path)
        self.addCleanup(sock.close)
        far = self.keep(self.target.accept())
        sock.sendall(b"through two")
        self.assertEqual(far.receive(11), b"through two")
        local.do("refuse")
        other = socket.socket(socket.AF_UNIX)
        self.addCleanup(other.close)
        self.assertRaises(ConnectionRefusedError, other.connect, path)
        local.do("clear")
        other.connect(path)
        local.signal(signal.SIGTERM)
        self.assert_exit(local, 0)
        self.assertFalse(os.path.exists(path))

    def test_many_connections(self):
        chaos = self.chaos("--follow-frames")
        pairs = [self.pair(chaos) for _ in range(400)]
        for number, (client, far) in enumerate(pairs):
            self.assert_passes(client, far, b"%d" % number)
        self.assertEqual(chaos.ask("GET", "/connections?limit=1")[1]["open"], 400)
        chaos.do("reset")
        for client, far in pairs:
            self.assertEqual(client.receive_all(), (b"", "rst"))
            self.assertEqual(far.receive_all(), (b"", "rst"))

    def test_the_bound_on_connections(self):
        chaos = self.chaos("--max-connections", 2)
        kept = [self.pair(chaos) for _ in range(2)]
        self.assert_reset_at_once(chaos)
        for client, far in kept:
            self.assert_passes(client, far)


class Faults(ChaosCase):

    def test_refuse(self):
        chaos = self.chaos()
        client, far = self.pair(chaos)
        chaos.do("refuse")
        self.assertRaises(ConnectionRefusedError, self.dial, chaos)
        self.assert_passes(client, far)
        other = socket.socket()
        self.addCleanup(other.close)
        self.assertRaises(OSError, other.bind, ("127.0.0.1", chaos.port))
        chaos.do("clear refuse")
        self.assert_passes(*self.pair(chaos))

    def test_refuse_some(self):
        """The part is chosen by the seed: the same again in the same course."""
        def course(seed):
            chaos = self.chaos("--seed", seed, "refuse for 50%")
            for id_ in range(1, 41):
                try:
                    self.dial(chaos)
                except ConnectionResetError:
                    pass
                chaos.wait_for(f"connection {id_}", lambda: chaos.events("opened", id=id_) or
                               chaos.events("refused", id=id_))
            return [event["id"] for event in chaos.events("refused")]
        first = course(7)
        self.assertEqual(first, course(7))
        self.assertNotEqual(first, course(8))
        self.assertTrue(5 < len(first) < 35, first)

    def test_reset_now(self):
        chaos = self.chaos()
        client, far = self.pair(chaos)
        self.assert_passes(client, far)
        chaos.do("reset")
        self.assertEqual(client.receive_all(), (b"", "rst"))
        self.assertEqual(far.receive_all(), (b"", "rst"))
        self.assertEqual(chaos.wait_ended(1)["result"], "a command: reset")
        self.assert_passes(*self.pair(chaos))

    def test_close_now(self):
        chaos = self.chaos()
        client, far = self.pair(chaos)
        self.assert_passes(client, far)
        chaos.do("close")
        self.assertEqual(client.receive_all(), (b"", "fin"))
        self.assertEqual(far.receive_all(), (b"", "fin"))
        client.close()
        far.close()
        self.assertEqual(chaos.wait_ended(1)["result"], "a command: close")

    def test_close_is_bounded(self):
        """Peers that never end are closed all the same."""
        chaos = self.chaos("close after 0s")
        client = self.dial(chaos)
        self.assertEqual(client.receive_all(), (b"", "fin"))
        self.assertEqual(chaos.wait_ended(1)["result"], "a fault: close after 0s")

    def test_reset_at_an_age(self):
        chaos = self.chaos("reset after 300ms")
        started = time.monotonic()
        client, far = self.pair(chaos)
        self.assertEqual(far.receive_all(), (b"", "rst"))
        self.assertEqual(client.receive_all(), (b"", "rst"))
        self.assertGreaterEqual(time.monotonic() - started, 0.25)
        self.assertEqual(chaos.wait_ended(1)["result"], "a fault: reset after 300ms")

    def test_freeze(self):
        chaos = self.chaos()
        for direction in ("up", "down", "both"):
            with self.subTest(direction):
                client, far = self.pair(chaos)
                self.assert_passes(client, far)
                self.assert_passes(far, client)
                chaos.do(f"freeze {direction}")
                client.send(b"held up")
                far.send(b"held down")
                if direction == "up":
                    self.assertEqual(client.receive(9), b"held down")
                else:
                    self.assertTrue(client.is_silent())
                if direction == "down":
                    self.assertEqual(far.receive(7), b"held up")
                else:
                    self.assertTrue(far.is_silent())
                chaos.do("clear freeze")
                if direction != "down":
                    self.assertEqual(far.receive(7), b"held up")
                if direction != "up":
                    self.assertEqual(client.receive(9), b"held down")

    def test_ends_are_held_while_frozen(self):
        """Half-open: the target does not learn that its client is gone."""
        for end, seen in ((lambda c: c.close(), "fin"), (lambda c: c.reset(), "rst")):
            chaos = self.chaos()
            client, far = self.pair(chaos)
            chaos.do("freeze both")
            end(client)
            self.assertTrue(far.is_silent())
            self.assertEqual(chaos.connection(1)["phase"], "passing")
            chaos.do("clear")
            self.assertEqual(far.receive_all(), (b"", seen))

    def test_frozen_from_the_start(self):
        chaos = self.chaos("freeze both")
        client, far = self.pair(chaos)
        client.send(b"x")
        self.assertTrue(far.is_silent())
        self.assertEqual(chaos.connection(1)["frozen"], "both")

    def test_delay(self):
        chaos = self.chaos("delay up 400ms", "delay down 200ms jitter 100ms")
        client, far = self.pair(chaos)
        started = time.monotonic()
        self.assert_passes(client, far)
        self.assertGreaterEqual(time.monotonic() - started, 0.38)
        started = time.monotonic()
        for number in range(5):
            far.send(b"%d" % number)
            time.sleep(0.01)
        self.assertEqual(client.receive(5), b"01234")
        self.assertGreaterEqual(time.monotonic() - started, 0.09)
        client.send(b"held until the delay is over")
        chaos.do("delay up 1h")
        client.send(b", and this")
        wait_until("read", lambda: chaos.connection(1)["up_bytes"] == 39)
        self.assertTrue(far.receive(28))
        chaos.do("clear delay")
        self.assertEqual(far.receive(10), b", and this")

    def test_an_end_is_delayed_too(self):
        chaos = self.chaos("delay 300ms")
        client, far = self.pair(chaos)
        started = time.monotonic()
        client.send(b"last words")
        client.end()
        self.assertEqual(far.receive_all(), (b"last words", "fin"))
        self.assertGreaterEqual(time.monotonic() - started, 0.28)

    def test_an_end_behind_which_nothing_waits_is_delayed_too(self):
        for act, seen in (("end", "fin"), ("reset", "rst")):
            with self.subTest(act):
                chaos = self.chaos("delay 300ms")
                client, far = self.pair(chaos)
                self.assert_passes(client, far)
                started = time.monotonic()
                getattr(client, act)()
                self.assertEqual(far.receive_all(), (b"", seen))
                self.assertGreaterEqual(time.monotonic() - started, 0.28)
                client, far = self.pair(chaos)
                chaos.wait_passing(2)
                chaos.do("delay 1h")
                getattr(client, act)()
                self.assertTrue(far.is_silent())
                chaos.do("clear")
                self.assertEqual(far.receive_all(), (b"", seen))

    def test_throttle(self):
        chaos = self.chaos("throttle down 50k")
        client, far = self.pair(chaos)
        started = time.monotonic()
        self.aside(far.send, bytes(40000))
        self.assertEqual(len(client.receive(40000)), 40000)
        self.assertGreaterEqual(time.monotonic() - started, 0.7)
        self.assert_passes(client, far, bytes(100000))
        client.close()
        far.close()
        self.assertIn("throttle", chaos.wait_ended(1)["faults"])

    def test_truncate_at_exactly_n(self):
        for size, ending, seen in ((0, "close", "fin"), (1, "close", "fin"), (100000, "close", "fin"),
                                   (70000, "reset", "rst")):
            with self.subTest(size, ending=ending):
                chaos = self.chaos(f"truncate down {size} then {ending}")
                client, far = self.pair(chaos)
                self.aside(self.send_until_broken, far, BIG)
                self.assertEqual(client.receive_all(), (BIG[:size], seen))
                chaos.end()

    @staticmethod
    def send_until_broken(peer, data):
        try:
            peer.send(data)
        except OSError:
            pass

    def test_truncate_then_freeze(self):
        chaos = self.chaos("truncate up 5 then freeze")
        client, far = self.pair(chaos)
        client.send(b"0123456789")
        self.assertEqual(far.receive(5), b"01234")
        self.assertTrue(far.is_silent())
        far.send(b"x")
        self.assertTrue(client.is_silent())
        chaos.do("clear")
        self.assertTrue(far.is_silent(), "what was lost cannot be made good")
        client.close()
        far.close()
        self.assertIn("truncate up 5 then freeze", chaos.wait_ended(1)["result"])

    def test_truncate_a_stream_that_is_longer(self):
        chaos = self.chaos()
        client, far = self.pair(chaos)
        self.assert_passes(client, far, b"0123456789")
        chaos.do("truncate up 4")
        self.assertEqual(far.receive_all(), (b"", "fin"))

    def test_corrupt_exactly_one_byte(self):
        for at in (0, 1, 65536, len(BIG) - 1):
            with self.subTest(at):
                chaos = self.chaos(f"corrupt up at {at}")
                client, far = self.pair(chaos)
                self.aside(lambda: (client.send(BIG), client.end()))
                data, end = far.receive_all()
                self.assertEqual((len(data), end), (len(BIG), "fin"))
                self.assertEqual(data, BIG[:at] + bytes([BIG[at] ^ 0xFF]) + BIG[at + 1:])
                chaos.end()

    def test_corrupt_the_next_byte(self):
        chaos = self.chaos()
        client, far = self.pair(chaos)
        self.assert_passes(client, far, b"before")
        chaos.do("corrupt up")
        client.send(b"\x00after")
        self.assertEqual(far.receive(6), b"\xffafter")
        self.assert_passes(client, far, b"whole again")
        self.assertIn("corrupt", chaos.connection(1)["faults"])

    def test_slow_loris(self):
        chaos = self.chaos("slow-loris up 50ms")
        client, far = self.pair(chaos)
        client.send(b"0123456789")
        started = time.monotonic()
        for number in range(10):
            self.assertEqual(far.socket.recv(100), b"%d" % number)
        self.assertGreaterEqual(time.monotonic() - started, 0.4)

    def test_flap(self):
        chaos = self.chaos("flap 300ms 300ms")
        client = self.dial(chaos)
        self.assertEqual(client.receive_all(), (b"", "rst"))

        def is_refused():
            try:
                self.dial(chaos).close()
                return False
            except (ConnectionRefusedError, ConnectionResetError):  # it may go while one waits to be accepted
                return True
        wait_until("down", is_refused)
        wait_until("up again", lambda: not is_refused())
        wait_until("down again", is_refused)
        self.assertIn("flap", chaos.wait_ended(1)["result"])

    def test_part_of_the_connections(self):
        chaos = self.chaos()
        pairs = [self.pair(chaos) for _ in range(40)]
        for client, far in pairs:
            self.assert_passes(client, far)
        chaos.do("reset for 50%")
        count = chaos.wait_event("fault", fault="reset for 50%")["connections_ended"]
        self.assertTrue(5 < count < 35, count)
        self.assertEqual(chaos.ask("GET", "/connections")[1]["open"], 40 - count)

    def test_one_connection(self):
        chaos = self.chaos()
        first, second = self.pair(chaos), self.pair(chaos)
        for pair in (first, second):
            self.assert_passes(*pair)
        chaos.do("freeze both", connection=1)
        first[0].send(b"x")
        self.assertTrue(first[1].is_silent())
        self.assert_passes(*second)
        chaos.do("clear", connection=1)
        self.assertEqual(first[1].receive(1), b"x")
        chaos.do("reset", connection=2)
        self.assertEqual(second[0].receive_all()[1], "rst")
        self.assert_passes(*first)

    def test_a_fault_that_comes_while_bytes_are_under_way(self):
        """From splice to copy and back: nothing is lost or out of order."""
        chaos = self.chaos()
        client, far = self.pair(chaos)
        sender = self.aside(lambda: (client.send(BIG), client.end()))
        got = far.receive(1000)
        for command in ("delay 1ms", "clear", "throttle 100M", "freeze both", "clear", "delay 2ms",
                        "clear"):
            chaos.do(command)
            got += far.receive(300000) if command != "freeze both" else b""
        rest, end = far.receive_all()
        sender.join()
        self.assertEqual((got + rest == BIG, end), (True, "fin"))


class Scripts(ChaosCase):

    def script(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".chaos", delete=False) as file:
            file.write(text)
        self.addCleanup(os.unlink, file.name)
        return file.name

    def test_steps_at_their_times(self):
        chaos = self.chaos("--script", self.script(
            "# a comment\n\n0s freeze both\n+300ms clear  # behind it, too\n500ms reset\n"))
        client, far = self.pair(chaos)
        client.send(b"x")
        self.assertEqual(far.receive(1), b"x")
        self.assertEqual(client.receive_all()[1], "rst")
        chaos.wait_for("three steps", lambda: len(chaos.commands) >= 3)
        self.assertEqual(chaos.commands, ["0s freeze both", "300ms clear", "500ms reset"])

    def test_repeat(self):
        chaos = self.chaos("--script", self.script("10ms freeze\n20ms clear\n30ms repeat\n"))
        chaos.wait_for("three rounds", lambda: len(chaos.commands) >= 6)
        self.assertEqual(chaos.commands[:5], ["10ms freeze both", "20ms clear", "40ms freeze both",
                                              "50ms clear", "70ms freeze both"])

    def test_errors_name_file_line_and_what(self):
        for text, line, what in (
                ("1s freeze\n2s dely 5ms\n", 2, "there is no fault 'dely'"),
                ("freeze\n", 1, "begins with a time"), ("1s\n", 1, "a fault is missing"),
                ("2s clear\n1s clear\n", 2, "before that of the line above"),
                ("1s repeat\n", 1, "nothing to repeat"),
                ("1s clear\n2s repeat\n3s clear\n", 3, "nothing may follow"),
                ("1s delay 10\n", 1, "'10' is not a time"), ("1s throttle\n", 1, "is missing"),
                ("1s freeze sideways\n", 1, "'sideways' makes no sense"),
                ("1s reset for 101%\n", 1, "'101%' is not a part"),
                ("1s cut then explode\n", 1, "'explode' is not close, reset or freeze"),
                ("1s fre\xe9ze\n", 1, "not printable ASCII")):
            with self.subTest(text):
                path = self.script(text)
                run = self.limpet("chaos", "--to", "127.0.0.1:9", "--script", path, stdin=b"")
                self.assert_exit(run, 1)
                self.assertIn(f"{path}: line {line}: ", run.text)
                self.assertIn(what, run.text)

    def test_what_is_on_from_the_start_comes_before_the_script(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writer, b"x" * 4096)  # the proxy stands still over its address
        self.limpet("chaos", "--to", self.target.address, "--script", self.script("0s freeze up\n"),
                    "delay 5ms", stdout=writer)
        os.close(writer)
        time.sleep(0.2)
        said = b""
        while said.count(b"\n") < 3:
            said += os.read(reader, 4096)
        self.assertEqual(said.split(b"\n")[1:3], [b"0s delay both 5ms", b"0s freeze up"])

    def test_a_step_that_is_late_comes_no_earlier_than_what_is_told_already(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        run = self.limpet("chaos", "--to", self.target.address, "--control", "127.0.0.1:0",
                          "--script", self.script("200ms freeze up\n"), "--events", "json",
                          stdout=writer)
        links = [http.client.HTTPConnection(run.wait_event("started")["control"]) for _ in range(2)]
        for link in links:
            self.keep(link)
            link.request("GET", "/faults")
            link.getresponse().read()
        os.read(reader, 4096)
        os.write(writer, b"x" * 4096)  # it stands still over the first command
        os.close(writer)
        for link in links:
            link.request("POST", "/faults", '{"fault":"delay 5ms"}',
                         {"Content-Type": "application/json"})
            time.sleep(0.3)
        said = b""
        while said.count(b"\n") < 3:
            said += os.read(reader, 4096)
        times = [int(number) * (1000 if unit == b"s" else 1)
                 for number, unit in re.findall(rb"(\d+)(m?s) (?:delay|freeze)", said)]
        self.assertEqual(len(times), 3)
        self.assertEqual(times, sorted(times), said[4096:])

    def test_random_can_be_replayed(self):
        def plan(*arguments, count=2):
            chaos = self.chaos(*arguments)
            chaos.wait_for(f"{count} steps", lambda: len(chaos.commands) >= count)
            found = chaos.commands[:count]
            chaos.signal(signal.SIGTERM)
            self.assert_exit(chaos, 0)
            return found
        first = plan("--random", 8)
        again = self.script("\n".join(first))
        self.assertEqual(plan("--random", 8), first)
        self.assertEqual(plan("--script", again, "--seed", 8), first)
        self.assertNotEqual(plan("--random", 9, count=1), first[:1])


class CommandLine(ChaosCase):

    def test_lines_that_nobody_reads_hold_up_nobody(self):
        for form, notice in (("text", b"lines left out: "), ("json", b'{"event":"left_out","count":')):
            with self.subTest(form):
                reader, writer = self.full_pipe()
                run = self.limpet("chaos", "--to", "127.0.0.1:9", "--events", form, stderr=writer)
                os.close(writer)
                run.wait_for("the address", lambda: b"\n" in run.out, 5)
                port = int(run.out.split(b"\n")[0].rpartition(b":")[2])
                for _ in range(3):
                    self.assert_reset(port)
                told = b""
                while select.select([reader], [], [], 0)[0]:
                    told += os.read(reader, 1 << 20)
                run.signal(signal.SIGTERM)
                self.assert_exit(run, 0)
                self.assertIn(notice, told + os.read(reader, 1 << 20))

    def assert_reset(self, port):
        with self.assertRaises(ConnectionResetError):
            with socket.create_connection(("127.0.0.1", port), 5) as s:
                s.recv(1)

    def test_help(self):
        run = self.limpet("chaos", "--help", stdin=b"")
        self.assert_exit(run, 0)
        for word in ("refuse", "slow-loris", "--control", "Examples", "Exit status"):
            self.assertIn(word, run.out.decode())

    def test_refused(self):
        to = ("--to", "127.0.0.1:9")
        for arguments, what in (
                ((), "--to"), (("--to", "nowhere"), "--to"), (("--to", "h:0"), "--to"),
                (("--to", "h:65536"), "--to"), (("--to", "::1:80"), "--to"),
                ((*to, "freeze sideways"), "sideways"), ((*to, "reset"), "at the start"),
                ((*to, "clear"), "at the start"), ((*to, "delay", "5ms"), "delay: a time"),
                ((*to, "--control-remote"), "--control"), ((*to, "--seed", "x"), "--seed"),
                ((*to, "--random", "1", "--script", "/dev/null"), "do not go together"),
                ((*to, "--script", "/nonexistent"), "/nonexistent"),
                ((*to, "--script", "/dev/null"), "no step"),
                ((*to, "--events", "xml"), "--events"),
                ((*to, "--max-connections", "0"), "--max-connections")):
            with self.subTest(arguments):
                run = self.limpet("chaos", *arguments, stdin=b"")
                self.assert_exit(run, 1)
                self.assertEqual(run.out, b"")
                self.assertIn(what, run.text)

    def test_cannot_listen(self):
        taken = self.target.address
        for arguments in (("--listen", taken), ("--listen", "nonsense"), ("--control", taken),
                          ("--control", "0.0.0.0:0")):
            run = self.limpet("chaos", "--to", "127.0.0.1:9", *arguments, stdin=b"")
            self.assert_exit(run, 3)
            self.assertIn(arguments[1], run.text)

    def test_text_at_the_end(self):
        run = self.limpet("chaos", "--to", self.target.address, "delay 10ms")
        run.wait_for("the address", lambda: run.out.count(b"\n") == 2)
        run.port = int(run.out.split(b"\n")[0].rpartition(b":")[2])
        self.assertRegex(run.out.split(b"\n")[1], rb"^\d+m?s delay both 10ms$")
        client, far = self.pair(run)
        self.assert_passes(client, far, b"12345")
        run.signal(signal.SIGINT)
        self.assert_exit(run, 0)
        self.assertEqual(client.receive_all()[1], "rst")
        self.assertTrue(any(re.fullmatch(
            r"connection 1 from 127\.0\.0\.1:\d+, \d+\.\d{3} s, up 5 bytes, down 0 bytes: "
            r"the proxy was stopped; felt delay", line) for line in run.lines), run.story())
        self.assertIn("1 connections, 0 refused, up 5 bytes, down 0 bytes", run.text)


if __name__ == "__main__":
    main()
