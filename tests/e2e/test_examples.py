#!/usr/bin/python3
"""The programs of examples/, each run as its head says, and through cuts of its link."""

import paths  # noqa: F401

import json
import os
import re
import resource
import shutil
import signal
import tempfile

from certs import Certificates
from e2e_cutter import Cutter
from e2e_limpet import Limpet, LimpetCase, main, program, wait_until
from e2e_peers import closed_port
from e2e_relay import Relay
from rawws import RawServer


class ExampleCase(LimpetCase):

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="limpet-examples-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def example(self, name, *args, **kwargs):
        """Starts examples/NAME, which must have been built: none is skipped."""
        path = os.path.join(os.path.dirname(program()), "example-" + name)
        self.assertTrue(os.access(path, os.X_OK), f"{path} was not built (scripts/deps test)")
        run = Limpet(*args, path=path, **kwargs)
        self.addCleanup(run.end)
        return run

    def relay(self, *options):
        return self.keep(Relay(self.path("relay.db"), "--quiet", *options))

    def cutter(self, relay):
        return self.keep(Cutter(int(relay.address.rsplit(":", 1)[1]), 0, 1))

    def wait_printed(self, run, text, count=1):
        run.wait_for(f"{text!r} x{count} on standard output",
                     lambda: run.out.count(text.encode()) >= count)

    def wait_reopened(self, run, cutter):
        """Cuts the link and waits for the next one."""
        before = run.out.count(b"CONNECTED (opened)")
        cutter.cut()
        self.wait_printed(run, "CONNECTED (opened)", before + 1)

    def end(self, run, number=signal.SIGTERM):
        """A clean end by a signal: all is freed, or the sanitizer would say so."""
        run.signal(number)
        self.assert_exit(run, 0)

    def refuses(self, name, *args):
        """A URL that cannot be used ends it, with a sentence."""
        run = self.example(name, *args)
        self.assert_exit(run, 1)
        self.assertIn("url", run.text)


class Hello(ExampleCase):

    def test_hello_is_confirmed(self):
        run = self.example("hello", f"ws://{self.relay().address}/echo")
        self.assert_exit(run, 0)
        self.assertIn(b"CONNECTING -> CONNECTED (opened)", run.out)
        self.assertTrue(run.out.endswith(b"CONNECTED -> CLOSED (disconnect)\n"), run.story())

    def test_what_was_not_delivered_is_told(self):
        holder, port = closed_port()
        self.addCleanup(holder.close)
        run = self.example("hello", f"ws://127.0.0.1:{port}/echo")
        self.assert_exit(run, 1)
        self.assertIn("not delivered: ", run.text)


class Poll(ExampleCase):

    def test_lines_through_cuts_to_the_end_of_input(self):
        relay = self.relay()
        cutter = self.cutter(relay)
        run = self.example("poll", f"ws://127.0.0.1:{cutter.port}/echo")
        self.wait_printed(run, "CONNECTED (opened)")
        for i in range(3):
            run.feed(f"before {i}\n".encode())
            self.wait_printed(run, f"received before {i}\n")
            cutter.cut()
            run.feed(f"after {i}\n".encode())
            self.wait_printed(run, f"received after {i}\n")
        run.feed(b"x" * 5000 + b"\nlast")  # longer than its buffer: two messages
        run.end_input()
        self.assert_exit(run, 0)
        self.assertIn(b"flushed: ok\n", run.out)
        self.assertEqual(run.out.count(b"x"), 5000, run.story())
        self.assertNotIn("not sent", run.text)
        self.assertIn(b"received last\n", run.out)

    def test_a_long_line_is_cut_between_characters(self):
        address = self.relay().address
        for line in ("€" * 3000, "x" + "€" * 3000, "xx" + "€" * 3000, "🐚" * 3000, "ä" * 3000):
            run = self.example("poll", f"ws://{address}/echo", stdin=line.encode())
            self.assert_exit(run, 0)
            self.assertEqual(run.out.decode().count(line[-1]), 3000, run.story())

    def test_tls(self):
        certs = self.keep(Certificates())
        cert, key = certs.pair("good")
        relay = self.relay("--tls-cert", cert, "--tls-key", key)
        environment = {"SSL_CERT_FILE": certs.pem("ca")}
        run = self.example("poll", f"wss://{relay.address}/echo", env=environment)
        run.feed(b"a\n" * 30000)  # more than its queue takes: it stops reading until there is room
        run.feed("€".encode() * 1333 + b"\n")
        self.wait_printed(run, "received " + "€" * 1333 + "\n")
        self.assertEqual(run.out.count(b"received a\n"), 30000)
        self.end(run)

    def test_signals(self):
        address = self.relay().address
        for number in (signal.SIGINT, signal.SIGTERM):
            run = self.example("poll", f"ws://{address}/echo")
            self.wait_printed(run, "CONNECTED (opened)")
            self.end(run, number)
            self.assertIn(b"CLOSED (disconnect)", run.out)

    def test_unusable_url(self):
        self.refuses("poll", "http://127.0.0.1/")

    def test_it_sleeps(self):
        run = self.example("poll", f"ws://{self.relay().address}/echo")
        self.wait_printed(run, "CONNECTED (opened)")
        with open(f"/proc/{run.process.pid}/stat", encoding="ascii") as file:
            before = file.read().rsplit(")", 1)[1].split()[11:13]
        run.feed(b"a\n")
        self.wait_printed(run, "received a\n")
        wait_until("it sleeps", lambda: self._state(run) == "S")
        with open(f"/proc/{run.process.pid}/stat", encoding="ascii") as file:
            after = file.read().rsplit(")", 1)[1].split()[11:13]
        self.assertLess(sum(map(int, after)) - sum(map(int, before)), 50)
        self.end(run)

    @staticmethod
    def _state(run):
        with open(f"/proc/{run.process.pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0]


class Ticking:
    """uv.c and glib.c do the same on different loops."""

    name = None
    opened = None

    def test_ticks_through_a_cut(self):
        relay = self.relay()
        cutter = self.cutter(relay)
        run = self.example(self.name, f"ws://127.0.0.1:{cutter.port}/echo", 20)
        self.wait_printed(run, "received tick ", 3)
        cutter.cut()
        self.wait_printed(run, self.opened, 2)
        seen = run.out.count(b"received tick ")
        self.wait_printed(run, "received tick ", seen + 3)
        self.end(run, signal.SIGINT)
        numbers = [int(n) for n in re.findall(rb"received tick (\d+)", run.out)]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertEqual(numbers[:2], [1, 2])

    def test_ends_while_there_is_no_server(self):
        holder, port = closed_port()
        self.addCleanup(holder.close)
        run = self.example(self.name, f"ws://127.0.0.1:{port}/", 20)
        self.wait_printed(run, self.waiting)
        self.end(run)

    def test_unusable_url(self):
        self.refuses(self.name, "http://127.0.0.1/")


class Uv(Ticking, ExampleCase):
    name, opened, waiting = "uv", "Connected", "Reconnecting (attempt 1"


class Glib(Ticking, ExampleCase):
    name, opened, waiting = "glib", "CONNECTED (opened)", "RECONNECTING (retry)"


class Thread(ExampleCase):

    def test_all_workers_messages_arrive_in_order_through_a_cut(self):
        messages = 100
        server = self.keep(RawServer(self._keep))
        run = self.example("thread", server.url(), messages)
        server.wait("messages on the first link", lambda rs: len(rs[0].messages) >= 60)
        self.assert_exit(run, 0)
        self.assertIn(b"flushed: ok\n", run.out)
        self.assertEqual(len(server.records), 2)
        for worker in (1, 2, 3):
            found = [t.split()[3] for r in server.records for t in r.texts
                     if t.startswith(f"worker {worker} ")]
            first = list(dict.fromkeys(found))  # what was not proven to be read came again
            self.assertEqual(first, [str(i) for i in range(1, messages + 1)])

    @staticmethod
    def _keep(peer):
        peer.read_head()
        peer.open()
        if peer.record.index == 0:
            while len(peer.record.messages) < 60:
                peer.read_event()
            peer.reset()
        peer.serve(peer.echo)

    def test_an_outage_that_the_queue_cannot_hold_loses_nothing(self):
        messages = 400  # of each: more in all than the queue takes

        def handle(peer):
            peer.read_head()
            if peer.record.index < 5:  # so many delays later all could have been said
                peer.reset()
            peer.open()
            peer.serve()
        server = self.keep(RawServer(handle))
        run = self.example("thread", server.url(), messages)
        self.assert_exit(run, 0)
        self.assertEqual(sorted(server.records[-1].texts),
                         sorted(f"worker {worker} message {i}" for worker in (1, 2, 3)
                                for i in range(1, messages + 1)))

    def test_signal(self):
        run = self.example("thread", f"ws://{self.relay().address}/echo")
        self.wait_printed(run, "received worker 3 message 2\n")
        self.end(run)
        self.assertIn(b"CLOSED (disconnect)", run.out)

    def test_an_unusable_url_is_an_exception(self):
        self.refuses("thread", "http://127.0.0.1/")


class Feed(ExampleCase):
    """A server with ticks 1 to 30, which leaves out what the test wants it to."""

    def serve(self, lost=(), gone=(), cut_after=None):
        """`lost`: left out once; `gone`: the server has them no more."""
        def tick(peer, number, symbol="EURUSD"):
            peer.send_text(json.dumps({"type": "tick", "symbol": symbol, "sequence_number": number,
                                       "price": 1 + number / 100}))

        def play(peer, after, left_out):
            for number in range(after + 1, 31):
                if peer.record.index == 0 and number == cut_after:
                    peer.reset()
                if number not in left_out:
                    tick(peer, number)

        def handle(peer):
            peer.read_head()
            peer.open()
            subscribed = []

            def on_message(_, payload):
                wish = json.loads(payload)
                subscribed.append(wish)
                peer.send_text('{"type":"subscribed","symbol":"EURUSD"}')
                tick(peer, 1, "USDJPY")
                play(peer, wish.get("after", 0), {*gone, *(lost if len(subscribed) == 1 else ())})
            peer.serve(on_message)
        return self.keep(RawServer(handle))

    def ticks(self, run):
        return [int(n) for n in re.findall(rb"^EURUSD (\d+) ", run.out, re.MULTILINE)]

    def subscriptions(self, server):
        return [json.loads(t).get("after", 0) for r in server.records for t in r.texts]

    def test_a_gap_is_filled(self):
        server = self.serve(lost=(11, 12))
        run = self.example("feed", server.url("/ticks"), "EURUSD")
        self.wait_printed(run, "EURUSD 30 1.30000")
        self.end(run)
        self.assertEqual(self.ticks(run), list(range(1, 31)))
        self.assertEqual(self.subscriptions(server), [0, 10])
        self.assertEqual(run.out.count(b"gap: 13 after 10\n"), 1)

    def test_what_the_server_does_not_have_is_lost_and_the_feed_goes_on(self):
        server = self.serve(lost=(11, 12, 14), gone=(12,))
        run = self.example("feed", server.url("/ticks"), "EURUSD")
        self.wait_printed(run, "EURUSD 30 1.30000")
        self.end(run)
        self.assertEqual(self.ticks(run), [n for n in range(1, 31) if n != 12])
        self.assertIn(b"gap: 13 after 10\n", run.out)
        self.assertEqual(re.findall(rb"lost: .*", run.out), [b"lost: 12 to 12"])

    def test_a_cut_is_bridged(self):
        server = self.serve(cut_after=20)
        run = self.example("feed", server.url("/ticks"), "EURUSD")
        self.wait_printed(run, "EURUSD 30 1.30000")
        self.end(run)
        self.assertEqual(self.ticks(run), list(range(1, 31)))
        subscriptions = self.subscriptions(server)
        self.assertEqual(len(subscriptions), 2)
        self.assertIn(f"subscribing after {subscriptions[1]}\n".encode(), run.out)

    def test_what_is_no_tick_is_told(self):
        def handle(peer):
            peer.read_head()
            peer.open()
            peer.serve(lambda *_: peer.send_text('{"type":"tick","price":"high"}'))
        run = self.example("feed", self.keep(RawServer(handle)).url())
        run.wait_line("not a tick: ")
        self.end(run)


class Iot(ExampleCase):

    def measured(self, value):
        """The sensor's file, changed as a kernel would: never half written."""
        with open(self.path("temp.new"), "w", encoding="ascii") as file:
            file.write(f"{value}\n")
        os.rename(self.path("temp.new"), self.path("temp"))
        return self.path("temp")

    def texts(self, relay):
        return [m["plaintext"] for m in relay.stored("boiler")]

    def test_an_alarm_outlives_the_outage_and_the_program(self):
        holder, port = closed_port()
        self.addCleanup(holder.close)
        nowhere = f"ws://127.0.0.1:{port}/ws?conversation_id=boiler&user_id=s"
        sensor = self.measured(91500)
        run = self.example("iot", nowhere, self.path("alarms"), sensor, 20)
        self.wait_printed(run, " stored\n")
        self.wait_printed(run, " dropped: replaced\n", 3)  # readings: only the newest waits
        self.end(run)
        alarm = re.search(rb"(alarm-\S+) stored", run.out).group(1)

        relay = self.relay()
        cutter = self.cutter(relay)
        self.measured(20000)
        url = f"ws://127.0.0.1:{cutter.port}/ws?conversation_id=boiler&user_id=s"
        run = self.example("iot", url, self.path("alarms"), sensor, 20)
        self.wait_printed(run, f"{alarm.decode()} confirmed\n")
        self.wait_reopened(run, cutter)
        self.measured(85250)
        run.wait_for("the second alarm", lambda: len(re.findall(rb"alarm-\S+ confirmed\n",
                                                                run.out)) == 2)
        self.end(run)
        texts = self.texts(relay)
        self.assertEqual([t for t in texts if t.startswith("alarm")],
                         ["alarm 91.500", "alarm 85.250"])
        self.assertIn("reading 20.000", texts)

    def test_an_alarm_that_finds_no_room_on_the_disk_is_raised_again(self):
        relay = self.relay()
        sensor = self.measured(20000)
        run = self.example("iot", f"ws://{relay.address}/ws?conversation_id=boiler&user_id=s",
                           self.path("alarms"), sensor, 20,
                           preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
        self.wait_printed(run, "CONNECTED (opened)")
        before = resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        self.measured(91500)
        run.wait_for("a lost alarm", lambda: re.search(rb"alarm-\S+ dropped: not_stored", run.out))
        resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, before)
        run.wait_for("an alarm", lambda: re.search(rb"alarm-\S+ confirmed", run.out))
        self.end(run)
        self.assertIn("alarm 91.500", self.texts(relay))

    def test_readings_below_zero(self):
        relay = self.relay()
        for value, text in ((-500, "-0.500"), (-12345, "-12.345"), (250, "0.250")):
            run = self.example("iot", f"ws://{relay.address}/ws?conversation_id=boiler&user_id=s",
                               self.path("alarms"), self.measured(value), 20)
            run.wait_for("a reading", lambda: re.search(rb"reading-\S+ confirmed", run.out))
            self.end(run)
            self.assertEqual(self.texts(relay)[-1], "reading " + text)

    def test_a_sensor_that_fails_is_told(self):
        run = self.example("iot", f"ws://{self.relay().address}/ws", self.path("alarms"),
                           self.path("none"), 20)
        run.wait_line("no reading: No such file or directory", 2)
        self.end(run)

    def test_usage_and_unusable_url(self):
        run = self.example("iot")
        self.assert_exit(run, 1)
        self.assertIn("usage: ", run.text)
        self.refuses("iot", "http://127.0.0.1/", self.path("alarms"), "none")


class Chatbot(ExampleCase):

    def bot(self, port, name="robot"):
        return self.example("chatbot", f"ws://127.0.0.1:{port}", "tea", name, self.path("seen"))

    def answers(self, relay):
        return [m["plaintext"].split(",")[0] for m in relay.stored("tea")
                if m["sender_id"] == "robot"]

    def wait_answers(self, relay, names):
        wait_until(f"answers to {names}", lambda: self.answers(relay) == names)

    def test_each_question_is_answered_once_through_cuts_and_restarts(self):
        relay = self.relay()
        cutter = self.cutter(relay)
        relay.post("tea", "ann", "Is anybody there?")
        relay.post("tea", "ann", "I wonder.")
        run = self.bot(cutter.port)
        self.wait_answers(relay, ["ann"])
        self.wait_reopened(run, cutter)
        relay.post("tea", "bob", "Milk?")
        self.wait_answers(relay, ["ann", "bob"])
        cutter.cut()
        relay.post("tea", "eve", "Sugar?")  # while it is away
        self.wait_answers(relay, ["ann", "bob", "eve"])
        # what it has seen is not seen again on the new links
        self.assertEqual(run.out.count(b"bob: Milk?"), 1)
        wait_until("it remembers", lambda: self._seen() == 6)
        run.end()  # kill -9

        relay.post("tea", "ida", "Lemon?")
        run = self.bot(cutter.port)
        self.wait_answers(relay, ["ann", "bob", "eve", "ida"])
        self.end(run)

    def _seen(self):
        with open(self.path("seen"), encoding="ascii") as file:
            return int(file.read())

    def test_a_long_history(self):
        count = 7000
        relay = self.relay("--rate", "0")
        asker, robot = "a" * 100, "r" * 100
        asked = self.limpet("connect", "--confirm", "ack", relay.url("tea", asker),
                            stdin=b"Is anybody there?\n" * count)
        self.assert_exit(asked, 0)
        run = self.bot(relay.address.rsplit(":", 1)[1], robot)
        run.wait_for("all questions", lambda: run.out.count(b": Is anybody there?\n") == count)
        wait_until("all answers", lambda: os.path.exists(self.path("seen")) and self._seen() == count)
        self.end(run)
        self.assertEqual(sum(m["sender_id"] == robot for m in relay.stored("tea")), count)

    def test_a_relay_that_began_anew(self):
        relay = self.relay()
        port = relay.address.rsplit(":", 1)[1]
        with open(self.path("seen"), "w", encoding="ascii") as file:
            file.write("50\n")  # of the relay's old store
        relay.post("tea", "ann", "I wonder.")
        run = self.bot(port)
        self.wait_printed(run, "CONNECTED (opened)")
        relay.post("tea", "ann", "Is anybody there?")
        self.wait_answers(relay, ["ann"])
        self.end(run)

    def test_an_answer_that_is_given_again_is_dropped(self):
        relay = self.relay()
        port = relay.address.rsplit(":", 1)[1]
        relay.post("tea", "ann", "Is anybody there?")
        for _ in range(2):
            run = self.bot(port)
            wait_until("it remembers", lambda: os.path.exists(self.path("seen")))
            self.end(run)
            os.unlink(self.path("seen"))  # as if it had crashed before
        self.assertEqual(self.answers(relay), ["ann"])

    def test_usage(self):
        run = self.example("chatbot")
        self.assert_exit(run, 1)
        self.assertIn("usage: ", run.text)


if __name__ == "__main__":
    main()
