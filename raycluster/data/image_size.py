"""One size for all images: chosen from the sizes of the images, or as the user or the method wants it."""

from __future__ import annotations

from typing import Any

import numpy as np

from raycluster.data.canvas import Canvas, Fit, ImageSize
from raycluster.data.image.fit import has_aspect_of
from raycluster.errors import UserError

LONGEST_SIDE = 64
SHORTEST_SIDE = 8


def choose_canvas(
    sizes: np.ndarray, image_size: ImageSize | None, color: str, square_sizes: tuple[int, ...] | None, fit: Fit
) -> tuple[Canvas, list[str]]:
    """Choose one size for all images, and whether they are in color, by the rules of ``open_images``.

    Parameters
    ----------
    sizes : ndarray of int, shape (n, 3)
        Height, width and channels of every image.
    image_size, color, square_sizes
        As in :func:`raycluster.data.images.open_images`.
    fit : {"pad", "crop"}
        As in :class:`raycluster.data.canvas.Canvas`.

    Returns
    -------
    canvas : Canvas
        Without a range of values.
    notes : list of str
        What was chosen, where there was a choice.

    Raises
    ------
    UserError
        If the size is none of ``square_sizes``.
    """
    n_color = int((sizes[:, 2] == 3).sum())
    channels = {"gray": 1, "rgb": 3}.get(color, 3 if n_color else 1)
    notes = []
    if color == "keep" and 0 < n_color < len(sizes):
        notes.append(f"{n_color} of {len(sizes)} images are in color, so all are treated as color images.")
    height, width, chosen = _choose_size(sizes[:, :2], image_size, square_sizes)
    canvas = Canvas(channels, height, width, fit)
    heights, widths = sizes[:, :2].T.astype(np.int64)
    n_other = int((~has_aspect_of(canvas, heights, widths)).sum())
    if n_other:
        what = {"pad": "padded with the color of their border", "crop": "cropped to their central part"}[fit]
        chosen.append(
            f"{n_other} of {len(sizes)} images have another aspect ratio than {height} x {width}: they are {what}."
        )
    return canvas, notes + chosen


def _choose_size(
    sizes: np.ndarray, image_size: ImageSize | None, square_sizes: tuple[int, ...] | None
) -> tuple[int, int, list[str]]:
    notes = []
    if isinstance(image_size, int):
        height = width = image_size
    elif isinstance(image_size, tuple):
        height, width = image_size
    else:
        height, width = _typical_size(sizes)
    low, high = sizes.min(axis=0), sizes.max(axis=0)
    if (low != high).any():
        spread = f"from {low[0]} to {high[0]} pixels high and from {low[1]} to {high[1]} wide"
        typical = image_size in (None, "original")
        rule = "with the median long side and aspect ratio" if typical else "the requested size"
        notes.append(f"The images are {spread}: all are fitted to {height} x {width}, {rule}.")
    if square_sizes:
        if image_size is None:
            side = choose_square(height, width, square_sizes)
            if (height, width) != (side, side):
                notes.append(f"The network takes {side} x {side} images, so all are resized from {height} x {width}.")
            height = width = side
        check_square((height, width), square_sizes)
        return height, width, notes
    divisor = -(-max(height, width) // LONGEST_SIDE)
    if image_size is None and divisor > 1:
        small = tuple(max(SHORTEST_SIDE, side // divisor) for side in (height, width))
        notes.append(
            f"The images are shrunk from {height} x {width} to {small[0]} x {small[1]}, because training is fast with "
            f"sides of up to {LONGEST_SIDE} pixels: for another size, set the image size, or 'original'."
        )
        height, width = small
    return height, width, notes


def _typical_size(sizes: np.ndarray) -> tuple[int, int]:
    """Return the height and width of the images, or those of the median long side and aspect ratio if they differ."""
    if (sizes == sizes[0]).all():
        return int(sizes[0, 0]), int(sizes[0, 1])
    aspect = float(np.exp(np.median(np.log(sizes[:, 1] / sizes[:, 0]))))
    long_side = float(np.median(sizes.max(axis=1)))
    height, width = (long_side / max(1.0, aspect), long_side * min(1.0, aspect))
    return max(SHORTEST_SIDE, round(height)), max(SHORTEST_SIDE, round(width))


def choose_square(height: int, width: int, square_sizes: tuple[int, ...]) -> int:
    """Return the smallest side that loses no pixels of images of this size, or the largest one if they all do."""
    return next((side for side in sorted(square_sizes) if side >= max(height, width)), max(square_sizes))


def check_square(image_size: Any, square_sizes: tuple[int, ...]) -> None:
    """Refuse an image size, one number or height and width, that is not a square of one of these sizes.

    Raises
    ------
    UserError
    """
    size = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    if size[0] != size[1] or size[0] not in square_sizes:
        wanted = f"{', '.join(map(str, square_sizes[:-1]))} or {square_sizes[-1]}"
        raise UserError(
            f"--image-size {' x '.join(map(str, size))}: the network of this method takes squares of {wanted} pixels; "
            "choose one of these, or omit it to have one chosen."
        )
