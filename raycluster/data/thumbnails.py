"""Small pictures for people, made from the originals and not from what a network sees."""

from __future__ import annotations

import io
from functools import partial

import numpy as np
from PIL import Image

from raycluster.data.image.decode import as_image, decode
from raycluster.data.pipeline import Columns, map_ranges, put_rows
from raycluster.data.rows import Rows
from raycluster.data.unreadable import Unreadable

LONG_SIDE = 160
LARGEST_PNG = 64  # longer thumbnails are JPEG, which takes a tenth of the space
QUALITY = 85


def thumbnails(
    rows: Rows,
    value_range: tuple[float, float] | None = None,
    long_side: int = LONG_SIDE,
) -> list[bytes | None]:
    """Return the images of some rows, shrunk to a long side of at most so many pixels, in their own aspect and color.

    Parameters
    ----------
    rows : Rows
    value_range : (float, float), optional
        What becomes black and white in images of more than 8 bits.
    long_side : int

    Returns
    -------
    pictures : list of (bytes or None)
        PNG or JPEG files; None where an image cannot be read (any more).
    """
    pictures: list[bytes | None] = [None] * len(rows)
    held = rows if rows.are_arrays else put_rows(rows)
    work = partial(_shrink_range, value_range=value_range, long_side=long_side)
    for columns in map_ranges(work, held, rows.ranges(0, len(rows))):
        for row, picture in zip(columns["row"].tolist(), columns["picture"], strict=True):
            pictures[row] = picture or None
    return pictures


def encode_picture(pixels: np.ndarray) -> bytes:
    """Return an image, uint8 (H, W) or (H, W, 3), as a JPEG file, or as PNG where it has few pixels."""
    file = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if max(picture.size) > LARGEST_PNG:
        picture.save(file, "JPEG", quality=QUALITY)
    else:
        picture.save(file, "PNG")
    return file.getvalue()


def _shrink_range(
    rows: Rows, start: int, stop: int, value_range: tuple[float, float] | None, long_side: int
) -> Columns:
    pictures = np.full(stop - start, b"", dtype=object)
    for i, item in enumerate(rows.read(start, stop)):
        if isinstance(item, Unreadable):
            continue
        try:
            if isinstance(item, bytes):
                at_least = (long_side, long_side)
                name, frame = rows.image_name(start + i), rows.frame(start + i)
                pixels = decode(item, name=name, frame=frame, at_least=at_least, value_range=value_range)
            else:
                pixels = as_image(item, value_range)
        except Unreadable:
            continue
        picture = Image.fromarray(pixels)
        picture.thumbnail((long_side, long_side))
        pictures[i] = encode_picture(np.asarray(picture))
    return {"row": np.arange(start, stop), "picture": pictures}
