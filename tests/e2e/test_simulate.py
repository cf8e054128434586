#!/usr/bin/python3
"""`limpet simulate`: the delays of a setting, and what a fleet does to its servers."""

import paths

import csv
import os
import re
import tempfile

from e2e_limpet import LimpetCase, main


class Simulate(LimpetCase):

    def simulate(self, *arguments):
        run = self.limpet("simulate", *arguments, stdin=b"")
        self.assert_exit(run, 0)
        return run.out.decode()

    def rows(self, *arguments):
        return list(csv.DictReader(self.simulate(*arguments, "--csv").splitlines()))

    def refused(self, *arguments, naming, **more):
        run = self.limpet("simulate", *arguments, stdin=b"", **more)
        self.assert_exit(run, 1)
        self.assertEqual(run.out, b"")
        self.assertIn(naming, run.text)


class Backoff(Simulate):

    def test_the_defaults_add_up_to_what_the_guides_say(self):
        self.assertIn("equal jitter: after 10 retries 57-113 s", self.simulate("backoff"))

    def test_each_row_of_one_kind(self):
        rows = self.rows("backoff", "--jitter", "full", "--initial-delay", "100", "--max-delay",
                         "350", "--multiplier", "2", "--max-retries", "4")
        self.assertEqual([row["retry"] for row in rows], ["1", "2", "3", "4"])
        self.assertEqual({row["jitter"] for row in rows}, {"full"})
        self.assertEqual({row["min_ms"] for row in rows}, {"0"})
        self.assertEqual([row["mean_ms"] for row in rows], ["50", "100", "175", "175"])
        self.assertEqual(rows[3]["sum_mean_ms"], "500")

    def test_all_kinds_by_default(self):
        self.assertEqual({row["jitter"] for row in self.rows("backoff")},
                         {"none", "equal", "full", "decorrelated"})

    def test_what_is_refused(self):
        self.refused("backoff", "--max-retries", "0", naming="max-retries")
        self.refused("backoff", "--max-retries", "1001", naming="max-retries")
        self.refused("backoff", "--max-retries", "forever", naming="max-retries")
        self.refused("backoff", "--multiplier", "nan", naming="multiplier")
        self.refused("backoff", "--jitter", "some", naming="jitter")
        self.refused("backoff", "--max-delay", "999", naming="max-delay")
        self.refused("backoff", "--clients", "5", naming="--clients")
        self.refused("backoff", "more", naming="more")
        self.refused("forest", naming="forest")
        self.refused(naming="backoff")


class Herd(Simulate):

    def test_each_second_adds_up(self):
        rows = self.rows("herd", "--clients", "2000", "--outage", "5", "--duration", "60",
                         "--capacity", "100", "--max-retries", "forever")
        policies = {}
        for row in rows:
            policies.setdefault(row.pop("policy"), []).append({k: int(v) for k, v in row.items()})
        self.assertEqual(list(policies),
                         ["none", "equal", "full", "decorrelated", "retry-after", "restart"])
        for name, seconds in policies.items():
            with self.subTest(name):
                self.assertEqual([s["second"] for s in seconds], list(range(65)))
                total = 0
                for s in seconds:
                    self.assertEqual(s["dials"], s["accepted"] + s["refused"])
                    total += s["accepted"]
                    self.assertEqual(s["connected"], total)
                    self.assertLessEqual(s["accepted"], 110)  # and what was saved up before
                self.assertEqual(sum(s["accepted"] for s in seconds[:5]), 0)
                self.assertGreater(total, 0)

    def test_the_seed_decides(self):
        options = ("herd", "--clients", "500", "--jitter", "equal", "--csv")
        first = self.simulate(*options)
        self.assertEqual(first, self.simulate(*options, "--seed", "1"))
        self.assertNotEqual(first, self.simulate(*options, "--seed", "2"))

    def test_a_plot(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, magic in (("herd.svg", b"<?xml"), ("herd.png", b"\x89PNG")):
                path = os.path.join(folder, name)
                self.simulate("herd", "--clients", "100", "--plot", path)
                with open(path, "rb") as file:
                    self.assertEqual(file.read(len(magic)), magic)

    def test_a_plot_that_cannot_be(self):
        self.refused("herd", "--plot", "herd.gif", naming=".svg")
        self.refused("herd", "--plot", "her'd.svg", naming="quote")
        self.refused("herd", "--plot", "/nonexistent/herd.svg", naming="No such file")
        with tempfile.TemporaryDirectory() as folder:
            self.refused("herd", "--plot", os.path.join(folder, "herd.svg"),
                         naming="gnuplot, which is not installed", env={"PATH": folder})

    def test_what_is_refused(self):
        for option, value in (("clients", "0"), ("clients", "1000001"), ("outage", "3601"),
                              ("duration", "0"), ("capacity", "0"), ("latency", "x"),
                              ("retry-after", "-1"), ("seed", "")):
            with self.subTest(option, value=value):
                self.refused("herd", f"--{option}={value}", naming=option)


class Worlds(Simulate):

    def test_the_same_seed_is_the_same_world(self):
        first = self.simulate("--seed", "7", "--worlds", "50")
        self.assertRegex(first, r"^50 worlds, \d+ steps, \d+ links, \d+ messages \(\d+ confirmed\): no rule broken$")
        self.assertEqual(first, self.simulate("--seed=7", "--worlds=50"))
        self.assertNotEqual(first, self.simulate("--seed", "8", "--worlds", "50"))

    def test_longer_worlds(self):
        self.assertRegex(self.simulate("--seed", "1", "--worlds", "3", "--operations", "4096"), "^3 worlds, ")

    def test_so_much_time(self):
        text = self.simulate("--seed", "1", "--seconds", "1")
        self.assertGreater(int(text.split()[0]), 1)

    def test_seeds_of_a_file_come_first(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "seeds")
            with open(path, "w", encoding="utf-8") as file:
                file.write("# two\n5\n\n6  # the last\n")
            self.assertRegex(self.simulate("--seeds", path), "^2 worlds, ")
            self.assertRegex(self.simulate("--seeds", path, "--seed", "1"), "^3 worlds, ")
            with open(path, "w", encoding="utf-8") as file:
                file.write("  5\n\t6 # the last\n \r\n7\r\n   # none\n")
            self.assertRegex(self.simulate("--seeds", path), "^3 worlds, ")
            with open(path, "w", encoding="utf-8") as file:
                file.write("5 6\n")
            self.refused("--seeds", path, naming="line 1")
            with open(path, "w", encoding="utf-8") as file:
                file.write("# two\n5\n\n6\nseven\n")
            self.refused("--seeds", path, naming="line 5")
            with open(path, "w", encoding="utf-8") as file:
                file.write("1" * 300)
            self.refused("--seeds", path, naming="too long")

    def test_a_script(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "script")
            with open(path, "w", encoding="utf-8") as file:
                file.write("set confirm 2\nconnect\nwait 100\nstore 10 0\nkill-server 500 0\nwait 5000\n")
            self.assertRegex(self.simulate("--script", path), r"1 messages \(1 confirmed\): no rule broken")
            told = self.simulate("--script", path, "--verbose")
            self.assertRegex(told, r"\d ms  kill-server 500 0\n")
            self.assertIn("session: state RECONNECTING", told)
            self.assertIn("session: fate 1 confirmed", told)
            with open(path, "rb") as file:
                run = self.limpet("simulate", "--script", "-", stdin=file.read())
            self.assert_exit(run, 0)
            with open(path, "a", encoding="utf-8") as file:
                file.write("fly 5\n")
            self.refused("--script", path, naming="line 7")

    def test_the_manual_has_each_line_of_a_script(self):
        source = os.path.join(paths.HERE, "..", "..")
        with open(os.path.join(source, "src", "sim", "world_ops.c"), encoding="utf-8") as file:
            names = re.findall(r'(?m)^    \{"([a-z-]+)", do_', file.read())
        with open(os.path.join(source, "docs", "limpet-simulate.1"), encoding="utf-8") as file:
            scripts = file.read().replace("\\-", "-").partition(".SH SCRIPTS\n")[2].partition("\n.SH ")[0]
        self.assertGreater(len(names), 40)
        for name in names:
            with self.subTest(name):
                self.assertRegex(scripts, rf"(?<![\w-]){name}(?![\w-])")

    def test_what_is_refused(self):
        self.refused("--seed", "x", naming="seed")
        self.refused("--seed", "1", "--worlds", "0", naming="worlds")
        self.refused("--seed", "1", "--operations", "4097", naming="operations")
        self.refused("--worlds", "5", naming="--seed")
        self.refused("--seed", "1", "more", naming="more")
        self.refused("--seed", "1", "--script", "-", naming="--script")
        self.refused("--seed", "1", "--verbose", naming="--verbose")
        self.refused("--seed", "1", "--clients", "5", naming="--clients")
        for option in ("--worlds", "--seconds"):
            self.refused("--seeds", "/dev/null", option, "5", naming="--seed")
            self.refused("--script", "/dev/null", option, "5", naming="--seed")
        self.refused("--script", "/nonexistent/script", naming="No such file")
        self.refused("--seeds", "/nonexistent/seeds", naming="No such file")


if __name__ == "__main__":
    main()
