"""Sizes of images for methods whose networks take squares of a few sides only."""

from __future__ import annotations

from typing import Any

from raycluster.errors import UserError


def choose_square(height: int, width: int, sides: tuple[int, ...]) -> int:
    """Return the smallest side that loses no pixels of images of this size, or else the largest."""
    return next((side for side in sorted(sides) if side >= max(height, width)), max(sides))


def check_square(image_size: Any, sides: tuple[int, ...]) -> None:
    """Refuse an image size, one number or height and width, that is no square of these sides.

    Raises
    ------
    UserError
    """
    size = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    if size[0] != size[1] or size[0] not in sides:
        wanted = f"{', '.join(map(str, sides[:-1]))} or {sides[-1]}"
        raise UserError(
            f"--image-size {' x '.join(map(str, size))}: the network of this method takes squares of {wanted} pixels; "
            "choose one of these, or leave it out to have one chosen."
        )
