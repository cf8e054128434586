#!/usr/bin/python3
"""`limpet chat` without a terminal, at the real relay: each message once and in order through cuts and
kills, the outbox over restarts, exit statuses, what a relay may say wrongly."""

import paths  # noqa: F401

import fcntl
import json
import os
import signal
import tempfile

from e2e_cutter import Cutter
from e2e_limpet import LimpetCase, main, wait_full
from e2e_relay import Relay
from hostile import HostileServer
from rawws import CLOSE, TEXT, frame

PATIENT = ("--max-retries", "forever", "--initial-delay", "5", "--max-delay", "50",
           "--stable-after", "0")


def message(number, text, **members):
    return json.dumps({"type": "message", "id": f"m{number}", "conversation_id": "c",
                       "sender_id": "ann", "plaintext": text, "sequence_number": number,
                       "created_at": "2026-11-25T16:34:18.123Z", **members})


class ChatCase(LimpetCase):

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def start_relay(self):
        return self.keep(Relay(self.path("relay")))

    def chat(self, url, *args, user="me", conversation="c", **kwargs):
        return self.limpet("chat", "--user", user, "--conversation", conversation, "--events",
                           "json", *args, url, **kwargs)


class Talk(ChatCase):

    def test_what_is_said_is_heard_by_all_and_by_who_comes_later(self):
        relay = self.start_relay()
        url = f"ws://{relay.address}"
        listener = self.chat(url, "--keep-open", user="bob", stdin=b"")
        self.assert_exit(self.chat(url, stdin="hällo\n\nlast".encode()), 0)
        expected = "me: hällo\nme: last\n".encode()
        self.assertEqual(listener.wait_out(len(expected)), expected)
        later = self.chat(url, user="eve", stdin=b"")
        self.assert_exit(later, 0)
        self.assertEqual(later.out, expected)
        only_new = self.chat(url, "--after", "1", user="eve", stdin=b"")
        self.assert_exit(only_new, 0)
        self.assertEqual(only_new.out, b"me: last\n")
        self.interrupt(listener)

    def test_conversations_are_apart(self):
        relay = self.start_relay()
        url = f"ws://{relay.address}"
        self.assert_exit(self.chat(url, conversation="one/ä", stdin=b"here\n"), 0)
        other = self.chat(url, conversation="two", stdin=b"")
        self.assert_exit(other, 0)
        self.assertEqual(other.out, b"")
        self.assertEqual([m["plaintext"] for m in relay.stored("one%2F%C3%A4")], ["here"])

    def test_no_control_character_reaches_the_output(self):
        relay = self.start_relay()
        relay.post("c", "eve", "\x1b]0;title\x07\x9b2J\nnext \u202eline")
        run = self.chat(f"ws://{relay.address}", stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual(run.out.decode(), "eve: \ufffd]0;title\ufffd\ufffd2J next line\n")


class Cuts(ChatCase):

    def check(self, listener, relay, count):
        """Every message once, in order, on the screen and in the store."""
        texts = [m["plaintext"] for m in relay.stored("c")]
        self.assertEqual(texts, [f"line {i}" for i in range(1, count + 1)])
        self.assertEqual(listener.out.decode().splitlines(), ["me: " + t for t in texts])

    def test_links_are_cut_under_both(self):
        count = 2000
        relay = self.start_relay()
        port = int(relay.address.rsplit(":", 1)[1])
        near = self.keep(Cutter(port, cuts=30, seed=1, most=6000))
        far = self.keep(Cutter(port, cuts=30, seed=2, most=400))
        listener = self.chat(f"ws://127.0.0.1:{far.port}", *PATIENT, "--keep-open", user="bob",
                             stdin=b"")
        lines = b"".join(b"line %d\n" % i for i in range(1, count + 1))
        sender = self.chat(f"ws://127.0.0.1:{near.port}", *PATIENT, stdin=None)
        sender.feed_aside(lines)
        self.assert_exit(sender, 0)
        self.assertGreater(near.count, 20)
        listener.wait_for("the last line", lambda: listener.out.endswith(b"line %d\n" % count))
        self.check(listener, relay, count)
        self.interrupt(listener)

    def test_the_relay_is_killed_and_restarted(self):
        count = 600
        relay = self.start_relay()
        url = f"ws://{relay.address}"
        listener = self.chat(url, *PATIENT, "--keep-open", user="bob", stdin=b"")
        sender = self.chat(url, *PATIENT, "--outbox", self.path("outbox"), stdin=None)
        for part in range(6):
            first = part * count // 6
            lines = b"".join(b"line %d\n" % (first + i) for i in range(1, count // 6 + 1))
            thread = sender.feed_aside(lines, end=part == 5)
            listener.wait_for("some lines",
                              lambda: b"line %d\n" % (first + 20) in listener.out)
            if part % 2:
                relay.terminate()
            else:
                relay.kill()
            relay.start()
            thread.join()
        self.assert_exit(sender, 0)
        listener.wait_for("the last line", lambda: listener.out.endswith(b"line %d\n" % count))
        self.check(listener, relay, count)
        self.interrupt(listener)

    def test_the_end_of_input_waits_until_all_is_stored(self):
        relay = self.start_relay()
        url = f"ws://{relay.address}"
        relay.kill()
        run = self.chat(url, *PATIENT, stdin=b"one\ntwo\n")
        run.wait_event("retry", count=3)
        relay.start()
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"me: one\nme: two\n")


class Outbox(ChatCase):

    def test_a_later_run_delivers_what_an_earlier_left(self):
        relay = self.start_relay()
        url = f"ws://{relay.address}"
        relay.kill()
        first = self.chat(url, *PATIENT, "--outbox", self.path("o"), stdin=b"one\ntwo\n")
        first.wait_event("fate", count=2, fate="stored")
        first.signal(signal.SIGKILL)
        first.wait()
        relay.start()
        second = self.chat(url, *PATIENT, "--outbox", self.path("o"), stdin=b"three\n")
        self.assert_exit(second, 0)
        self.assertEqual(second.out, b"me: one\nme: two\nme: three\n")
        self.assertEqual([m["plaintext"] for m in relay.stored("c")], ["one", "two", "three"])
        self.assertEqual(sorted(n for n in os.listdir(self.folder.name) if n.startswith("o.")), [])

    def test_what_waits_goes_to_no_other_conversation(self):
        url = "ws://127.0.0.1:1"
        first = self.chat(url, *PATIENT, "--outbox", self.path("o"), conversation="secret",
                          stdin=b"one\n")
        first.wait_event("fate", fate="stored")
        self.interrupt(first)
        for others in ({"conversation": "public"}, {"conversation": "secret", "user": "eve"}):
            run = self.chat(url, *PATIENT, "--outbox", self.path("o"), stdin=b"", **others)
            self.assert_exit(run, 1)
            self.assertIn("1 message in", run.text)
            self.assertIn("waits for conversation 'secret' as user 'me'", run.text)

    def test_an_outbox_by_another_name_is_the_same(self):
        first = self.chat("ws://127.0.0.1:1", *PATIENT, "--outbox", self.path("o"), stdin=b"one\n")
        first.wait_event("fate", fate="stored")
        self.interrupt(first)
        os.symlink(self.path("o"), self.path("link"))
        second = self.chat("ws://127.0.0.1:1", "--max-retries", "0", "--outbox", self.path("link"),
                           user="eve", stdin=b"")
        self.assert_exit(second, 1)
        self.assertIn("1 message in", second.text)

    def test_the_note_of_the_next_owner_stays(self):
        def serve(peer):
            peer.open()
            peer.send(frame(TEXT, message(1, "x" * 8000).encode()) +
                      frame(CLOSE, (4000).to_bytes(2, "big")))
            peer.wait_gone()
        server = self.keep(HostileServer(serve))
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        first = self.chat(server.url(), "--outbox", self.path("o"), stdin=b"", stdout=writer)
        os.close(writer)
        first.wait_event("state", to="CLOSED")  # and what it prints still waits for a reader
        second = self.chat("ws://127.0.0.1:1", *PATIENT, "--outbox", self.path("o"), user="eve",
                           stdin=b"one\n")
        second.wait_event("fate", fate="stored")
        with os.fdopen(reader, "rb") as out:
            self.assertEqual(len(out.read()), len("ann: \n") + 8000)
        self.assert_exit(first, 3)
        self.interrupt(second)
        third = self.chat("ws://127.0.0.1:1", *PATIENT, "--outbox", self.path("o"), stdin=b"")
        self.assert_exit(third, 1)
        self.assertIn("1 message in", third.text)

    def test_an_outbox_in_use_is_refused(self):
        relay = self.start_relay()
        url = f"ws://{relay.address}"
        first = self.chat(url, "--outbox", self.path("o"), stdin=None)
        first.wait_event("state", to="CONNECTED")
        self.assert_exit(self.chat(url, "--outbox", self.path("o"), stdin=b""), 3)
        first.end_input()
        self.assert_exit(first, 0)


class Statuses(ChatCase):

    def test_gave_up_and_critical(self):
        self.assert_exit(self.chat("ws://127.0.0.1:1", "--max-retries", "1", "--initial-delay", "5",
                                   stdin=b"a\n"), 2)
        server = self.keep(HostileServer(lambda peer: peer.send(
            b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")))
        self.assert_exit(self.chat(server.url(), stdin=b"a\n"), 3)

    def test_a_first_link_that_takes_long_is_waited_for(self):
        server = self.keep(HostileServer("frozen_head", self.late))
        run = self.chat(server.url(), "--connect-timeout", "12000", "--initial-delay", "5", stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"ann: late\n")

    def late(self, peer):
        peer.open()
        peer.send_text(message(1, "late"))
        peer.send_text('{"type":"replayed","sequence_number":1}')
        peer.serve()

    def test_usage(self):
        cases = (
            ((), "needs a URL"),
            (("ws://h",), "chat needs --user"),
            (("--user", "u", "ws://h"), "chat needs --conversation"),
            (("--user", "", "--conversation", "c", "ws://h"), "--user: 1-128 bytes"),
            (("--user", "u" * 129, "--conversation", "c", "ws://h"), "--user: 1-128 bytes"),
            (("--user", "u\x1b", "--conversation", "c", "ws://h"), "--user: 1-128 bytes"),
            (("--user", os.fsdecode(b"\xff"), "--conversation", "c", "ws://h"), "--user: 1-128 bytes of UTF-8"),
            (("--user", "u", "--conversation", "c", "http://h"), "scheme"),
            (("--user", "u", "--conversation", "c", "--history", "0", "ws://h"), "--history"),
            (("--user", "u", "--conversation", "c", "--after", "-1", "ws://h"), "--after"),
            (("--user", "u", "--conversation", "c", "--after", str(2 ** 53), "ws://h"), "--after"),
            (("--user", "u", "--conversation", "c", "--binary", "ws://h"), "no option '--binary'"),
            (("--user", "u", "--conversation", "c", "ws://h", "ws://g"), "one URL, not 'ws://g'"),
        )
        for args, sentence in cases:
            with self.subTest(args=args):
                run = self.limpet("chat", *args, stdin=b"")
                self.assert_exit(run, 1)
                self.assertIn(sentence, run.text)

    def test_unusable_input(self):
        relay = self.start_relay()
        for data, sentence in ((b"good\n\xff\nlate\n", "line 2 of standard input is not valid UTF-8"),
                               (b"good\n\0\nlate\n", "line 2 of standard input holds a NUL byte"),
                               (b"good\n" + b"x" * 9000 + b"\n", "line 2 of standard input is long")):
            with self.subTest(sentence=sentence):
                run = self.chat(f"ws://{relay.address}", stdin=data)
                self.assert_exit(run, 1)
                self.assertIn(sentence, run.text)
        self.assertEqual([m["plaintext"] for m in relay.stored("c")], ["good"] * 3)

    def test_interrupted_with_messages_waiting(self):
        run = self.limpet("chat", "--user", "u", "--conversation", "c", *PATIENT,
                          "ws://127.0.0.1:1", stdin=None)
        run.feed(b"one\ntwo\n")
        run.wait_line("Reconnect attempt", 2)
        run.wait_input_taken()
        self.interrupt(run, signal.SIGINT)
        self.assertIn("2 messages were not delivered", run.text)

    def talkative(self, peer):
        peer.open()
        for number in range(1, 501):
            peer.send_text(message(number, "x" * 500))
        peer.send_text('{"type":"replayed","sequence_number":500}')
        while peer.read_event():  # and no answer to a close
            pass

    def test_output_that_nobody_takes(self):
        server = self.keep(HostileServer(self.talkative))
        reader, writer = os.pipe()
        run = self.chat(server.url(), "--keep-open", "--close-timeout", "100", stdout=writer)
        wait_full(writer)
        os.close(writer)
        self.addCleanup(os.close, reader)
        self.interrupt(run)

    def test_a_slow_reader_gets_all(self):
        server = self.keep(HostileServer(self.talkative))
        reader, writer = os.pipe()
        run = self.chat(server.url(), "--linger", "0", "--close-timeout", "100", stdin=b"",
                        stdout=writer)
        wait_full(writer)
        os.close(writer)
        with os.fdopen(reader, "rb") as out:
            self.assertEqual(out.read(), (b"ann: " + b"x" * 500 + b"\n") * 500)
        self.assert_exit(run, 0)

    def test_a_slow_reader_that_goes(self):
        server = self.keep(HostileServer(self.talkative))
        reader, writer = os.pipe()
        run = self.chat(server.url(), "--keep-open", "--close-timeout", "100", stdout=writer)
        wait_full(writer)
        os.close(writer)
        os.close(reader)
        self.assert_exit(run, 1)
        self.assertIn("cannot write to standard output: Broken pipe", run.text)

    def test_interrupted_twice_behind_output_that_failed(self):
        server = self.keep(HostileServer(self.talkative))
        run = self.chat(server.url(), "--close-timeout", "60000", stdout_gone=True)
        run.wait_line("cannot write to standard output")
        run.signal(signal.SIGINT)
        run.signal(signal.SIGTERM)
        self.assertIn(run.wait(20), (130, 143))


class Wrong(ChatCase):
    """Relays that say something wrong."""

    def test_nonsense_is_ignored(self):
        texts = ["", "no JSON", "[]", "7", '{"type":"message"}', message(1, 5), message(2, None),
                 message(0, "number 0"), message(3, "other", conversation_id="d"),
                 message(4, "no id", id=""), message(5, "when", created_at="soon"),
                 message(6, "fine"), '{"type":"replayed","sequence_number":6}']

        def serve(peer):
            peer.open()
            for text in texts:
                peer.send_text(text)
            peer.serve()
        server = self.keep(HostileServer(serve))
        run = self.chat(server.url(), stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual(run.out, b"ann: fine\n")

    def test_errors_of_the_relay_are_shown(self):
        def serve(peer):
            peer.open()
            peer.send_text('{"type":"error","code":"store_unavailable","message":"disk \\u001b[31mfull"}')
            peer.send_text('{"type":"replayed","sequence_number":0}')
            peer.serve()
        server = self.keep(HostileServer(serve))
        run = self.chat(server.url(), stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual(run.events("relay_error")[0]["code"], "store_unavailable")
        run = self.limpet("chat", "--user", "u", "--conversation", "c", server.url(), stdin=b"")
        self.assert_exit(run, 0)
        self.assertIn("Relay: disk \ufffd[31mfull (store_unavailable)", run.text)


if __name__ == "__main__":
    main()
