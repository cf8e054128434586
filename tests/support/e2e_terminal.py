"""Runs the program on a terminal of our own: a pty, with pyte (by other people) as its screen."""

import codecs
import fcntl
import os
import pty
import signal
import struct
import termios
import threading

import pyte

from e2e_limpet import DEADLINE_S, SANITIZERS, inherited_environment, program

KEYS = {"enter": "\r", "backspace": "\x7f", "left": "\x1b[D", "right": "\x1b[C", "up": "\x1b[A",
        "down": "\x1b[B", "home": "\x1b[H", "end": "\x1b[F", "page_up": "\x1b[5~",
        "page_down": "\x1b[6~", "delete": "\x1b[3~", "f2": "\x1bOQ", "ctrl_a": "\x01",
        "ctrl_c": "\x03", "ctrl_d": "\x04", "ctrl_k": "\x0b", "ctrl_l": "\x0c", "ctrl_r": "\x12",
        "ctrl_t": "\x14", "ctrl_u": "\x15", "ctrl_w": "\x17", "ctrl_z": "\x1a"}


class Terminal:
    """One run on a terminal of `rows` by `columns`. What it wrote is `raw`, what that shows is
    `screen`."""

    def __init__(self, *args, rows=24, columns=80, env=None):
        self.args = [str(a) for a in args]
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.Stream(self.screen)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.raw = b""
        self.status = None
        self._changed = threading.Condition()
        self.before = None
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            self._become(rows, columns, env)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _become(self, rows, columns, env):
        set_size(0, rows, columns)
        environment = {**inherited_environment(), **SANITIZERS, "TERM": "xterm-256color",
                       "LC_ALL": "C.UTF-8", "TZ": "UTC", **(env or {})}
        environment = {k: v for k, v in environment.items() if v is not None}
        try:
            os.execve(program(), [program(), *self.args], environment)
        finally:
            os._exit(127)

    def _read(self):
        while True:
            try:
                piece = os.read(self.master, 65536)
            except OSError:
                piece = b""
            with self._changed:
                if not piece:
                    self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
                    self._changed.notify_all()
                    return
                self.raw += piece
                self.stream.feed(self.decoder.decode(piece))
                self._changed.notify_all()

    # ---- looking

    @property
    def rows(self):
        return [row.rstrip() for row in self.screen.display]

    @property
    def text(self):
        return "\n".join(self.rows)

    def wait_for(self, what, condition, deadline_s=DEADLINE_S):
        with self._changed:
            self._changed.wait_for(lambda: condition() or self.status is not None, deadline_s)
            if condition():
                return
        raise AssertionError(f"never came: {what}\n{self.story()}")

    def wait_text(self, text):
        """Waits until the screen shows it."""
        self.wait_for(repr(text), lambda: text in self.text)

    def wait_gone(self, text):
        self.wait_for("the end of " + repr(text), lambda: text not in self.text)

    def styles(self, text):
        """(foreground, background, bold, reverse) of the first character of `text`."""
        for y, row in enumerate(self.screen.display):
            if text in row:
                cell = self.screen.buffer[y][row.index(text)]
                return cell.fg, cell.bg, cell.bold, cell.reverse
        raise AssertionError(f"not there: {text!r}\n{self.story()}")

    def picture(self):
        edge = "+" + "-" * self.screen.columns + "+"
        return "\n".join([edge, *("|" + row for row in self.screen.display), edge])

    def story(self):
        return f"limpet {' '.join(self.args)}\nexit status: {self.status}\n{self.picture()}"

    # ---- acting

    def type(self, text):
        os.write(self.master, text.encode())

    def press(self, *keys):
        for key in keys:
            self.type(KEYS[key])

    def say(self, text):
        self.type(text)
        self.press("enter")

    def resize(self, rows, columns):
        with self._changed:
            self.screen.resize(rows, columns)
            set_size(self.master, rows, columns)

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, deadline_s=DEADLINE_S):
        with self._changed:
            if not self._changed.wait_for(lambda: self.status is not None, deadline_s):
                raise AssertionError("still running\n" + self.story())
        return self.status

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
        self._thread.join(5)
        os.close(self.master)


def set_size(descriptor, rows, columns):
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
