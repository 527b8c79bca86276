"""Work in a thread, so that signals still arrive in the main one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


def run_in_thread(work: Callable[[], Any]) -> Future[Any]:
    """Begin the work in a thread that does not outlive the process, and return what will hold its result."""
    done: Future[Any] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return done
