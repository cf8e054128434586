#!/usr/bin/python3
"""`limpet demo`: cuts links, kills the relay and a chatter, and shows that nothing was lost. Its exit
status says whether the table is clean."""

import paths  # noqa: F401

import os
import pty
import re
import signal
import tempfile
import urllib.request

from e2e_limpet import LimpetCase, main, wait_until
from e2e_terminal import Terminal


class Demo(LimpetCase):

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="limpet-demo-test-" + "long-" * 16)
        self.addCleanup(self.folder.cleanup)

    def demo(self, *arguments):
        return self.limpet("demo", *arguments, stdin=b"", env={"TMPDIR": self.folder.name})

    def row(self, run, name):
        numbers = re.search(rf"(?m)^ +{re.escape(name)} +(\d+) +(\d+) +(\d+) +(\d+)$",
                            run.out.decode())
        self.assertIsNotNone(numbers, f"no row {name!r}\n{run.out.decode()}")
        return [int(n) for n in numbers.groups()]

    def test_the_table_is_clean(self):
        ours, theirs = pty.openpty()  # standard error on a terminal gives standard output no colours
        self.addCleanup(os.close, ours)
        run = self.limpet("demo", stdin=b"", stderr=theirs,
                          env={"TMPDIR": self.folder.name, "TERM": "xterm", "NO_COLOR": "",
                               "POSIXLY_CORRECT": "1"})  # then options end at the first operand
        os.close(theirs)
        self.assert_exit(run, 0, deadline_s=120)
        self.assertNotIn(b"\x1b", run.out)
        accepted = self.row(run, "accepted (on the sender's disk)")
        stored = self.row(run, "stored by the relay")
        self.assertEqual(accepted[0], 200)
        for n in range(4):
            self.assertGreater(accepted[n], 0)
            self.assertGreaterEqual(stored[n], accepted[n])
        for name in ("lost", "repeated", "out of order", "shown twice on a screen",
                     "shown out of order"):
            self.assertEqual(self.row(run, name), [0, 0, 0, 0])
        self.assertGreaterEqual(self.row(run, "reconnects")[3], 5)
        self.assertEqual(os.listdir(self.folder.name), [], "its files are left behind")

    def test_a_terminal_that_takes_no_drawing_is_told_in_lines(self):
        for size, term in (({}, "dumb"), ({"columns": 79}, "xterm"), ({"rows": 7}, "xterm")):
            with self.subTest(term, **size):
                shown = self.keep(Terminal("demo", **size,
                                           env={"TMPDIR": self.folder.name, "TERM": term}))
                shown.wait_for("what happens", lambda: b"ada's link is reset" in shown.raw, 120)
                shown.signal(signal.SIGINT)
                self.assertEqual(shown.wait(), 130)
                self.assertNotIn(b"\x1b", shown.raw)

    def test_keep_leaves_the_relay(self):
        run = self.demo("--keep")
        run.wait_for("the address", lambda: b"until Ctrl-C" in run.out, 120)
        address = re.search(r"http://[0-9.:]+", run.out.decode())[0]
        with urllib.request.urlopen(address + "/conversations/demo/messages?limit=1000") as page:
            self.assertGreater(page.read().count(b'"type":"message"'), 500)
        run.signal(signal.SIGINT)
        self.assert_exit(run, 0)
        self.assertEqual(os.listdir(self.folder.name), [])

    def test_keep_serves_a_page_and_brings_the_relay_back(self):
        page = os.path.join(self.folder.name, "page")
        os.mkdir(page)
        with open(os.path.join(page, "index.html"), "w", encoding="utf-8") as file:
            file.write("the page")
        run = self.demo("--keep", "--web", page)
        run.wait_for("the address", lambda: b"until Ctrl-C" in run.out, 120)
        address = re.search(r"(?m)^ +(http://[0-9.:]+/)$", run.out.decode())[1]
        self.assertEqual(self.read(address), b"the page")
        kill = urllib.request.Request(address + "demo/kill", method="POST")
        with self.assertRaises(OSError):
            urllib.request.urlopen(kill)
        with self.assertRaises(OSError):
            self.read(address)
        wait_until("the relay is back", lambda: self.is_there(address), 30)
        self.assertGreater(self.read(address + "conversations/demo/messages?limit=1000")
                           .count(b'"type":"message"'), 500)
        run.signal(signal.SIGINT)
        self.assert_exit(run, 0)
        self.assertEqual(os.listdir(self.folder.name), ["page"])

    def read(self, url):
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read()

    def is_there(self, address):
        try:
            return self.read(address) == b"the page"
        except OSError:
            return False

    def test_a_page_is_for_a_relay_that_stays(self):
        for arguments in (("--web", self.folder.name), ("--keep", "--web", self.folder.name)):
            run = self.demo(*arguments)
            self.assert_exit(run, 1)
            self.assertIn("--web", run.text)

    def test_nothing_of_it_outlives_its_terminal(self):
        run = self.limpet("demo", stdin=b"", env={"TMPDIR": self.folder.name},
                          preexec_fn=os.setsid)
        self.addCleanup(self.kill_session, run.process.pid)
        run.wait_for("the play", lambda: b"everybody comes" in run.out)
        self.assertGreaterEqual(len(self.session(run.process.pid)), 2)
        os.killpg(run.process.pid, signal.SIGHUP)  # as a terminal that is closed does
        self.assert_exit(run, 128 + signal.SIGHUP)
        self.assertEqual(self.session(run.process.pid), [])
        self.assertEqual(os.listdir(self.folder.name), [])

    def test_nothing_of_it_outlives_a_kill(self):
        run = self.limpet("demo", stdin=b"", env={"TMPDIR": self.folder.name},
                          preexec_fn=os.setsid)
        self.addCleanup(self.kill_session, run.process.pid)
        run.wait_for("the play", lambda: b"everybody comes" in run.out)
        run.signal(signal.SIGKILL)
        run.wait()
        wait_until("all are gone", lambda: self.session(run.process.pid) == [], 20)

    def session(self, number):
        """The processes of a session that have not ended."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                    state, _, _, session = file.read().rsplit(")", 1)[1].split()[:4]
            except OSError:
                continue
            if int(session) == number and state != "Z":
                found.append(int(pid))
        return found

    def kill_session(self, number):
        for pid in self.session(number):
            os.kill(pid, signal.SIGKILL)

    def test_help_and_what_makes_no_sense(self):
        run = self.limpet("demo", "--help", stdin=b"")
        self.assert_exit(run, 0)
        self.assertIn("limpet demo", run.out.decode())
        run = self.limpet("demo", "--no-such-option", stdin=b"")
        self.assert_exit(run, 1)
        self.assertIn("--no-such-option", run.text)


if __name__ == "__main__":
    main()
