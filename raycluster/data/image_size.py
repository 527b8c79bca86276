"""Sizes of images for methods whose networks take squares of a few sizes only."""

from __future__ import annotations

from typing import Any

from raycluster.errors import UserError


def choose_square(height: int, width: int, square_sizes: tuple[int, ...]) -> int:
    """Return the smallest side that loses no pixels of images of this size, or else the largest."""
    return next((side for side in sorted(square_sizes) if side >= max(height, width)), max(square_sizes))


def check_square(image_size: Any, square_sizes: tuple[int, ...]) -> None:
    """Refuse an image size, one number or height and width, that is no square of these sizes.

    Raises
    ------
    UserError
    """
    size = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    if size[0] != size[1] or size[0] not in square_sizes:
        wanted = f"{', '.join(map(str, square_sizes[:-1]))} or {square_sizes[-1]}"
        raise UserError(
            f"--image-size {' x '.join(map(str, size))}: the network of this method takes squares of {wanted} pixels; "
            "choose one of these, or leave it out to have one chosen."
        )
