#!/usr/bin/python3
"""The command line itself: --help, --version, and what is refused with exit status 1 and a sentence
that names it. What is not built must be absent from --help and refused."""

import paths  # noqa: F401

import re
import signal
import tempfile

from e2e_limpet import LimpetCase, main
from hostile import HostileServer

URL = "ws://127.0.0.1:9/"  # never dialed: the command line is refused before
OPTIONS = {
    "preset", "max-retries", "initial-delay", "max-delay", "multiplier", "jitter", "stable-after",
    "connect-timeout", "close-timeout", "heartbeat", "heartbeat-interval", "heartbeat-timeout",
    "queue-limit", "queue-limit-bytes", "ttl", "confirm", "outbox", "fallback", "header", "query", "token-file",
    "subprotocol", "origin", "cacert", "cert", "key", "insecure", "proxy", "compress", "max-message",
    "no-reconnect-on-close", "no-network-watch", "events", "quiet", "verbose", "binary", "linger", "keep-open",
    "on-open", "check", "metrics-listen",
    "help", "version"}
LATER = [  # in the contract, not in this program yet
    ("--listen", "127.0.0.1:0"), ("--resume", "a=b")]  # of hold alone
COMMANDS_LATER = ()
HOLD_OPTIONS = OPTIONS - {"queue-limit-bytes", "ttl", "binary", "linger", "keep-open", "check",
                          "metrics-listen", "events"} | {
    "listen", "to", "resume", "max-connections", "drain-timeout", "allow-origin"}


class Help(LimpetCase):

    def output(self, *arguments):
        run = self.limpet(*arguments, stdin=b"")
        self.assert_exit(run, 0)
        self.assertEqual(run.lines, [])
        return run.out.decode()

    def test_help_names_every_option_and_no_other(self):
        text = self.output("connect", "--help")
        named = set(re.findall(r"(?<![\w-])--([a-z][a-z-]*)", text))
        self.assertEqual(named, OPTIONS)
        self.assertIn("Examples", text)
        self.assertIn("limpet connect", text)

    def test_help_of_hold(self):
        text = self.output("hold", "--help")
        self.assertEqual(set(re.findall(r"(?m)^ +--([a-z][a-z-]*)", text)), HOLD_OPTIONS)
        rows = dict(re.findall(r"(?m)^  --([a-z-]+)(.*\n(?:   .*\n)*)", text))
        self.assertIn("(forever)", rows["max-retries"])
        self.assertNotIn("plaintext", rows["confirm"], "messages go out as the program wrote them")
        self.assertIn("1001 passes on", rows["no-reconnect-on-close"])
        self.assertIn("log nothing", rows["quiet"])
        self.assertRegex(text, r"3 it cannot\s+listen, or the outbox cannot be used")

    def test_help_names_every_command_and_no_other(self):
        text = self.output("--help")
        self.assertIn("connect", text)
        for command in COMMANDS_LATER:
            self.assertNotRegex(text, rf"(?m)^\s+{command}\b")

    def test_every_help_names_help_and_version(self):
        for command in ("connect", "chat", "serve", "outbox", "chaos", "hold"):
            with self.subTest(command):
                text = self.output(command, "--help")
                self.assertRegex(text, r"(?m)^ +--help ")
                self.assertRegex(text, r"(?m)^ +--version ")
                self.assertIn("Examples", text)
                self.assertIn("Exit status", text)

    def test_version(self):
        for arguments in (("--version",), ("connect", "--version"), ("chat", "--version"),
                          ("serve", "--version"), ("outbox", "--version"),
                          ("chaos", "--version"), ("hold", "--version")):
            self.assertRegex(self.output(*arguments), r"^limpet \d+\.\d+\.\d+\n$")


class FullOutput(LimpetCase):

    def on_full(self, *arguments):
        with open("/dev/full", "wb") as full:
            return self.limpet(*arguments, stdin=b"", stdout=full)

    def test_what_cannot_be_printed_is_no_success(self):
        for arguments in (("--help",), ("--version",), ("connect", "--help"), ("serve", "--version"),
                          ("outbox", "--help"), ("simulate", "backoff")):
            with self.subTest(arguments):
                run = self.on_full(*arguments)
                self.assert_exit(run, 3)
                self.assertIn("standard output", run.text)

    def test_an_address_that_nobody_can_read(self):
        for arguments in (("serve",), ("hold", "--to", URL), ("chaos", "--to", "127.0.0.1:9")):
            with self.subTest(arguments[0]):
                run = self.on_full(*arguments, "--listen", "127.0.0.1:0")
                run.wait_line("cannot be written to standard output: No space left on device")
                run.signal(signal.SIGTERM)
                self.assert_exit(run, 3)


class Refused(LimpetCase):

    def assert_refused(self, *arguments, naming):
        """`naming`: what standard error must name; "max_delay_ms" is a name of --max-delay too."""
        run = self.limpet(*arguments, stdin=b"")
        self.assert_exit(run, 1)
        self.assertEqual(run.out, b"")
        self.assertIn(naming.replace("_", "-"), run.text.replace("_", "-"))
        self.assertNotIn("State:", run.text, "it dialed")
        return run

    def test_options_that_do_not_exist(self):
        for option in ("--no-such-option", "--Preset", "--heartbeats", "--max-retrie", "-z", "-quiet",
                       "-hz"):
            with self.subTest(option):
                self.assert_refused("connect", option, URL, naming=option)
                self.assert_refused("connect", URL, option, naming=option)

    def test_options_that_are_not_built_yet(self):
        for option in LATER:
            with self.subTest(option):
                self.assert_refused("connect", *option, URL, naming=option[0])

    def test_commands(self):
        for command in (*COMMANDS_LATER, "conect", ""):
            with self.subTest(command):
                self.assert_refused(command, naming=command)
        run = self.limpet(stdin=b"")
        self.assert_exit(run, 1)

    BAD = [  # option, value
        ("max-retries", "-1"), ("max-retries", "x"), ("max-retries", ""),
        ("max-retries", "4294967296"), ("max-retries", "1.5"), ("max-retries", "Forever"),
        ("initial-delay", "0"), ("initial-delay", "3600001"), ("initial-delay", "1s"),
        ("initial-delay", "99999999999999999999"), ("initial-delay", " 5"),
        ("max-delay", "999"), ("max-delay", "86400001"),
        ("multiplier", "0.99"), ("multiplier", "10.1"), ("multiplier", "nan"),
        ("multiplier", "x"), ("multiplier", ""), ("multiplier", "inf"), ("multiplier", "0x2"),
        ("multiplier", " 2"), ("multiplier", "1e0"), ("multiplier", "1.2.3"), ("multiplier", "+2"),
        ("jitter", "some"), ("jitter", ""), ("stable-after", "3600001"), ("stable-after", "-1"),
        ("connect-timeout", "9"), ("connect-timeout", "600001"), ("close-timeout", "60001"),
        ("heartbeat", "sometimes"), ("heartbeat-interval", "99"),
        ("heartbeat-interval", "3600001"), ("heartbeat-timeout", "9"),
        ("heartbeat-timeout", "30001"), ("queue-limit", "0"), ("queue-limit", "1000001"),
        ("queue-limit-bytes", "0"), ("queue-limit-bytes", "1099511627777"),
        ("max-message", "0"), ("max-message", "2147483649"), ("ttl", "-1"), ("ttl", "soon"),
        ("linger", "-1"), ("linger", "x"), ("confirm", "maybe"),
        ("fallback", "http://h/"), ("events", "xml"), ("preset", "other"),
        ("header", "no colon"), ("header", "Bad Name: x"), ("header", "X: a\nY: b"),
        ("header", ": x"), ("header", "Sec-WebSocket-Key: x"), ("header", "Upgrade: x"),
        ("on-open", "/nonexistent/first"), ("metrics-listen", "nowhere"),
        ("header", "@/nonexistent/headers"), ("header", "@/"),
        ("token-file", "/nonexistent/token"), ("token-file", "/"),
        ("subprotocol", "two words"), ("subprotocol", ""), ("query", "no-equals-sign"),
        ("origin", "a\nb"),
        ("proxy", "https://127.0.0.1:1"), ("proxy", "socks4://127.0.0.1:1"), ("proxy", "http://"),
        ("proxy", "http://127.0.0.1:65536"), ("proxy", "http://127.0.0.1:1/path"),
        ("proxy", "socks5://:password@127.0.0.1:1"), ("proxy", "http://h:1?query"),
    ]

    def test_values_out_of_range(self):
        for option, value in self.BAD:
            with self.subTest(option, value=value):
                self.assert_refused("connect", f"--{option}", value, URL, naming=option)
                self.assert_refused("connect", f"--{option}={value}", URL, naming=option)

    def test_values_that_do_not_go_together(self):
        for options, naming in [
                (("--initial-delay", "5000", "--max-delay", "4000"), "max-delay"),
                (("--heartbeat-interval", "200", "--heartbeat-timeout", "201"),
                 "heartbeat-timeout"),
                (("--confirm", "barrier", "--heartbeat", "off"), "confirm")]:
            with self.subTest(options):
                self.assert_refused("connect", *options, URL, naming=naming)

    def test_hold(self):
        for options, naming in [
                ((), "--listen"), (("--listen", "127.0.0.1:0"), "--to"),
                (("--listen", "127.0.0.1:0", "--to", "http://h/"), "scheme"),
                (("--listen", "127.0.0.1:0", "--to", URL, "operand"), "operand"),
                (("--listen", "127.0.0.1:0", "--to", URL, "--resume", "after"), "resume"),
                (("--listen", "127.0.0.1:0", "--to", URL, "--resume", "=x"), "resume"),
                (("--listen", "127.0.0.1:0", "--to", URL, "--resume", "a&b=x"), "resume"),
                (("--listen", "127.0.0.1:0", "--to", URL, "--allow-origin", "x"), "allow-origin"),
                (("--listen", "127.0.0.1:0", "--to", URL, "--header", "no colon"), "header"),
                (("--listen", "127.0.0.1:0", "--to", URL, "--linger", "1"), "linger"),
                (("--listen", "127.0.0.1:0", "--to", URL, "--max-connections", "0"),
                 "max-connections")]:
            with self.subTest(options):
                self.assert_refused("hold", *options, naming=naming)
        run = self.limpet("hold", "--listen", "nowhere", "--to", URL, stdin=b"")
        self.assert_exit(run, 3)
        self.assertIn("nowhere", run.text)

    def test_missing_and_needless_values(self):
        self.assert_refused("connect", URL, "--max-retries", naming="--max-retries")
        self.assert_refused("connect", "--binary=yes", URL, naming="--binary")

    def test_the_url(self):
        self.assert_refused("connect", naming="URL")
        self.assert_refused("connect", URL, "ws://127.0.0.1:9/second", naming="second")
        for url in ("http://127.0.0.1/", "127.0.0.1", "", "ws://", "ws:///path", "ws://h:0/",
                    "ws://h:65536/", "ws://h:x/", "ws://h/#fragment", "ws://h/#",
                    "ws://h/a b", "ws://h/%zz", "ws://[::1/", "ws://[::1%25eth0]/", "ws://h/\u00fc",
                    "ws+unix:relative.sock", "ws+unix:///" + "x" * 200, "ws://a b/",
                    "ws://" + "h" * 300 + "/", "ws://h\n/", "WS:/h/"):
            with self.subTest(url):
                run = self.limpet("connect", url, stdin=b"")
                self.assert_exit(run, 1)
                self.assertTrue(run.text.strip(), "a sentence")
                self.assertNotIn("State:", run.text)

    def test_refusals_do_not_repeat_secrets(self):
        run = self.limpet("connect", "ws://user:s3cr3t@h/?token=s3cr3t#fragment", stdin=b"")
        self.assert_exit(run, 1)
        self.assertNotIn("s3cr3t", run.text)
        secret = "ws://user:s3cr3t@h/?token=s3cr3t"
        for arguments in (("connect", URL, secret), ("hold", "--listen", "127.0.0.1:0", secret),
                          ("serve", secret), ("connect", "--query", "s3cr3t", URL)):
            with self.subTest(arguments[0]):
                run = self.limpet(*arguments, stdin=b"")
                self.assert_exit(run, 1)
                self.assertNotIn("s3cr3t", run.text)

    def test_an_empty_token_file(self):
        with tempfile.NamedTemporaryFile() as empty:
            self.assert_refused("connect", "--token-file", empty.name, URL, naming="token-file")
        with tempfile.NamedTemporaryFile() as unprintable:
            unprintable.write(b"to\x01ken\n")
            unprintable.flush()
            self.assert_refused("connect", "--token-file", unprintable.name, URL, naming="token-file")


class Accepted(LimpetCase):

    LIMITS = [  # the smallest and the largest values that each option takes
        ("--max-retries=0", "--initial-delay=1", "--max-delay=1", "--multiplier=1",
         "--stable-after=0", "--connect-timeout=2000", "--close-timeout=1000", "--linger=0",
         "--heartbeat-interval=100", "--heartbeat-timeout=100", "--queue-limit=1",
         "--queue-limit-bytes=1", "--ttl=0", "--max-message=1"),
        ("--max-retries=forever", "--initial-delay=3600000", "--max-delay=86400000",
         "--multiplier=10", "--stable-after=3600000", "--connect-timeout=600000",
         "--close-timeout=60000", "--heartbeat-interval=3600000", "--heartbeat-timeout=3600000",
         "--queue-limit=1000000", "--queue-limit-bytes=1099511627776", "--max-message=2147483648"),
        ("--max-retries=4294967294", "--preset=nova", "--heartbeat=off", "--jitter=full"),
        ("--preset=medtranslate", "--heartbeat=websocket", "--jitter=decorrelated",
         "--confirm=none", "--events=none", "--verbose", "--insecure", "--compress"),
    ]

    def test_values_at_their_limits(self):
        for options in self.LIMITS:
            with self.subTest(options):
                server = self.keep(HostileServer("echo"))
                run = self.limpet("connect", *options, server.url(), stdin=b"a\n")
                self.assert_exit(run, 0)
                self.assertEqual(run.out, b"a\n")

    def test_options_after_the_url_and_the_end_of_options(self):
        server = self.keep(HostileServer("echo"))
        for arguments in ((server.url(), "--max-retries", "0"),
                          ("--max-retries", "0", "--", server.url())):
            with self.subTest(arguments):
                run = self.limpet("connect", *arguments, stdin=b"a\n")
                self.assert_exit(run, 0)
                self.assertEqual(run.out, b"a\n")

    def test_presets_set_their_delays(self):
        for preset, most in (("nova", 60000), ("medtranslate", 30000)):
            with self.subTest(preset):
                server = self.keep(HostileServer("status?code=500"))
                run = self.connect("--preset", preset, "--jitter", "none", "--initial-delay",
                                   most, server.url())
                self.assertEqual(run.wait_event("retry")["delay_ms"], most)
                self.interrupt(run)


if __name__ == "__main__":
    main()
