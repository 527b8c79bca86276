"""How the functions of the merging are compiled, and where their tables lie in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numba import njit

CACHE_LINE = 64  # bytes
KERNEL = (
    "best.py",
    "clusters.py",
    "compiled.py",
    "disjoint_set.py",
    "merging.py",
    "pairs.py",
    "parts.py",
    "pieces.py",
    "ranking.py",
    "touches.py",
)


def give_one_time(files: Iterable[Path]) -> None:
    """Give all files the time of the latest change to any of them.

    Numba's cache on disk compiles a function anew when the time of its own file has changed, but not when only that of
    a function it calls has, which may be in another file. An installed copy that cannot be written to is left alone:
    there all files are new together.
    """
    with suppress(OSError):
        times = {file: file.stat().st_mtime_ns for file in files}
        latest = max(times.values())
        for file, at in times.items():
            if at < latest:
                os.utime(file, ns=(latest, latest))


give_one_time(Path(__file__).with_name(name) for name in KERNEL)

# No allocation, hence no counting of references, which would cost more than the work in the inner loops: arrays are
# made by the callers in Python. NumPy's error model divides without a check for 0. Numba's types leave _nrt out.
compiled = njit(cache=True, nogil=True, error_model="numpy", _nrt=False)  # type: ignore[call-overload]


def table(n: int, dtype: np.dtype) -> np.ndarray:
    """Return an uninitialized array of n records that begins at a cache line, so that no record straddles two."""
    buffer = np.empty(n * dtype.itemsize + CACHE_LINE, np.uint8)
    offset = -buffer.ctypes.data % CACHE_LINE
    return buffer[offset : offset + n * dtype.itemsize].view(dtype)
