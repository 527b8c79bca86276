"""Machines made of Linux namespaces, each with a network, a name, processes, and shared memory of its own, for drills.

As on many Debian machines, the name of each one resolves to loopback. All ends with the process that made them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

APART = "RAYCLUSTER_APART"
OBJECT_STORE = 200_000_000  # bytes
PORT = 6379


def can_make_machines() -> bool:
    """Return whether this system has namespaces for every user, and the tools for them."""
    command = ["unshare", "--map-root-user", "--mount", "--net", "--uts", "--pid", "--fork", "ip", "link"]
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False


def go_apart() -> None:
    """Run this script again where it is root of namespaces of its own; whatever it starts there dies with it.

    A shell is the first process there, because it reaps zombies: Ray's workers take a zombie of a raylet for a live
    one, and stay.
    """
    if APART in os.environ:
        return
    spaces = ["--map-root-user", "--mount", "--net", "--uts", "--pid", "--mount-proc", "--fork", "--kill-child"]
    os.environ[APART] = "1"
    os.execvp("unshare", ["unshare", *spaces, "sh", "-c", '"$@"; exit $?', "sh", *sys.orig_argv])


class Machine:
    """A machine with a number, 1 for the first one, and the address ``10.77.0.NUMBER``.

    Parameters
    ----------
    number : int
    cpus : int
        How many cores it offers to Ray.
    """

    def __init__(self, number: int, cpus: int = 1) -> None:
        self.address, self.cpus = f"10.77.0.{number}", cpus
        self._name, self._cable = f"node{number}", f"cable{number}"
        spaces = ["--net", "--uts", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"]
        holder = subprocess.Popen(["unshare", *spaces, "sleep", "infinity"])
        while not (inside := Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()):
            time.sleep(0.01)
        self._holder, self._init = holder.pid, int(inside[0])
        _do(f"ip link add {self._cable} type veth peer name eth0 netns {self._init}")
        _do(f"ip link set {self._cable} master switch up")
        for folder in ("/tmp/ray", "/dev/shm"):
            os.makedirs(folder, exist_ok=True)
            self.do(f"mount -t tmpfs tmpfs {folder}")
        with tempfile.NamedTemporaryFile("w") as hosts:
            hosts.write(f"127.0.0.1 localhost\n127.0.1.1 {self._name}\n")
            hosts.flush()
            self.do(f"mount --bind {hosts.name} /etc/hosts")
        self.do(f"hostname {self._name}")
        self.do("ip link set lo up")
        self.do("ip link set eth0 up")
        self.do(f"ip addr add {self.address}/24 dev eth0")
        self.do("ip route add default dev eth0")

    def start(self, command: list[str], log: Path, **environment: str) -> subprocess.Popen[bytes]:
        """Start a command on this machine; its output goes to ``log``."""
        spaces = ["--net", "--uts", "--mount", "--pid", f"--wdns={os.getcwd()}"]
        inside = ["nsenter", "--target", str(self._init), *spaces]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        with open(log, "ab") as file:
            return subprocess.Popen(
                [*inside, *command], env=kept | environment, stdout=file, stderr=file, stdin=subprocess.DEVNULL
            )

    def do(self, command: str) -> None:
        """Run a command on this machine to its end."""
        with tempfile.NamedTemporaryFile("r") as log:
            if self.start(command.split(), Path(log.name)).wait():
                raise RuntimeError(f"{command}: {log.read()}")

    def join(self, head: Machine) -> None:
        """Start Ray; the head is a machine that may be this one."""
        as_head = f"--head --port={PORT} --include-dashboard=false"
        place = as_head if head is self else f"--address={head.address}:{PORT}"
        rest = f"--num-cpus={self.cpus} --object-store-memory={OBJECT_STORE} --disable-usage-stats"
        command = f"{Path(sys.executable).parent / 'ray'} start {place} {rest}"
        with tempfile.NamedTemporaryFile("r") as log:
            started = self.start(command.split(), Path(log.name), RAY_AUTH_MODE="disabled")
            if started.wait():
                raise RuntimeError(f"{command}: {log.read()}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process on this machine."""
        mine = os.readlink(f"/proc/{self._init}/ns/net")
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                if os.readlink(entry / "ns/net") == mine and int(entry.name) not in (self._holder, self._init):
                    os.kill(int(entry.name), number)

    def lose(self) -> None:
        """Kill every process on this machine at once."""
        self.signal(signal.SIGKILL)

    def unplug(self) -> None:
        """Cut the network of this machine; nobody is told."""
        _do(f"ip link set {self._cable} down")

    def plug(self) -> None:
        """Mend the network of this machine."""
        _do(f"ip link set {self._cable} up")


def make_machines(*cpus: int) -> list[Machine]:
    """Return machines with these numbers of cores, connected by a switch."""
    _do("ip link set lo up")
    _do("ip link add switch type bridge")
    _do("ip link set switch up")
    return [Machine(number, cores) for number, cores in enumerate(cpus, 1)]


def _do(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True)
