"""The uploading of a mirror while a command works, and at its end."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from raycluster.errors import TrainingFailed, UserError, has_no_room
from raycluster.remote.folder import RemoteFolder
from raycluster.remote.lock import RemoteLock
from raycluster.remote.mirror import Mirror
from raycluster.runtime.console import Console

EVERY_S = 5.0
PATIENCE_S = 300.0  # at the end, where the network is away

T = TypeVar("T")


class Uploader:
    """Uploads what has changed, and says once that it cannot, and once that it can again.

    Parameters
    ----------
    mirror : Mirror
    lock : RemoteLock
    console : Console
    """

    def __init__(self, mirror: Mirror[RemoteFolder], lock: RemoteLock, console: Console) -> None:
        self._mirror, self._lock, self._console = mirror, lock, console
        self._shown = mirror.remote.shown
        self._left, self._one_at_a_time = threading.Event(), threading.Lock()
        self._is_away = False
        self._patience = PATIENCE_S

    @contextlib.contextmanager
    def beside(self) -> Iterator[None]:
        """Upload every few seconds, in a thread, until this ends."""
        thread = threading.Thread(target=self._work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._left.set()
            thread.join()

    def finish(self, at_once: bool = False) -> None:
        """Upload everything.

        Parameters
        ----------
        at_once : bool
            Try it only once, as where the user wants to stop.

        Raises
        ------
        UserError
            If another job works in the folder by now.
        TrainingFailed
            If it is not possible, for minutes.
        """
        if self._mirror.has_changed:
            self._console.progress(f"uploading to {self._shown}")
        try:
            persevere(self._upload, 0.0 if at_once else self._patience)
        except OSError as error:
            if has_no_room(error):  # on this machine
                raise
            self._patience = 0.0
            raise TrainingFailed(
                f"Not everything could be uploaded to {self._shown} ({self._mirror.remote.reason(error)}). It is in "
                f"{self._mirror.local.parent}: run the same command again on this machine to upload it."
            ) from None

    def _work(self) -> None:
        while not self._left.wait(EVERY_S):
            try:
                self._upload(lambda: not self._left.is_set())
            except OSError:
                continue  # it has been said
            except UserError:
                return  # the lock is lost, and ends the command

    def _upload(self, goes_on: Callable[[], bool] = lambda: True) -> None:
        """Upload what has changed."""
        try:
            with self._one_at_a_time:
                self._lock.check()
                while not self._mirror.upload(lambda: goes_on() and not self._lock.is_lost) and goes_on():
                    self._lock.check()  # files have changed meanwhile
        except OSError as error:
            if not self._is_away and not has_no_room(error):
                reason = self._mirror.remote.reason(error)
                self._console.warn(
                    f"{self._shown} is out of reach ({reason}). The work goes on, and is uploaded later."
                )
            self._is_away = not has_no_room(error)
            raise
        if self._is_away:
            self._console.say(f"{self._shown} is in reach again.")
        self._is_away = False


def persevere(attempt: Callable[[], T], patience: float) -> T:
    """Do something that may raise OSError, again and again for so many seconds; then the last error stands.

    A disk without room is no reason to try again.
    """
    until = time.monotonic() + patience
    while True:
        try:
            return attempt()
        except OSError as error:
            if has_no_room(error) or time.monotonic() >= until:
                raise
        time.sleep(EVERY_S)
