#!/usr/bin/python3
"""`limpet outbox`: what it prints, beside an owner and without one, and what it refuses with which
exit status. The file is one of format 1, made by SQL."""

import paths  # noqa: F401

import fcntl
import os
import sqlite3
import subprocess
import tempfile
import time

from e2e_limpet import LimpetCase, main, program

FORMAT_1 = os.path.join(os.path.dirname(__file__), "..", "support", "outbox_format_1.sql")


class Outbox(LimpetCase):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(self.folder, "box")

    def make(self, then=""):
        db = sqlite3.connect(self.path)
        with open(FORMAT_1, encoding="ascii") as sql:
            db.executescript(sql.read() + then)
        db.close()

    def outbox(self, *arguments, status=0):
        run = self.limpet("outbox", *arguments, stdin=b"")
        self.assert_exit(run, status)
        return run

    def refused(self, *arguments, status, naming):
        run = self.outbox(*arguments, status=status)
        self.assertEqual(run.out, b"")
        self.assertEqual(len(run.lines), 1)
        self.assertIn(naming, run.lines[0])

    def test_list(self):
        now_ms = int(time.time() * 1000)
        self.make(f"UPDATE message SET stored_at_ms = {now_ms - 93_784_000} WHERE attempts = 2;"
                  f"UPDATE message SET stored_at_ms = {now_ms + 5000} WHERE opcode = 2;")
        lines = self.outbox(self.path, "list").out.decode().splitlines()
        self.assertEqual(len(lines), 3)
        self.assertRegex(lines[0], r"^0193fe3c-0000-7000-8000-000000000001 +1 d 2 h old +5 bytes"
                                   r" +2 attempts$")
        self.assertRegex(lines[1], r"^0193fe3c-0000-7000-8000-000000000003 +\d+ d \d+ h old +"
                                   r"11 bytes +0 attempts$")
        self.assertRegex(lines[2], r"^0193fe3c-0000-7000-8000-000000000002 +0 s old +2 bytes ")

    def test_list_is_safe_for_a_terminal(self):
        self.make("UPDATE message SET id = char(27) || '[2J' WHERE opcode = 2;")
        self.assertNotIn(b"\x1b", self.outbox(self.path, "list").out)

    def test_a_c1_control_is_one_too(self):
        self.make("UPDATE message SET id = 'a' || char(155) || '2J' || char(8238) WHERE opcode = 2;")
        shown = self.outbox(self.path, "list").out.decode()
        self.assertIn("a\ufffd2J" + " " * 34, shown)  # terminals take U+009B for ESC [
        self.assertNotRegex(shown, "[\u0080-\u009f\u202e]")

    def test_reader_that_has_enough(self):
        self.make("INSERT INTO message SELECT p, p, 'id-' || p, 1, 0, 0, NULL, NULL, x'' FROM"
                  " (WITH RECURSIVE n(p) AS (VALUES (1) UNION ALL SELECT p + 1 FROM n"
                  " WHERE p < 5000) SELECT p FROM n);")
        run = subprocess.run(f"'{program()}' outbox '{self.path}' list | head -n 1", shell=True,
                             capture_output=True, check=True)
        self.assertEqual(run.stdout.count(b"\n"), 1)
        self.assertEqual(run.stderr, b"")

    def test_count(self):
        self.make()
        self.assertEqual(self.outbox(self.path, "count").out, b"3\n")

    def test_purge(self):
        self.make()
        self.assertEqual(self.outbox(self.path, "purge").out, b"removed 3 messages\n")
        self.assertEqual(self.outbox(self.path, "list").out, b"")
        self.assertEqual(self.outbox(self.path, "count").out, b"0\n")

    def test_beside_an_owner(self):
        self.make()
        with open(self.path + "-lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertEqual(self.outbox(self.path, "count").out, b"3\n")
            self.assertEqual(self.outbox(self.path, "list").out.count(b"\n"), 3)
            self.refused(self.path, "purge", status=3, naming=self.path)
        self.outbox(self.path, "purge")

    def test_not_an_outbox(self):
        missing = os.path.join(self.folder, "missing")
        text = os.path.join(self.folder, "text")
        with open(text, "w", encoding="ascii") as file:
            file.write("no outbox\n" * 100)
        for action in ("list", "count", "purge"):
            for path in (missing, text, self.folder):
                self.refused(path, action, status=1, naming=path)
        self.assertEqual(sorted(os.listdir(self.folder)), ["text"])  # nothing was made

    def test_newer_format(self):
        self.make("PRAGMA user_version = 99;")
        for action in ("list", "count", "purge"):
            self.refused(self.path, action, status=1, naming="newer")

    def test_usage(self):
        self.make()
        for arguments in ((), (self.path,), (self.path, "list", "more"), (self.path, "empty"),
                          ("--all", self.path, "list")):
            self.assertEqual(self.outbox(*arguments, status=1).out, b"")
        for word in (b"list", b"count", b"purge", b"Examples"):
            self.assertIn(word, self.outbox("--help").out)


if __name__ == "__main__":
    main()
