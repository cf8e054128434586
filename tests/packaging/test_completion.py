#!/usr/bin/python3
"""Completion by bash and by zsh, held against what the program itself says: each command, each option,
each word that an option takes."""

import paths

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import e2e_limpet
from e2e_limpet import main

COMPLETION = os.path.join(paths.ROOT, "packaging", "completion")
# Each line of standard input is a command line; the last word is what is being typed.
BASH = r"""
source "$1/limpet.bash"
while IFS= read -r line; do
  IFS=$'\t' read -ra COMP_WORDS <<<"$line"
  [[ $line == *$'\t' ]] && COMP_WORDS+=('')
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _limpet
  (IFS=$'\t'; printf '%s\n' "${COMPREPLY[*]}")
done
"""
# The real completion system in a terminal of its own; what would be offered is written to a file.
ZSH = r"""
zmodload zsh/zpty
inner() {
  fpath=("$1" $fpath)
  autoload -Uz compinit && compinit -u -D
  compdef _limpet limpet
  compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
    local -a hits
    builtin compadd -A hits "$@"
    print -rl -- $hits >>$OFFERED
    builtin compadd "$@"
  }
  offer() { _main_complete; compstate[insert]= compstate[list]=; print END >>$OFFERED }
  zle -C offer complete-word offer
  bindkey '^I' offer
  clear-line() { BUFFER= }
  zle -N clear-line
  bindkey '^X' clear-line
  PROMPT=
}
zpty shell zsh -f -i
zpty -w shell "unsetopt beep; stty columns 300; $(functions inner); inner $1; print READY"
zpty -r shell seen $'*READY\r\n*'
while IFS= read -r line; do
  : >$OFFERED
  zpty -w -n shell "${line//$'\t'/ }"$'\t'
  while ! grep -q '^END$' $OFFERED; do zpty -r -t shell seen; zselect -t 1 2>/dev/null; done
  zpty -w -n shell $'\x18'
  print -r -- "$(grep -v '^END$' $OFFERED | grep . | tr '\n' '\t')"
done
zpty -d shell
"""


def ask(*words):
    """What the program says; it must end by itself."""
    done = subprocess.run([e2e_limpet.program(), *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def commands():
    section = ask("--help").partition("Commands:\n")[2].partition("\n\n")[0]
    return re.findall(r"^  ([a-z]+) ", section, re.MULTILINE)


def options(command):
    """{option: what it calls its value, or ''}"""
    found = re.findall(r"^  --([a-z0-9-]+)(?: ([A-Z]\S*))?(?:  +\S|$)|^  --(\S+) ([A-Z]\S*) \S",
                       ask(command, "--help"), re.MULTILINE)
    return {a or c: b or d for a, b, c, d in found}


def words_of(command, option):
    """The words that an option takes, from how the program refuses another. A second time without a
    value it is refused whatever happens, so nothing runs."""
    said = ask(command, f"--{option}", "?", f"--{option}")
    listed = re.search(r"is not one of: (.*)$|; there are (.*)$", said, re.MULTILINE)
    return sorted(re.split(r", | and ", listed[1] or listed[2])) if listed else []


class Completion:

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="limpet-completion-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        for name in ("messages.box", "web/"):
            path = os.path.join(cls.folder, name)
            os.mkdir(path) if name.endswith("/") else open(path, "wb").close()

    def complete(self, *lines):
        """For each line (a list of words behind `limpet`) what is offered, sorted."""
        text = "".join("\t".join(["limpet", *words]) + "\n" for words in lines)
        path = os.path.dirname(e2e_limpet.program()) + ":" + os.environ["PATH"]
        done = subprocess.run([*self.SHELL, COMPLETION], input=text, capture_output=True, text=True,
                              timeout=200, check=False, cwd=self.folder,
                              env={**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "HOME": self.folder,
                                   "OFFERED": os.path.join(self.folder, ".offered")})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        answers = done.stdout.split("\n")[:-1]
        self.assertEqual(len(answers), len(lines), done.stdout)
        return [sorted({w.rstrip(" /").removesuffix("=") for w in answer.split("\t") if w}) for answer in answers]

    def test_commands(self):
        self.assertGreater(len(commands()), 4)
        self.assertEqual(self.complete([""]), [sorted(commands() + ["--help", "--version"])])

    def test_every_option_of_every_command_and_no_other(self):
        offered = self.complete(*([command, "--"] for command in commands()))
        for command, found in zip(commands(), offered):
            with self.subTest(command):
                self.assertIn("help", options(command))
                self.assertEqual(found, sorted("--" + name for name in options(command)))

    def test_every_word_that_an_option_takes(self):
        for command in commands():
            known = {o: words_of(command, o) for o, value in options(command).items() if value}
            known = {option: words for option, words in known.items() if words}
            lines = [[command, f"--{option}", ""] for option in known]
            for option, found in zip(known, self.complete(*lines) if lines else []):
                with self.subTest(f"{command} --{option}"):
                    self.assertEqual(found, known[option])
        self.assertEqual(words_of("connect", "jitter"), ["decorrelated", "equal", "full", "none"])

    def test_no_word_is_offered_that_the_program_refuses(self):
        listed = re.findall(r"^    --([a-z-]+)\) \w+ (.*) ;;$", paths.read("packaging", "completion", self.FILE),
                            re.MULTILINE)
        self.assertGreater(len(listed), 4)
        for option, words in listed:
            for word in words.split():
                said = ask("connect", f"--{option}", word, f"--{option}")
                self.assertIn("a value is missing", said, f"--{option} {word}")

    def test_what_is_typed_narrows_the_offer(self):
        found = self.complete(["conn"], ["connect", "--ji"], ["connect", "--jitter", "de"],
                              ["connect", "--max-retries", ""], ["connect", "--ttl", ""])
        self.assertEqual(found, [["connect"], ["--jitter"], ["decorrelated"], ["forever"], []])

    def test_files_folders_and_actions(self):
        found = self.complete(["connect", "--outbox", "mess"], ["serve", "--web", ""], ["outbox", "me"],
                              ["outbox", "messages.box", ""], ["connect", "--header", "@mess"])
        self.assertEqual(found[:4], [["messages.box"], ["web"], ["messages.box"],
                                     ["count", "list", "purge"]])
        self.assertEqual(found[4], [self.AT + "messages.box"])


class Bash(Completion, unittest.TestCase):
    SHELL, FILE, AT = ("bash", "-c", BASH, "bash"), "limpet.bash", "@"

    def test_the_value_behind_an_equals_sign(self):
        """Readline hands --jitter=de over as three words."""
        found = self.complete(["connect", "--jitter", "=", "de"], ["connect", "--jitter", "="])
        self.assertEqual(found, [["decorrelated"], ["decorrelated", "equal", "full", "none"]])


class Zsh(Completion, unittest.TestCase):
    SHELL, FILE, AT = ("zsh", "-f", "-c", ZSH, "zsh"), "_limpet", ""

    def test_the_value_behind_an_equals_sign(self):
        self.assertEqual(self.complete(["connect", "--jitter=de"]), [["decorrelated"]])


if __name__ == "__main__":
    main()
