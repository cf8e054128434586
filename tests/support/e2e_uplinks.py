"""Two machines of one test: network namespaces joined by cables (veth pairs), each an uplink that can be
taken away and given back. Made with `ip` of iproute2 and gone with close()."""

import ctypes
import itertools
import os
import shutil
import socket
import subprocess
import threading

from e2e_limpet import Limpet, program, wait_until

IP = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin")
# On the far machine's loopback: reached over any uplink.
TARGET = "10.200.0.1"
TARGET_V6 = "fd00:200::1"
BEHIND = "10.200.0.2"  # there too, but the near machine has no way to it
PORT = 8765
CLONE_NEWNET = 0x40000000
ETH_P_IP = 0x0800
_numbers = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)


def why_not():
    """None, or why namespaces cannot be made here."""
    if not IP:
        return "no `ip` here (Debian's iproute2)"
    name = f"limpet-probe-{os.getpid()}"
    made = subprocess.run([IP, "netns", "add", name], capture_output=True, text=True)
    if made.returncode:
        return "network namespaces may not be made here: " + made.stderr.strip()
    subprocess.run([IP, "netns", "del", name], check=True)
    return None


def ip(*words):
    subprocess.run([IP, *words], check=True, capture_output=True, text=True)


def socket_in(namespace, *args):
    """A socket made inside a namespace, by a thread that goes there for it and then ends."""
    made = []

    def work():
        with open(f"/run/netns/{namespace}", "rb") as place:
            if _libc.setns(place.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        made.append(socket.socket(*args))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return made[0]


class SynCounter:
    """Counts the connection attempts that arrive at the far machine."""

    def __init__(self, namespace):
        self.count = 0
        self._socket = socket_in(namespace, socket.AF_PACKET, socket.SOCK_DGRAM,
                                 socket.htons(ETH_P_IP))
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self):
        while True:
            try:
                packet = self._socket.recv(2048)
            except OSError:
                return
            header = (packet[0] & 15) * 4
            if packet[9] == socket.IPPROTO_TCP and len(packet) > header + 13:
                is_ours = int.from_bytes(packet[header + 2:header + 4], "big") == PORT
                self.count += is_ours and packet[header + 13] & 0x12 == 0x02  # SYN without ACK

    def close(self):
        self._socket.close()


class Uplinks:
    """`count` cables between a near and a far machine, on which a relay serves TARGET."""

    def __init__(self, count=1):
        tag = f"{os.getpid()}-{next(_numbers)}"
        self.near, self.far = f"limpet-near-{tag}", f"limpet-far-{tag}"
        self.relay = None
        self._address = f"{TARGET}:{PORT}"
        self._runs = []
        for name in (self.near, self.far):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        for address in (f"{TARGET}/32", f"{BEHIND}/32", f"{TARGET_V6}/128"):
            ip("-n", self.far, "addr", "add", address, "dev", "lo")
        for number in range(count):
            ip("link", "add", f"up{number}", "netns", self.near, "type", "veth",
               "peer", "name", f"up{number}", "netns", self.far)
            ip("-n", self.far, "addr", "add", f"10.201.{number}.1/24", "dev", f"up{number}")
            ip("-n", self.far, "addr", "add", f"fd00:201:{number}::1/64", "dev", f"up{number}", "nodad")
            for name in (self.far, self.near):
                ip("-n", name, "link", "set", f"up{number}", "up")
            self.give_address(number)

    def start(self, address=TARGET):
        """Starts the relay."""
        self._address = f"[{address}]:{PORT}" if ":" in address else f"{address}:{PORT}"
        self.relay = self.run_far(program(), "serve", "--listen", self._address)
        self.relay.wait_for("its address", lambda: b"\n" in self.relay.out)

    @property
    def url(self):
        return f"ws://{self._address}/echo"

    def run_far(self, *words):
        """A run of any program on the far machine."""
        run = Limpet("netns", "exec", self.far, *words, path=IP)
        self._runs.append(run)
        return run

    def limpet(self, *words):
        """A run on the near machine."""
        return Limpet("netns", "exec", self.near, program(), *words, path=IP)

    def give_address(self, number=0):
        """The address of an uplink, and with it the way to the target."""
        ip("-n", self.near, "addr", "add", f"10.201.{number}.2/24", "dev", f"up{number}")
        self.give_route(number)

    def take_address(self, number=0):
        ip("-n", self.near, "addr", "del", f"10.201.{number}.2/24", "dev", f"up{number}")

    def give_route(self, number=0):
        ip("-n", self.near, "route", "add", f"{TARGET}/32", "via", f"10.201.{number}.1",
           "metric", str(10 + number))

    def take_route(self, number=0):
        """The address stays."""
        ip("-n", self.near, "route", "del", f"{TARGET}/32", "via", f"10.201.{number}.1")

    def give_address_v6(self, number=0):
        ip("-n", self.near, "addr", "add", f"fd00:201:{number}::2/64", "dev", f"up{number}", "nodad")
        ip("-n", self.near, "route", "add", f"{TARGET_V6}/128", "via", f"fd00:201:{number}::1")

    def take_address_v6(self, number=0):
        """The kernel keeps routes of IPv6 when an address goes, so the route goes too."""
        ip("-n", self.near, "route", "del", f"{TARGET_V6}/128")
        ip("-n", self.near, "addr", "del", f"fd00:201:{number}::2/64", "dev", f"up{number}")

    def churn(self, times):
        """So many addresses come and go, each with its news."""
        lines = [f"addr {verb} 10.202.{i // 250}.{i % 250 + 1}/32 dev lo" for i in range(times)
                 for verb in ("add", "del")]
        subprocess.run([IP, "-n", self.near, "-batch", "-"], input="\n".join(lines), text=True,
                       check=True, capture_output=True)

    def lost_news(self):
        """How many words of the kernel found no room, over all sockets of the near machine."""
        table = subprocess.run([IP, "netns", "exec", self.near, "cat", "/proc/net/netlink"],
                               check=True, capture_output=True, text=True).stdout.splitlines()
        column = table[0].split().index("Drops")
        return sum(int(line.split()[column]) for line in table[1:])

    def pull(self, number=0):
        """The far end of the cable is pulled: no carrier; address and routes stay."""
        ip("-n", self.far, "link", "set", f"up{number}", "down")

    def plug(self, number=0):
        ip("-n", self.far, "link", "set", f"up{number}", "up")

    def close(self):
        for run in self._runs:
            run.end()
        for name in (self.near, self.far):
            subprocess.run([IP, "netns", "del", name], check=False, capture_output=True)


__all__ = ["BEHIND", "PORT", "TARGET", "TARGET_V6", "Uplinks", "SynCounter", "why_not", "wait_until"]
