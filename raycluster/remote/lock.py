"""The lock of a folder behind a URI: a file there that names the job that works in it, and is renewed all the time."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from raycluster.errors import UserError
from raycluster.remote.folder import RemoteFolder
from raycluster.runtime.console import Console
from raycluster.runtime.ray_watch import SIGNAL, interrupt
from raycluster.runtime.run_dir import LOCK

RENEW_S = 15.0
STALE_S = 90.0  # without being renewed: the job is dead, or cannot reach the storage
LOOK_S = 1.0


class RemoteLock:
    """The lock, which object stores do not have: jobs that start in the same moment may both get it.

    The one that did not write last ends when it looks again.

    Parameters
    ----------
    remote : RemoteFolder
    """

    def __init__(self, remote: RemoteFolder) -> None:
        self._remote = remote
        self._mine: dict[str, Any] = {}
        self._other: dict[str, Any] = {}
        self._leaving = threading.Lock()
        self._left = threading.Event()

    @property
    def is_lost(self) -> bool:
        """Whether another job has taken it."""
        return bool(self._other)

    def wait(self, now: int, console: Console) -> str | None:
        """Wait until no other job works in the folder, and return the name of the copy that was last worked on.

        A job on this machine is dead if its process is gone; another one, if it has not renewed its lock for so long.

        Parameters
        ----------
        now : int
            By the clock of the storage, in nanoseconds.
        console : Console

        Raises
        ------
        UserError
            If another job is alive.
        """
        began, first = time.monotonic(), self._read()
        owner, age = first, 0.0
        if owner and not _is_dead(owner):
            age = (now - self._remote.modified(LOCK)) / 1e9
        while owner and not _is_dead(owner) and (waited := age + time.monotonic() - began) < STALE_S:
            if owner != first:
                raise self._error(owner)
            left = f"{STALE_S - waited:.0f} s"
            console.progress("waiting for another job", f"a job on {owner['machine']} may be dead: waiting for {left}")
            time.sleep(LOOK_S)
            owner = self._read()
        return owner.get("copy")

    @contextlib.contextmanager
    def held(self, copy: str) -> Iterator[None]:
        """Hold the lock, and renew it. If another job takes it nevertheless, the main thread is interrupted.

        Parameters
        ----------
        copy : str
            The name of the copy that is worked on.

        Raises
        ------
        UserError
            If another job has taken the lock.
        """
        self._mine = {"copy": copy, "machine": platform.node(), "space": _space(), "pid": os.getpid(), "renewed": 0}
        self._write()
        number = SIGNAL if threading.current_thread() is threading.main_thread() else None
        before = signal.signal(number, interrupt) if number else None
        thread = threading.Thread(target=self._renew, args=(number,), daemon=True)
        thread.start()
        try:
            try:
                yield
            finally:
                with self._leaving:
                    self._left.set()
        except KeyboardInterrupt:
            if self.is_lost:
                raise self._error(self._other) from None
            raise
        finally:
            if number:
                signal.signal(number, before)
            thread.join()

    def check(self) -> None:
        """Look whether the lock is still held.

        Raises
        ------
        UserError
            If another job has taken it.
        """
        found = self._read()
        if found and found["copy"] != self._mine["copy"]:
            self._other = self._other or found
        if self.is_lost:
            raise self._error(self._other)

    def release(self) -> None:
        """Remove the lock, unless another job has taken it."""
        if not self.is_lost:
            self._remote.remove(LOCK)

    def _renew(self, number: int | None) -> None:
        while not self._left.wait(RENEW_S):
            try:
                self.check()
                self._mine["renewed"] += 1
                self._write()
            except UserError:
                with self._leaving:
                    if number and not self._left.is_set():
                        signal.pthread_kill(threading.main_thread().ident or 0, number)
                return
            except OSError:
                continue  # the uploading says so

    def _read(self) -> dict[str, Any]:
        """Return what is in the lock, or nothing."""
        found: Any = None
        with contextlib.suppress(ValueError):  # half of it, where files do not appear all at once
            found = json.loads(self._remote.read(LOCK) or b"{}")
        return found if isinstance(found, dict) and {"copy", "machine", "pid"} <= found.keys() else {}

    def _write(self) -> None:
        self._remote.write(LOCK, json.dumps(self._mine).encode())

    def _error(self, owner: dict[str, Any]) -> UserError:
        return UserError(
            f"Another job (process {owner['pid']} on {owner['machine']}) is working in {self._remote.shown}: wait for "
            "it, or choose another --out."
        )


def _is_dead(owner: dict[str, Any]) -> bool:
    """Return whether a job was on this machine, and its process is gone."""
    if (owner["machine"], owner.get("space")) != (platform.node(), _space()):
        return False
    if owner["pid"] == os.getpid():
        return True
    if os.name == "nt":  # there, the signal below would be Ctrl-C
        return False
    try:
        os.kill(owner["pid"], 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _space() -> str | None:
    """Return the name of the space that the numbers of processes belong to: a container, since a start of its machine.

    Machines may have the same name.
    """
    with contextlib.suppress(OSError):
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    return None
