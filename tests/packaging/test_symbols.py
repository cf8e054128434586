#!/usr/bin/python3
"""What the libraries export is what packaging/symbols.txt lists is what limpet.h declares."""

import paths

import os
import re
import subprocess
import unittest

import e2e_limpet
from e2e_limpet import main


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def declared():
    """Functions marked LIMPET_API."""
    text = without_comments(paths.read("include", "limpet", "limpet.h"))
    return re.findall(r"^LIMPET_API\s[^;{(]*?\b(limpet_\w+)\(", text, re.MULTILINE)


def listed():
    return re.findall(r"^(limpet_\w+) \d+\.\d+\.\d+$", paths.read("packaging", "symbols.txt"), re.MULTILINE)


def exported(file, *options):
    """Global names that a library defines: {name: version of the symbol, or ''}."""
    path = os.path.join(os.path.dirname(e2e_limpet.program()), "lib", file)
    text = subprocess.run(["nm", "--defined-only", "--extern-only", "--format=posix", *options, path],
                          capture_output=True, text=True, check=True).stdout
    names = [line.split()[0] for line in text.splitlines() if len(line.split()) > 2]
    return dict(name.partition("@")[::2] for name in names)


class Symbols(unittest.TestCase):

    def test_the_list_names_each_declared_function_and_no_other(self):
        self.assertGreater(len(declared()), 30)
        self.assertEqual(sorted(listed()), sorted(declared()))

    def test_every_declaration_is_marked(self):
        """A function without LIMPET_API would be hidden."""
        text = without_comments(paths.read("include", "limpet", "limpet.h"))
        unmarked = [name for line, name in re.findall(r"^([\w *]*?\b(limpet_\w+)\()", text, re.MULTILINE)
                    if not line.startswith(("LIMPET_API", "typedef"))]
        self.assertEqual(unmarked, [])

    def test_every_line_of_the_list_is_well_formed(self):
        lines = [line for line in paths.read("packaging", "symbols.txt").splitlines()
                 if not line.startswith("#")]
        self.assertEqual(len(lines), len(set(listed())))

    def test_the_shared_library_exports_the_list_under_one_version(self):
        found = exported("liblimpet.so", "--dynamic")
        self.assertIn("LIMPET_0", found)
        del found["LIMPET_0"]
        self.assertEqual(sorted(found), sorted(listed()))
        self.assertEqual(set(found.values()), {"@LIMPET_0"})

    def test_the_static_library_defines_the_list(self):
        self.assertEqual(sorted(exported("liblimpet.a")), sorted(listed()))


if __name__ == "__main__":
    main()
