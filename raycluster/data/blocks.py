"""A range of rows, read and brought to one size and colour; what cannot be read gets a reason."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from raycluster.data.decode import Unreadable, prepare, prepare_block
from raycluster.data.rows import Rows, decode_each


class Block(NamedTuple):
    """The images of a range.

    Attributes
    ----------
    images : ndarray of uint8, shape (m, C, H, W)
        Zeros where an image cannot be read.
    reasons : dict of int to str
        Why not, by position in the block.
    read_seconds, decode_seconds : float
        What the bytes took, and what making pixels of them took.
    """

    images: np.ndarray
    reasons: dict[int, str]
    read_seconds: float
    decode_seconds: float


def read_block(rows: Rows, start: int, stop: int, shape: tuple[int, int, int]) -> Block:
    """Read and prepare the images of a range within one container, as :meth:`Rows.ranges` cuts it.

    Only one image at a time is held as it was before it is resized.
    """
    began = time.perf_counter()
    items = rows.read(start, stop)
    was_read = time.perf_counter()
    reasons: dict[int, str] = {}
    images = prepare_block(items, shape) if isinstance(items, np.ndarray) else None
    if images is None:
        images = np.zeros((stop - start, *shape), np.uint8)
        for i in range(stop - start):
            (pixels,) = decode_each(items[i : i + 1])
            if isinstance(pixels, Unreadable):
                reasons[i] = str(pixels)
            else:
                images[i] = prepare(pixels, shape)
    return Block(images, reasons, was_read - began, time.perf_counter() - was_read)
