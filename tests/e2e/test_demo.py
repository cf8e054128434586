#!/usr/bin/python3
"""`limpet demo`: cuts a conversation five times and shows that nothing was lost. Its exit status
says whether the table is clean."""

import paths  # noqa: F401

from e2e_limpet import LimpetCase, main


class Demo(LimpetCase):

    def test_the_table_is_clean(self):
        run = self.limpet("demo", stdin=b"")
        self.assert_exit(run, 0, deadline_s=120)
        shown = run.out.decode() + run.text
        for name, numbers in (("sent", "1000 +1000"), ("received", "1000 +1000"), ("lost", "0 +0"),
                              ("out of order", "0 +0"),
                              ("repeated after dropping known numbers", "0 +0")):
            self.assertRegex(shown, rf"(?m)^ +{name} +{numbers}$")
        self.assertRegex(shown, "reconnects 5,")

    def test_help_and_what_makes_no_sense(self):
        run = self.limpet("demo", "--help", stdin=b"")
        self.assert_exit(run, 0)
        self.assertIn("limpet demo", run.out.decode())
        run = self.limpet("demo", "--no-such-option", stdin=b"")
        self.assert_exit(run, 1)
        self.assertIn("--no-such-option", run.text)


if __name__ == "__main__":
    main()
