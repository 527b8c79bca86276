"""Work in a thread of its own, while the main thread shows progress and hears signals."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

TICK_S = 0.3

T = TypeVar("T")


def load_beside(*libraries: str) -> None:
    """Import libraries in a thread; whoever needs one meanwhile waits until it is there.

    They must not be parts of one another, nor of what the calling thread imports at the same time: threads that need
    each other's half-loaded modules fail.
    """

    def load() -> None:
        for library in libraries:
            with contextlib.suppress(Exception):  # told where it is needed
                importlib.import_module(library)

    threading.Thread(target=load, daemon=True).start()


def run_beside(work: Callable[[], T], meanwhile: Callable[[], None]) -> T:
    """Do the work in a thread, and return its result.

    Python handles signals between two steps of the main thread. Compiled code that runs there for minutes would hold
    Ctrl-C and SIGTERM up until it returns; here they interrupt the waiting.

    Parameters
    ----------
    work : callable
        Runs in a thread that does not keep the process alive.
    meanwhile : callable
        Called in the calling thread again and again until the work is done. What it raises ends the waiting.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    while not wait([done], timeout=TICK_S).done:
        meanwhile()
    return done.result()
