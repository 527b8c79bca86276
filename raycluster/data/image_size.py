"""One size for all images: chosen from the sizes of the images, or as the user or the method wants it."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from raycluster.errors import UserError

LONGEST_SIDE = 64
SHORTEST_SIDE = 8

ImageSize = int | tuple[int, int] | Literal["original"]


def choose_shape(
    sizes: np.ndarray, image_size: ImageSize | None, color: str, square_sizes: tuple[int, ...] | None = None
) -> tuple[tuple[int, int, int], list[str]]:
    """Choose one size for all images, and whether they are in color, by the rules of ``open_images``.

    Parameters
    ----------
    sizes : ndarray of int, shape (n, 3)
        Height, width and channels of every image.
    image_size, color, square_sizes
        As in :func:`raycluster.data.images.open_images`.

    Returns
    -------
    shape : tuple of int
        Channels, height and width.
    notes : list of str
        What was chosen, where there was a choice.
    """
    notes = []
    n_color = int((sizes[:, 2] == 3).sum())
    channels = {"gray": 1, "rgb": 3}.get(color, 3 if n_color else 1)
    if color == "keep" and 0 < n_color < len(sizes):
        notes.append(f"{n_color} of {len(sizes)} images are in color, so all are treated as color images.")
    low, high = sizes[:, :2].min(axis=0), sizes[:, :2].max(axis=0)
    height, width = (int(side) for side in low)
    differ = (low != high).any()
    if isinstance(image_size, int):
        height = width = image_size
    elif isinstance(image_size, tuple):
        height, width = image_size
    elif differ:
        height, width = (max(SHORTEST_SIDE, int(side)) for side in np.rint(np.median(sizes[:, :2], axis=0)))
    if differ:
        spread = f"from {low[0]} to {high[0]} pixels high and from {low[1]} to {high[1]} wide"
        rule = "the median" if image_size in (None, "original") else "the requested size"
        notes.append(f"The images are {spread}: all are resized to {rule}, {height} x {width}.")
    if square_sizes:
        if image_size is None:
            side = choose_square(height, width, square_sizes)
            if (height, width) != (side, side):
                notes.append(f"The network takes {side} x {side} images, so all are resized from {height} x {width}.")
            height = width = side
        check_square((height, width), square_sizes)
        return (channels, height, width), notes
    divisor = -(-max(height, width) // LONGEST_SIDE)
    if image_size is None and divisor > 1:
        small = tuple(max(SHORTEST_SIDE, side // divisor) for side in (height, width))
        notes.append(
            f"The images are shrunk from {height} x {width} to {small[0]} x {small[1]}, because training is fast with "
            f"sides of up to {LONGEST_SIDE} pixels: for another size, set the image size, or 'original'."
        )
        height, width = small
    return (channels, height, width), notes


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
