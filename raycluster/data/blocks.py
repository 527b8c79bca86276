"""Ranges of rows as blocks of images of one size: one at a time, or many of them by Ray Data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from raycluster.data.canvas import Canvas
from raycluster.data.decode import Unreadable
from raycluster.data.fit import prepare, prepare_block
from raycluster.data.pipeline import Columns, map_ranges
from raycluster.data.rows import Rows, decode_each
from raycluster.data.sources import printable
from raycluster.errors import UserError


class Block(NamedTuple):
    """The images of a range.

    Attributes
    ----------
    images : ndarray of uint8, shape (m, C, H, W)
        Zeros where an image is unreadable.
    reasons : dict of int to str
        Why it is unreadable, by position in the block.
    read_seconds, decode_seconds : float
        The time spent on reading bytes, and on turning them into pixels.
    """

    images: np.ndarray
    reasons: dict[int, str]
    read_seconds: float
    decode_seconds: float


def read_block(rows: Rows, start: int, stop: int, shape: tuple[int, int, int]) -> Block:
    """Read and prepare the images of a range within one container, as cut by :meth:`Rows.ranges`.

    Images are resized one at a time, so that only one of them is held in its original size.
    """
    began = time.perf_counter()
    items = rows.read(start, stop)
    was_read = time.perf_counter()
    reasons: dict[int, str] = {}
    canvas = Canvas(*shape)
    images = prepare_block(items, canvas) if isinstance(items, np.ndarray) else None
    if images is None:
        images = np.zeros((stop - start, *shape), np.uint8)
        for i in range(stop - start):
            (pixels,) = decode_each(items[i : i + 1])
            if isinstance(pixels, Unreadable):
                reasons[i] = str(pixels)
            else:
                images[i] = prepare(pixels, canvas)
    return Block(images, reasons, was_read - began, time.perf_counter() - was_read)


def read_ranges(
    rows: Any, shape: tuple[int, int, int], ranges: np.ndarray, in_order: bool = False, n_streams: int = 1
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield row numbers (int64 [m]) and images (uint8 [m, C, H, W]), range by range, decoded by Ray Data.

    ``rows`` is a :class:`raycluster.data.rows.Rows`, as returned by :func:`raycluster.data.pipeline.put_rows`. The
    other parameters are those of :func:`raycluster.data.pipeline.map_ranges`.

    Raises
    ------
    UserError
        If an image can no longer be read.
    """
    for columns in map_ranges(partial(_prepare_range, shape=shape), rows, ranges, in_order, n_streams):
        failed = [text for text in columns["failed"] if text]
        if failed:
            raise UserError(
                f"{len(failed)} images that were readable when the job began no longer are ({failed[0]}): "
                "do not change the data while the job runs, and run the same command again."
            )
        yield columns["row"], columns["image"]


def _prepare_range(rows: Rows, start: int, stop: int, shape: tuple[int, int, int]) -> Columns:
    block = read_block(rows, start, stop, shape)
    failed = np.full(stop - start, "", dtype=object)
    for i, reason in block.reasons.items():
        failed[i] = f"{printable(rows.name(rows.file[start + i]))}: {reason}"
    return {"row": np.arange(start, stop), "image": block.images, "failed": failed}
