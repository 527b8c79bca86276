"""A watch over Ray while a command uses it: where Ray dies, the command ends with a sentence.

Left to itself, Ray hangs or aborts the whole process with a dump when a process dies that a command depends on.
"""

from __future__ import annotations

import contextlib
import glob
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, cast

from raycluster.errors import TrainingFailed, UserError, has_no_room
from raycluster.runtime.resources import Node

CHECK_S = 1.0
ANSWER_S = 3.0
LEAVE_S = 2.0
SILENT_S = 20.0  # of the head of a cluster: a network that fails for a shorter time does no harm
# Not SIGINT, which commands in the background ignore. Windows has neither.
SIGNAL: int | None = getattr(signal, "SIGUSR2", None)

# Says what has died, if its input ends without a word.
SPEAK = """
import glob, socket, sys

def answers(family, address):
    one = socket.socket(family)
    one.settimeout(5)
    try:
        one.connect(address)
    except OSError:
        return False
    return True

started, raylet, death_of_raylet, *head = sys.argv[1:]
if not sys.stdin.read() and glob.glob(started):
    if not any(answers(socket.AF_UNIX, path) for path in glob.glob(raylet)):
        sys.exit("error: " + death_of_raylet)
    if head:
        host, port, death_of_head = head
        if not answers(socket.AF_INET6 if ":" in host else socket.AF_INET, (host, int(port))):
            sys.exit("error: " + death_of_head)
"""
BECAUSE = "on this machine has died, maybe because memory ran out."


class RayWatch:
    """What a command depends on: Ray's raylet on this machine, and its control service on the head of the cluster.

    Parameters
    ----------
    raylet : str
        The path of its socket.
    head : tuple of str and int
        Host and port of the control service.
    is_private : bool
        Whether both belong to a private Ray on this machine.
    logs : str
        The folder of Ray's logs.

    Attributes
    ----------
    is_private : bool
    nodes : list of Node
        The machines that are alive, as of the last look.
    """

    def __init__(self, raylet: str, head: tuple[str, int], is_private: bool, logs: str) -> None:
        self._raylet, self._head, self.is_private = raylet, head, is_private
        self._heard = time.monotonic()
        self.nodes: list[Node] = []
        then = f"\nRay's logs are in {logs}. Run the same command again to continue."
        self._death_of_raylet = f"Ray's raylet {BECAUSE}{then}"
        silent = f"Ray's head at {head[0]} has not answered for {SILENT_S:g} s.{then}"
        self._death_of_head = f"Ray's gcs_server {BECAUSE}{then}" if is_private else silent

    def death(self) -> str | None:
        """Return a sentence on what has died, or None."""
        if _knock(self._raylet) == "refused":
            return self._death_of_raylet
        answer = _knock(self._head)
        if answer == "open":
            self._heard = time.monotonic()
        is_dead = answer == "refused" if self.is_private else time.monotonic() - self._heard >= SILENT_S
        return self._death_of_head if is_dead else None

    def last_words(self) -> contextlib.AbstractContextManager[None]:
        """Have another process say what has died, if Ray ends this one when it notices, at once and silently."""
        raylet = glob.escape(self._raylet)
        return _last_words("/", raylet, self._death_of_raylet, self._head[0], str(self._head[1]), self._death_of_head)


def last_words_of_start(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Have another process say it if the raylet dies while a private Ray starts, whose files are in a folder."""
    session = f"{glob.escape(str(folder))}/session_*"
    sentence = f"Ray's raylet {BECAUSE}\nRay's logs are in {folder}. Run the same command again."
    return _last_words(f"{session}/logs/raylet.out", f"{session}/sockets/raylet", sentence)


@contextlib.contextmanager
def _last_words(*words: str) -> Iterator[None]:
    command = [sys.executable, "-I", "-S", "-c", SPEAK, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as speaker:
        try:
            yield
        finally:
            speaker.communicate(b"ended")


def watch_over(is_private: bool, logs: str) -> RayWatch:
    """Return a watch over the Ray that this process is connected to."""
    import ray
    from ray._private import worker

    node: Any = worker._global_node
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    watch = RayWatch(node.raylet_socket_name, (host.strip("[]"), int(port)), is_private, logs)
    watch.nodes = living_nodes()
    return watch


@contextlib.contextmanager
def watched(watch: RayWatch) -> Iterator[None]:
    """End what runs inside when Ray dies. Only the main thread can be interrupted while it waits.

    Raises
    ------
    TrainingFailed
        If Ray has died, in place of whatever its death has caused.
    """
    told: list[str] = []
    left, leaving = threading.Event(), threading.Lock()
    main = threading.main_thread()
    number = SIGNAL if threading.current_thread() is main else None

    def look() -> None:
        while not left.wait(CHECK_S):
            sentence = watch.death()
            with leaving:
                if sentence and not left.is_set():
                    told.append(sentence)
                    # A signal also ends the waiting inside of compiled code, such as that of ray.get.
                    signal.pthread_kill(main.ident or 0, cast("int", number))
                    return

    def count() -> None:
        while not left.wait(CHECK_S):
            watch.nodes = living_nodes()  # waits for a minute where the head is dead

    tasks = [*([look] if number else []), *([] if watch.is_private else [count])]
    threads = [threading.Thread(target=task, daemon=True) for task in tasks]
    before = signal.signal(number, interrupt) if number else None
    for thread in threads:
        thread.start()
    try:
        try:
            yield
        finally:
            with leaving:
                left.set()
    except KeyboardInterrupt:
        if told:
            raise TrainingFailed(told[0]) from None
        raise
    except Exception as error:
        sentence = None if isinstance(error, UserError) or has_no_room(error) else _death_by_now(watch)
        if sentence:
            raise TrainingFailed(sentence) from error
        raise
    finally:
        if number:
            signal.signal(number, before)
        for thread in threads:
            thread.join(LEAVE_S)  # one that asks Ray after the disconnection would end the whole process


def _death_by_now(watch: RayWatch) -> str | None:
    """Return what has died, or None; a dying process breaks connections for a moment before it refuses new ones."""
    until = time.monotonic() + CHECK_S
    while not (sentence := watch.death()) and time.monotonic() < until:
        time.sleep(0.05)
    return sentence


def interrupt(number: int, frame: Any) -> None:
    """Interrupt the main thread, as the handler of :data:`SIGNAL`."""
    raise KeyboardInterrupt  # the only error that ray.get lets through


def living_nodes() -> list[Node]:
    """Return the machines of the cluster that are alive."""
    import ray

    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(resources.get("CPU", 0.0), resources.get("GPU", 0.0)) for resources in alive]


def _knock(address: str | tuple[str, int]) -> Literal["open", "refused", "silent"]:
    """Return what comes of connecting to the path of a Unix socket, or to a host and port."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as one:
        one.settimeout(ANSWER_S)
        try:
            one.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return "refused"
        except OSError:
            return "silent"
    return "open"
