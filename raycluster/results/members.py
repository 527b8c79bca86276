"""Images that are no files of their own, such as members of a tar file, as the files that they can be written as."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

from raycluster.data.containers.parquet import Item
from raycluster.data.files.kinds import KINDS
from raycluster.data.image.decode import as_image, decode
from raycluster.data.image.formats import HEAD_BYTES, IMAGE_SUFFIXES, SUFFIXES, sniff
from raycluster.data.rows import Rows
from raycluster.data.unreadable import Unreadable


class Member(NamedTuple):
    """A row, and the content of a file of its image, with the suffix of its format; or why there is none."""

    row: int
    content: bytes
    suffix: str
    problem: str = ""


def local_files(rows: Rows) -> np.ndarray:
    """Return which rows are files of their own on this machine, bool [n]: neither in a container nor one of pages."""
    return _are_image_files(rows) & (_images_per_file(rows) == 1) & (rows.location.filesystem is None)


def has_suffix(path: str) -> bool:
    """Return whether a path ends as those of images do."""
    return os.path.splitext(path)[1].lower() in IMAGE_SUFFIXES


def read_members(rows: Rows, which: np.ndarray, value_range: tuple[float, float] | None) -> Iterator[Member]:
    """Read rows as the files that they can be written as.

    Encoded images stay as they are. Pixels of arrays, and pages of files that have several, become PNG; those of more
    than 8 bits are scaled to 8 as for the network.

    Parameters
    ----------
    rows : Rows
    which : ndarray of int64, shape (m,)
        Ascending.
    value_range : (float, float), optional
        What becomes black and white in images of more than 8 bits.
    """
    chosen, is_page = rows.select(which), (_are_image_files(rows) & (_images_per_file(rows) > 1))[which]
    for start, stop in chosen.ranges(0, len(which)).tolist() if len(which) else []:
        for i, item in enumerate(chosen.read(start, stop), start):
            try:
                content, suffix = _as_file(chosen, i, item, bool(is_page[i]), value_range)
            except Unreadable as error:
                yield Member(int(which[i]), b"", "", str(error))
            else:
                yield Member(int(which[i]), content, suffix)


def _are_image_files(rows: Rows) -> np.ndarray:
    is_image_file: np.ndarray = (rows.kinds == KINDS.index("images"))[rows.file]
    return is_image_file


def _images_per_file(rows: Rows) -> np.ndarray:
    n_images: np.ndarray = np.bincount(rows.file, minlength=len(rows.kinds))[rows.file]
    return n_images


def _as_file(
    rows: Rows, i: int, item: Item | np.ndarray, is_page: bool, value_range: tuple[float, float] | None
) -> tuple[bytes, str]:
    if isinstance(item, Unreadable):
        raise item
    if isinstance(item, np.ndarray):
        return _as_png(as_image(item, value_range)), ".png"
    if is_page:
        return _as_png(decode(item, name=rows.image_name(i), frame=rows.frame(i), value_range=value_range)), ".png"
    return item, SUFFIXES.get(sniff(item[:HEAD_BYTES]) or "", ("",))[0]


def _as_png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG")
    return file.getvalue()
