"""What Ray prints on its own, kept off the terminal. Its log files have all of it."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import logging
import os
from collections.abc import Iterator

from raycluster.runtime.replaced import replaced


@contextlib.contextmanager
def quiet_core() -> Iterator[None]:
    """Connect to Ray inside of this, and its C++ core writes to its log file only.

    The core writes errors, such as ``core_worker.cc: ... constructor arguments in the object store``, to its log file,
    and always to C's ``stderr`` too. It looks that variable up while it connects; in the meantime it points to a stream
    that leads nowhere. Python's standard error is another object, and works as ever.
    """
    stderr, nowhere = _c_streams()
    with replaced(stderr, "value", nowhere):
        yield


@contextlib.contextmanager
def quiet_raylets() -> Iterator[None]:
    """Keep a thread of Ray from printing what raylets report, such as the end of the log of one that has died."""
    import ray._private.worker

    with replaced(ray._private.worker, "_worker_logs_enabled", False):
        yield


def quiet_threads() -> None:
    """Keep Ray's threads from logging that the cluster has gone from under them, as when a job is interrupted."""
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@functools.cache
def _c_streams() -> tuple[ctypes.c_void_p, int | None]:
    """Return C's variable ``stderr``, and a stream to the null device, which stays open because Ray keeps it."""
    try:
        library = ctypes.CDLL(None)
        library.fopen.restype = ctypes.c_void_p
        return ctypes.c_void_p.in_dll(library, "stderr"), library.fopen(os.devnull.encode(), b"w")
    except (AttributeError, OSError, TypeError, ValueError):  # a system that names it otherwise: Ray prints there
        return ctypes.c_void_p(), None
