"""The headers of all images, before any is decoded: size, color, depth and frames; and the range that deep ones use."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import numpy as np

from raycluster.data.containers.arrays import size_of
from raycluster.data.image.header import read_header
from raycluster.data.image.pixel_values import depth_of_array
from raycluster.data.image.value_range import extremes, natural_range, raw_extremes
from raycluster.data.pipeline import Columns, Progress, map_ranges, put_rows
from raycluster.data.row_index import RowIndex
from raycluster.data.rows import Rows
from raycluster.data.unreadable import Unreadable

MOST_SAMPLED = 1000  # images of more than 8 bits that are decoded to find the range of all of them


class Headers(NamedTuple):
    """What the headers of n images say; zeros where an image is unreadable.

    Attributes
    ----------
    sizes : ndarray of int32, shape (n, 3)
        Height, width and channels (1 or 3).
    depths : ndarray of int32, shape (n,)
        Bits per channel.
    frames : ndarray of int32, shape (n,)
        The number of frames or pages.
    """

    sizes: np.ndarray
    depths: np.ndarray
    frames: np.ndarray


def survey_headers(index: RowIndex, progress: Progress | None = None) -> tuple[Headers, dict[int, str]]:
    """Read the headers of all images of a source, on Ray where one is connected.

    Parameters
    ----------
    index : RowIndex
    progress : callable, optional
        Called with the number of headers read so far, while others are left.

    Returns
    -------
    headers : Headers
    reasons : dict of int to str
        Why an image is unreadable, by row; without those that the index rejects.
    """
    n = len(index.rows)
    headers = Headers(index.sizes.copy(), index.depths.copy(), np.ones(n, np.int32))
    others = np.setdiff1d(np.flatnonzero((index.sizes == 0).all(axis=1)), list(index.reasons))
    found, reasons = read_headers(index.rows.select(others), progress=progress)
    for values, of_others in zip(headers, found, strict=True):
        values[others] = of_others
    return headers, {int(others[row]): reason for row, reason in reasons.items()}


def read_headers(rows: Rows, on_ray: bool = True, progress: Progress | None = None) -> tuple[Headers, dict[int, str]]:
    """Read the headers of rows that are encoded images; return them, and by row why one is unreadable.

    It is done on Ray where one is connected, or in this process if asked for.
    """
    n = len(rows)
    headers = Headers(np.zeros((n, 3), np.int32), np.full(n, 8, np.int32), np.ones(n, np.int32))
    reasons: dict[int, str] = {}
    done = 0
    for columns in map_ranges(_headers_of_range, put_rows(rows) if on_ray else rows, rows.ranges(0, n)):
        for name, values in zip(Headers._fields, headers, strict=True):
            values[columns["row"]] = columns[name]
        found = zip(columns["row"].tolist(), columns["reason"], strict=True)
        reasons |= {row: reason for row, reason in found if reason}
        done += len(columns["row"])
        if progress and done < n:
            progress(done)
    return headers, reasons


def sample_value_range(rows: Rows) -> tuple[float, float] | None:
    """Return what becomes black and white in images of more than 8 bits, from up to 1,000 rows; None without any."""
    sample = _evenly_spaced(rows)
    is_elsewhere = sample.location.filesystem is not None  # here, this takes a moment, and tasks of Ray take seconds
    headers, _ = read_headers(sample, on_ray=is_elsewhere)
    deep = np.flatnonzero(headers.depths > 8)
    return find_value_range(sample.select(deep)) if len(deep) else None


def find_value_range(rows: Rows) -> tuple[float, float] | None:
    """Return what becomes black and white in images of more than 8 bits, from all rows, or from 1,000 of very many.

    None if none of them can be decoded.
    """
    sample = _evenly_spaced(rows)
    low, high, is_float = np.inf, -np.inf, False
    for columns in map_ranges(_extremes_of_range, put_rows(sample), sample.ranges(0, len(sample))):
        low, high = min(low, columns["low"].min(initial=np.inf)), max(high, columns["high"].max(initial=-np.inf))
        is_float |= bool(columns["is_float"].any())
    return natural_range(low, high, is_float) if low <= high else None


def _evenly_spaced(rows: Rows) -> Rows:
    return rows.select(np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_SAMPLED)).astype(np.int64)))


def _headers_of_range(rows: Rows, start: int, stop: int) -> Columns:
    columns: Columns = {"row": np.arange(start, stop), "reason": np.full(stop - start, "", dtype=object)}
    columns |= {"sizes": np.zeros((stop - start, 3), np.int32), "depths": np.full(stop - start, 8, np.int32)}
    columns["frames"] = np.ones(stop - start, np.int32)
    for i, item in enumerate(rows.open_each(start, stop)):
        try:
            if isinstance(item, Unreadable):
                raise item
            if isinstance(item, np.ndarray):
                columns["sizes"][i], columns["depths"][i] = size_of(item), depth_of_array(item.dtype)
                continue
            with item:
                header = read_header(item, rows.image_name(start + i))
            columns["sizes"][i] = header.height, header.width, header.channels
            columns["depths"][i], columns["frames"][i] = header.depth, header.frames
        except Unreadable as error:
            columns["reason"][i] = str(error)
    return columns


def _extremes_of_range(rows: Rows, start: int, stop: int) -> Columns:
    known = []
    for i, item in enumerate(rows.read(start, stop)):
        if isinstance(item, bytes):
            with contextlib.suppress(Unreadable):  # it is rejected when it is decoded
                known.append(raw_extremes(item, rows.image_name(start + i), rows.frame(start + i)))
        elif isinstance(item, np.ndarray):
            known.append(extremes(item))
    known = [one for one in known if one is not None]
    low, high, is_float = zip(*known, strict=True) if known else ((), (), ())
    return {"low": np.array(low), "high": np.array(high), "is_float": np.array(is_float, bool)}
