"""The `limpet` program above a C library that fails: runs it behind tests/below/faults.c, and knows
which failures of a call are plausible."""

import concurrent.futures
import errno
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "support"),
                os.path.join(os.path.dirname(HERE), "e2e")]

from e2e_limpet import SANITIZERS, inherited_environment, program  # noqa: E402

LONG = os.environ.get("LIMPET_TEST_LENGTH") == "long"
SHIM = os.environ.get("LIMPET_FAULTS", "")
COUNTER = struct.Struct("=24sQ")
FOR_EVER = 1 << 40
HALF = 0  # no errno: reads and writes do half of their work
END_S = 40  # that only a broken run reaches
CPU_S = 3.0  # a run needs a fiftieth of it
TERMINATED = 128 + 15
DOCUMENTED = {0: "all delivered", 1: "unusable input", 2: "gave up", 3: "critical", 4: "dropped"}

DISK = ("EIO", "ENOSPC", "EINTR")
FAILURES = {
    "accept4": ("EINTR", "ECONNABORTED", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM", "EPROTO"),
    "bind": ("EACCES", "EADDRINUSE", "EADDRNOTAVAIL", "ENOMEM"),
    "connect": ("ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH", "ETIMEDOUT", "EADDRNOTAVAIL", "EPERM",
                "EACCES", "EINTR", "EAGAIN", "ENOBUFS"),
    "dup3": ("EMFILE", "EBUSY", "EINTR"),
    "epoll_create1": ("EMFILE", "ENFILE", "ENOMEM"),
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "epoll_wait": ("EINTR",),
    "eventfd": ("EMFILE", "ENFILE", "ENOMEM"),
    "fcntl": ("EAGAIN", "ENOLCK", "EINTR", "EIO"),
    "fdatasync": ("EIO", "ENOSPC", "EINTR"),
    "flock": ("EINTR", "ENOLCK"),
    "fstat": ("EIO", "ENOMEM", "EOVERFLOW"),
    "fsync": ("EIO", "ENOSPC", "EINTR"),
    "ftruncate": DISK,
    "getaddrinfo": ("ENOMEM", "EMFILE", "EIO"),
    "getpeername": ("ENOTCONN", "ENOBUFS"),
    "getrandom": ("EINTR", "ENOSYS", "EPERM"),
    "getsockname": ("ENOBUFS",),
    "getsockopt": ("ENOBUFS", "ENOMEM"),
    "ioctl": ("EIO", "ENOMEM", "EINTR"),
    "listen": ("EADDRINUSE", "ENOBUFS"),
    "lstat": ("EACCES", "EIO", "ENOMEM"),
    "mmap": ("ENOMEM", "EAGAIN", "EPERM"),
    "open": ("EMFILE", "ENFILE", "EACCES", "EINTR", "EIO", "ENOSPC", "ENOMEM"),
    "pipe2": ("EMFILE", "ENFILE"),
    "pread": ("EIO", "EINTR"),
    "pthread_create": ("EAGAIN", "ENOMEM"),
    "pwrite": ("EIO", "ENOSPC", "EINTR", "EDQUOT"),
    "read": ("EIO", "EINTR"),
    "read_inner": ("EINTR",),
    "readv": ("ECONNRESET", "EINTR", "EAGAIN", "ENOMEM"),
    "recv": ("EINTR", "EAGAIN", "ECONNRESET", "ETIMEDOUT", "EHOSTUNREACH", "ENOMEM", "ENOBUFS"),
    "recvmsg": ("EINTR", "EAGAIN", "ENOMEM"),
    "send": ("EINTR", "EAGAIN", "ECONNRESET", "EPIPE", "ENOBUFS", "ENOMEM", "ETIMEDOUT", "EHOSTUNREACH"),
    "sendmsg": ("EINTR", "EAGAIN", "EPIPE", "ENOBUFS"),
    "setsockopt": ("ENOMEM", "ENOPROTOOPT", "EPERM"),
    "shutdown": ("ENOTCONN",),
    "socket": ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EACCES", "EAFNOSUPPORT"),
    "splice": ("EAGAIN", "EINTR", "ENOMEM", "EPIPE"),
    "stat": ("EACCES", "EIO", "ENOMEM"),
    "unlink": ("EACCES", "EIO", "EBUSY"),
    "write": ("EINTR", "EAGAIN", "EIO", "ENOSPC", "EPIPE"),
    "write_inner": ("EINTR",),
    "writev": ("EINTR", "EAGAIN", "EPIPE", "ENOBUFS"),
}
HALVED = ("pread", "pwrite", "read", "recv", "send", "write")


def is_libuvs_end(done):
    """What libuv answers with abort(), without a word: its loop cannot watch a descriptor, its first pipe fails
    though there was room for two just before (the first two calls; see src/net/uv_open.c), or there is no memory
    to be told of forks, or for its table of descriptors, which doubles."""
    fault = done.fault
    return fault is not None and (fault.name == "epoll_ctl" or fault.name == "pipe2" and fault.first == 3 or
                                  fault.name == "malloc" and done.err.strip() == "")


class Fault:
    """Calls first to first + count - 1 of a name fail."""

    def __init__(self, name, first, count, error):
        self.name, self.first, self.count = name, first, count
        self.error = error
        number = getattr(errno, error) if error else HALF
        self.text = f"{name}:{first}:{count}:{number}"

    def __str__(self):
        often = "from then on" if self.count == FOR_EVER else f"x{self.count}"
        return f"{self.name} #{self.first} {self.error or 'half'} {often} (LIMPET_FAULT={self.text})"


def plausible(name):
    return FAILURES.get(name, ()) + (("",) if name in HALVED else ())


def every_fault(counts, count=1, every=1):
    """Each call of each name, with each errno (`every` n: one of n, each errno somewhere)."""
    turn = 0
    for name in sorted(counts):
        errors = plausible(name)
        for first in range(1, counts[name] + 1):
            for error in errors:
                turn += 1
                if turn % every == 0 or first == 1 and every > 1 and error == errors[0]:
                    yield Fault(name, first, count, error)


def lasting_faults(counts, every=1):
    """Each errno of each name for ever, from the first call and from the middle on."""
    turn = 0
    for name in sorted(counts):
        for error in plausible(name):
            if error in ("EINTR", "EAGAIN", ""):
                continue  # a kernel that says nothing else is broken
            for first in sorted({1, counts[name] // 2 + 1}):
                turn += 1
                if turn % every == 0:
                    yield Fault(name, first, FOR_EVER, error)


def libasan():
    """The sanitizer's library, if the program has one: it must come before ours."""
    lines = subprocess.run(["ldd", program()], capture_output=True, check=True).stdout.decode()
    return [word for word in lines.split() if word.startswith("/") and "libasan" in word]


_preload = []


def preload():
    if not _preload:
        _preload.append(" ".join(libasan() + [SHIM]))
    return _preload[0]


class Outcome:
    """What one run came to."""

    def __init__(self, args, fault, folder):
        self.args, self.fault, self.folder = args, fault, folder
        self.status, self.out, self.err, self.cpu_s, self.wall_s = None, b"", "", 0.0, 0.0

    @property
    def counts(self):
        return read_counts(self.counts_file)

    def count_of(self, name):
        return read_all_counts(self.counts_file)[name]

    @property
    def counts_file(self):
        return os.path.join(self.folder, "counts")

    @property
    def events(self):
        found = []
        for line in self.err.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                pass  # a complaint, in words
        return found

    def story(self):
        return (f"limpet {' '.join(self.args)}\nfault: {self.fault}\nexit status: {self.status}, {self.wall_s:.2f} s, "
                f"cpu {self.cpu_s:.2f} s\nstdout: {self.out[-400:]!r}\nstderr: {self.err[-2500:]}")


def read_all_counts(path):
    with open(path, "rb") as file:
        return {name.rstrip(b"\0").decode(): calls for name, calls in COUNTER.iter_unpack(file.read())}


def read_counts(path):
    """Of the calls that FAILURES knows."""
    return {name: calls for name, calls in read_all_counts(path).items() if calls and name in FAILURES}


def environment(fault, counts_file):
    if not os.access(SHIM, os.R_OK):
        sys.exit(f"LIMPET_FAULTS names no library: {SHIM!r}")
    found = {**inherited_environment(), **SANITIZERS, "LC_ALL": "C.UTF-8", "LD_PRELOAD": preload(),
             "LIMPET_FAULT_COUNTS": counts_file}
    found["ASAN_OPTIONS"] += ":verify_asan_link_order=0"
    if fault:
        found["LIMPET_FAULT"] = fault.text
    return found


class Run:
    """One run of the program, its standard streams in files."""

    def __init__(self, *args, stdin=b"", fault=None, limits=None):
        self._folder = tempfile.TemporaryDirectory(prefix="limpet-below-")
        self.outcome = Outcome([str(a) for a in args], fault, self._folder.name)
        self.started = time.monotonic()
        with open(self.path("in"), "wb") as file:
            file.write(stdin)
        with open(self.path("in"), "rb") as read, open(self.path("out"), "wb") as out, \
                open(self.path("err"), "wb") as err:
            self.process = subprocess.Popen(
                [program(), *self.outcome.args], stdin=read, stdout=out, stderr=err,
                env=environment(fault, self.outcome.counts_file), preexec_fn=limits)

    def path(self, name):
        return os.path.join(self._folder.name, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def signal(self, number):
        """Not by Popen, which would take the status away from wait()."""
        os.kill(self.process.pid, number)

    def wait(self, deadline_s=END_S, patience_s=END_S):
        """The outcome. After patience_s it is asked to end; if it does not, its status is None."""
        done = self.outcome
        timers = [threading.Timer(deadline_s, self.signal, [signal.SIGKILL]),
                  threading.Timer(patience_s, self.signal, [signal.SIGTERM])]
        for timer in timers:
            timer.start()
        _, status, usage = os.wait4(self.process.pid, 0)
        for timer in timers:
            timer.cancel()
        done.wall_s = time.monotonic() - self.started
        self.process.returncode = os.waitstatus_to_exitcode(status)
        done.status = self.process.returncode if done.wall_s < deadline_s else None
        done.cpu_s = usage.ru_utime + usage.ru_stime
        done.out, done.err = self.read("out"), self.read("err").decode("utf-8", "replace")
        return done

    def end(self):
        if self.process.returncode is None:
            self.signal(signal.SIGKILL)
            self.wait()
        self._folder.cleanup()


def run(*args, **kwargs):
    """One run from start to end."""
    patience_s = kwargs.pop("patience_s", END_S)
    one = Run(*args, **kwargs)
    try:
        done = one.wait(patience_s=patience_s)
        if os.path.exists(done.counts_file):
            done.final_counts, done.allocations = done.counts, done.count_of("malloc")
        return done
    finally:
        one.end()


def at_once(work, things, workers=8):
    """work(thing) for each, several at a time; the results in order."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, things))


def limit_files(number):
    """For `limits`: this many descriptors."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))
