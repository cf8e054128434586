#!/usr/bin/python3
"""`limpet simulate`: the delays of a setting, and what a fleet does to its servers."""

import paths  # noqa: F401

import csv
import os
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


if __name__ == "__main__":
    main()
