#!/usr/bin/python3
"""A build folder outlives what was missing when it was made: `make` installs less than `make test`."""

import paths

import subprocess
import tempfile
import unittest

from e2e_limpet import main


class Configured(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="limpet-configure-"))

    def configure(self, *options):
        subprocess.run(["cmake", "-S", paths.ROOT, "-B", self.folder, *options], check=True, timeout=120,
                       capture_output=True)

    def targets(self):
        command = ["cmake", "--build", self.folder, "--target", "help"]
        return subprocess.run(command, check=True, timeout=60, capture_output=True, text=True).stdout.split()

    def test_a_compiler_that_was_installed_since_is_found(self):
        self.configure("-DCMAKE_CXX_COMPILER=NOTFOUND")  # what the cache then says
        self.assertIn("test_cxx", self.targets())
        self.assertIn("example-thread", self.targets())


if __name__ == "__main__":
    main()
