"""Ranges of rows as blocks of images on one canvas: one at a time, or many of them by Ray Data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from raycluster.data.canvas import Canvas
from raycluster.data.image.decode import as_image
from raycluster.data.image.device_jpeg import DeviceJpeg, device_jpeg
from raycluster.data.image.fit import prepare, prepare_block
from raycluster.data.image.load_image import load_image
from raycluster.data.pipeline import Columns, map_ranges
from raycluster.data.rows import Rows
from raycluster.data.unreadable import Unreadable


class Block(NamedTuple):
    """The images of a range.

    Attributes
    ----------
    images : ndarray of uint8, shape (m, C, H, W)
        Zeros where an image is unreadable, or not decoded.
    reasons : dict of int to str
        Why it is unreadable, by position in the block.
    jpegs : dict of int to DeviceJpeg
        The images that are not decoded, by position in the block.
    read_seconds, decode_seconds : float
        The time spent on reading bytes, and on turning them into pixels.
    """

    images: np.ndarray
    reasons: dict[int, str]
    jpegs: dict[int, DeviceJpeg]
    read_seconds: float
    decode_seconds: float


def read_block(rows: Rows, start: int, stop: int, canvas: Canvas, most_jpeg_bytes: int = 0) -> Block:
    """Read and prepare the images of a range within one container, as cut by :meth:`Rows.ranges`.

    Images are resized one at a time, so that only one of them is held in its original size. JPEG files of up to
    ``most_jpeg_bytes`` that a device can decode are left as they are.
    """
    began = time.perf_counter()
    items = rows.read(start, stop)
    was_read = time.perf_counter()
    reasons: dict[int, str] = {}
    jpegs: dict[int, DeviceJpeg] = {}
    images = prepare_block(items, canvas) if isinstance(items, np.ndarray) else None
    if images is None:
        images = np.zeros((stop - start, *canvas.shape), np.uint8)
        for i, item in enumerate(items):
            try:
                if isinstance(item, Unreadable):
                    raise item
                if isinstance(item, bytes):
                    name, frame = rows.image_name(start + i), rows.frame(start + i)
                    if most_jpeg_bytes and (jpeg := device_jpeg(item, most_jpeg_bytes, name, frame)):
                        jpegs[i] = jpeg
                    else:
                        images[i] = load_image(item, canvas, name, frame)
                else:
                    images[i] = prepare(as_image(item, canvas.value_range), canvas)
            except Unreadable as error:
                reasons[i] = str(error)
    return Block(images, reasons, jpegs, was_read - began, time.perf_counter() - was_read)


def read_ranges(
    rows: Any, canvas: Canvas, ranges: np.ndarray, in_order: bool = False, n_streams: int = 1
) -> Iterator[tuple[np.ndarray, np.ndarray, dict[int, str]]]:
    """Yield row numbers (int64 [m]), images (uint8 [m, C, H, W]) and reasons by row, decoded by Ray Data.

    ``rows`` is a :class:`raycluster.data.rows.Rows`, as returned by :func:`raycluster.data.pipeline.put_rows`. The
    other parameters are those of :func:`raycluster.data.pipeline.map_ranges`. An unreadable image is all zeros, and has
    a reason.
    """
    for columns in map_ranges(partial(_prepare_range, canvas=canvas), rows, ranges, in_order, n_streams):
        reasons = zip(columns["row"].tolist(), columns["reason"], strict=True)
        yield columns["row"], columns["image"], {row: reason for row, reason in reasons if reason}


def _prepare_range(rows: Rows, start: int, stop: int, canvas: Canvas) -> Columns:
    block = read_block(rows, start, stop, canvas)
    reason = np.full(stop - start, "", dtype=object)
    reason[list(block.reasons)] = list(block.reasons.values())
    return {"row": np.arange(start, stop), "image": block.images, "reason": reason}
