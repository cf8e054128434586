#!/usr/bin/python3
"""`cmake --install`, moved to another folder, and programs that are built and run there."""

import paths

import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import e2e_limpet
from e2e_limpet import Limpet, main

OUTSIDE = os.path.join(paths.HERE, "outside")
MINE = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def run(*command, env=None, cwd=None):
    """What the command prints; AssertionError with all it said if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, cwd=cwd,
                          env={**os.environ, **(env or {})})
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Installed(unittest.TestCase):
    """All tests share one installed copy, and change nothing in it."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="limpet-install-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.build = os.path.dirname(e2e_limpet.program())
        stage = os.path.join(cls.folder, "stage")
        run("cmake", "--install", cls.build, "--prefix", stage)
        cls.prefix = os.path.join(cls.folder, "elsewhere")
        os.rename(stage, cls.prefix)
        cls.libdir = os.path.dirname(glob.glob(cls.prefix + "/lib*/**/liblimpet.a", recursive=True)[0])
        for name in os.listdir(OUTSIDE):
            shutil.copy(os.path.join(OUTSIDE, name), cls.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def pkg_config(self, *options, libdir=None):
        where = os.path.join(libdir or self.libdir, "pkgconfig")
        return run("pkg-config", *options, "limpet", env={"PKG_CONFIG_PATH": where}).split()

    def relay(self):
        """The installed program as a relay; its address."""
        relay = Limpet("serve", "--listen", "127.0.0.1:0")
        self.addCleanup(relay.end)
        relay.wait_for("the address", lambda: b"\n" in relay.out)
        return relay.out.split(b"\n")[0].decode().replace("http", "ws", 1) + "/echo"

    def converse(self, program, libdir=None):
        text = run(program, self.relay(), env={"LD_LIBRARY_PATH": libdir or ""})
        self.assertEqual(sorted(text.splitlines()), ["flush ok", "names 123", "text hello"])

    def needed(self, program):
        return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", program))

    # ---- what is there

    def test_nothing_installed_knows_where_it_was_built(self):
        for folder, _, names in os.walk(self.prefix):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    content = file.read()
                for place in (paths.ROOT, self.build, self.path("stage")):
                    self.assertNotIn(place.encode(), content, name)

    def test_the_shared_library_has_its_names(self):
        names = sorted(n for n in os.listdir(self.libdir) if n.startswith("liblimpet.so"))
        self.assertEqual(names, ["liblimpet.so", "liblimpet.so.0", "liblimpet.so.0.1.0"])
        self.assertEqual(os.readlink(os.path.join(self.libdir, "liblimpet.so.0")), "liblimpet.so.0.1.0")
        dynamic = run("readelf", "-d", os.path.join(self.libdir, "liblimpet.so"))
        self.assertIn("soname: [liblimpet.so.0]", dynamic)
        self.assertNotRegex(dynamic, "RPATH|RUNPATH")

    def test_the_program_its_manual_and_its_relatives_are_there(self):
        program = os.path.join(self.prefix, "bin", "limpet")
        self.assertEqual(run(program, "--version"), run(e2e_limpet.program(), "--version"))
        self.assertNotRegex(run("readelf", "-d", program), "RPATH|RUNPATH")
        pages = {os.path.basename(page) for page in glob.glob(os.path.join(paths.ROOT, "docs", "*.1"))}
        self.assertEqual(set(os.listdir(os.path.join(self.prefix, "share", "man", "man1"))), pages)
        for name in ("share/bash-completion/completions/limpet", "share/zsh/site-functions/_limpet",
                     "lib/systemd/system/limpet-serve.service"):
            self.assertTrue(os.path.isfile(os.path.join(self.prefix, name)), name)

    def test_the_unit_of_hold_lets_it_watch_the_network(self):
        with open(os.path.join(self.prefix, "lib/systemd/system/limpet-hold@.service"),
                  encoding="utf-8") as file:
            families = re.search(r"(?m)^RestrictAddressFamilies=(.*)$", file.read()).group(1).split()
        self.assertEqual(sorted(families), ["AF_INET", "AF_INET6", "AF_NETLINK", "AF_UNIX"])

    # ---- what it is good for

    def test_pkg_config_shared(self):
        """Of the library's own libraries the program needs to know none."""
        program = self.path("by-pkg-config")
        run("cc", "-std=c11", *MINE, self.path("conversation.c"), "-o", program,
            *self.pkg_config("--cflags", "--libs"))
        self.assertEqual(self.needed(program), ["liblimpet.so.0", "libc.so.6"])
        self.converse(program, self.libdir)

    def test_pkg_config_static(self):
        """An installation without the shared library, as `pkg-config --static` is meant for."""
        alone = self.path("alone")
        shutil.copytree(self.prefix, alone, symlinks=True)
        libdir = os.path.join(alone, os.path.relpath(self.libdir, self.prefix))
        for name in glob.glob(libdir + "/liblimpet.so*"):
            os.remove(name)
        program = self.path("by-pkg-config-static")
        run("cc", "-std=c11", *MINE, self.path("conversation.c"), "-o", program,
            *self.pkg_config("--static", "--cflags", "--libs", libdir=libdir))
        self.assertNotIn("liblimpet.so.0", self.needed(program))
        self.converse(program)

    def test_the_development_package_brings_what_pkg_config_asks_for(self):
        """pkg-config wants all modules of a library to be there, those of its insides too."""
        package = paths.read("packaging", "debian", "control").split("\nPackage: liblimpet-dev\n")[1]
        self.assertIn("${limpet:Modules}", package)
        rules = os.path.join(paths.ROOT, "packaging", "debian", "rules")
        folder = self.path("debian/tmp/usr/lib/any/pkgconfig")
        os.makedirs(folder)
        for modules, wanted in (("libuv, zlib", ""), ("libuv, zlib, libllhttp", "libllhttp-dev")):
            with open(os.path.join(folder, "limpet.pc"), "w", encoding="utf-8") as file:
                file.write(f"Name: limpet\nRequires.private: {modules}\n")
            told = run("make", "-n", "-f", rules, "override_dh_gencontrol", cwd=self.folder)
            self.assertIn(f'-Vlimpet:Modules="{wanted}"', told)

    def test_pkg_config_tells_the_version(self):
        self.assertEqual(self.pkg_config("--modversion"), [run(e2e_limpet.program(), "--version").split()[1]])

    def test_unloaded_while_a_look_up_hangs(self):
        program = self.path("unload")
        run("cc", "-std=c11", *MINE, "-rdynamic", self.path("unload.c"), "-o", program, "-ldl",
            *self.pkg_config("--cflags"))
        self.assertEqual(run(program, os.path.join(self.libdir, "liblimpet.so.0")), "unloaded\n")

    def test_find_package(self):
        build = self.path("build")
        run("cmake", "-S", self.folder, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", build)
        for name, is_shared in (("c-shared", True), ("cxx-shared", True), ("c-static", False)):
            with self.subTest(name):
                program = os.path.join(build, name)
                self.assertEqual("liblimpet.so.0" in self.needed(program), is_shared)
                self.converse(program)

    def test_find_package_refuses_what_is_not_there(self):
        for wish, sentence in (("limpet 1.0 REQUIRED", "compatible with requested version"),
                               ("limpet REQUIRED COMPONENTS dynamic", "has no component 'dynamic'")):
            with self.subTest(wish):
                source = tempfile.mkdtemp(dir=self.folder)
                with open(os.path.join(source, "CMakeLists.txt"), "w", encoding="utf-8") as file:
                    file.write("cmake_minimum_required(VERSION 3.16)\nproject(x NONE)\n"
                               f"find_package({wish})\n")
                with self.assertRaises(AssertionError) as caught:
                    run("cmake", "-S", source, "-B", source + "/b", f"-DCMAKE_PREFIX_PATH={self.prefix}")
                self.assertIn(sentence, " ".join(str(caught.exception).split()))


if __name__ == "__main__":
    main()
