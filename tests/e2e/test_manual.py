#!/usr/bin/python3
"""The man pages against the program: each command has a page, and each page's OPTIONS are those that
--help prints, no more and no less. The guide to troubleshooting has a row for each kind of error."""

import paths

import os
import re

from e2e_limpet import LimpetCase, main

DOCS = os.path.join(paths.HERE, "..", "..", "docs")
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")


def page(name):
    """The source of a man page, its hyphens plain and without changes of the font."""
    with open(os.path.join(DOCS, name + ".1"), encoding="utf-8") as source:
        return re.sub(r"\\f[A-Z]", "", source.read()).replace("\\-", "-")


def section(text, name):
    found = re.search(rf"(?ms)^\.SH {name}\n(.*?)(?=^\.SH |\Z)", text)
    return found.group(1) if found else ""


class Manual(LimpetCase):

    def help(self, *command):
        run = self.limpet(*command, "--help", stdin=b"")
        self.assert_exit(run, 0)
        return run.out.decode()

    def commands(self):
        listed = re.search(r"(?ms)^Commands:\n(.*?)\n\n", self.help()).group(1)
        return re.findall(r"(?m)^  ([a-z]+) ", listed)

    def test_each_command_has_a_page_with_its_options_and_no_others(self):
        commands = self.commands()
        self.assertIn("connect", commands)
        for command in commands:
            with self.subTest(command):
                options = re.findall(r"(?m)^  --([a-z][a-z-]*)", self.help(command))
                self.assertIn("help", options)
                documented = OPTION.findall(section(page("limpet-" + command), "OPTIONS"))
                self.assertEqual(set(documented), set(options))

    def test_the_overview_names_each_command_and_no_other(self):
        named = re.findall(r"(?m)^\.TP\n\.B ([a-z]+)$", section(page("limpet"), "COMMANDS"))
        self.assertEqual(named, self.commands())
        self.assertEqual(set(OPTION.findall(section(page("limpet"), "OPTIONS"))),
                         {"help", "version"})

    def test_each_page_is_of_this_version_and_says_what_matters(self):
        run = self.limpet("--version", stdin=b"")
        self.assert_exit(run, 0)
        for name in ["limpet"] + ["limpet-" + command for command in self.commands()]:
            with self.subTest(name):
                text = page(name)
                self.assertIn(f'"{run.out.decode().strip()}"', text.split("\n", 1)[0])
                for title in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS",
                              "EXAMPLES", "SEE ALSO"):
                    self.assertTrue(section(text, title).strip(), f"{name}.1 has no {title}")
                self.assertRegex(section(text, "NAME"), f"^{name} - ", "whatis finds it by its name")

    def test_pages_lead_to_sections_that_they_have(self):
        for file in sorted(os.listdir(DOCS)):
            if file.endswith(".1"):
                text = page(file[:-2])
                for title in re.findall(r"(?m)^\.BR ([A-Z]+(?: [A-Z]+)*) \.$", text):
                    self.assertTrue(section(text, title).strip(), f"{file} has no {title}")

    def test_pages_lead_to_pages_that_exist(self):
        for file in sorted(os.listdir(DOCS)):
            if file.endswith(".1"):
                for name in re.findall(r"\b(limpet(?:-[a-z]+)?) ?\(1\)", page(file[:-2])):
                    self.assertTrue(os.path.exists(os.path.join(DOCS, name + ".1")),
                                    f"{file} leads to {name}(1)")

    def test_troubleshooting_has_every_kind_of_error_with_its_sentence(self):
        with open(os.path.join(DOCS, "..", "src", "session", "failure.c"), encoding="utf-8") as file:
            kinds = re.findall(r'(?m)^ +X\([A-Z_]+, "([a-z_]+)", "([^"]+)"\)', file.read())
        with open(os.path.join(DOCS, "troubleshooting.md"), encoding="utf-8") as file:
            rows = re.findall(r"(?m)^\| `([a-z_]+)` \| ([^|]+) \|", file.read())
        self.assertIn(("dns", "Connection error"), kinds)
        self.assertEqual(rows, kinds)


if __name__ == "__main__":
    main()
