"""Tables of records that are laid out for the processor's cache."""

from __future__ import annotations

import numpy as np

CACHE_LINE = 64  # bytes


def aligned_records(n: int, dtype: np.dtype) -> np.ndarray:
    """Return an uninitialized array of n records that begins at a cache line, so that no record straddles two.

    That holds for records whose size divides a cache line, or is a multiple of it.
    """
    buffer = np.empty(n * dtype.itemsize + CACHE_LINE, np.uint8)
    offset = -buffer.ctypes.data % CACHE_LINE
    return buffer[offset : offset + n * dtype.itemsize].view(dtype)
