"""Pixels that are not 8-bit numbers: their values as they are stored, and brought to 0..255."""

from __future__ import annotations

import numpy as np
from PIL import Image

from raycluster.data.unreadable import Unreadable

HIGHEST_16_BIT = 65535
PHOTOMETRIC = 262
WHITE_IS_ZERO = 0


def depth(mode: str) -> int:
    """Return the bits per channel with which Pillow holds an image of this mode."""
    return 16 if mode.startswith("I;16") else 32 if mode in ("I", "F") else 8


def depth_of_array(dtype: np.dtype) -> int:
    """Return the bits per channel of an array of pixels: 8 if :func:`scale_to_uint8` needs no range for it."""
    return 8 if dtype in (np.uint8, np.bool_) else max(16, 8 * dtype.itemsize)


def stored_values(image: Image.Image) -> np.ndarray | None:
    """Return the values of an image of more than 8 bits, the larger the brighter; None if it has 8 bits.

    Pillow turns 8-bit TIFF files in which 0 is white, but not those of 16 bits and of floating-point numbers: their
    values are subtracted from 65535 and 1.

    Returns
    -------
    values : ndarray of uint16, int32 or float32, shape (H, W), or None
    """
    if depth(image.mode) == 8:
        return None
    values = np.asarray(image)
    if getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO:
        values = (HIGHEST_16_BIT if values.dtype.kind == "u" else 1) - values
    return values


def to_uint8(values: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Map numbers linearly so that ``value_range`` becomes 0..255: rounded, and what is outside becomes 0 or 255.

    NaN, which marks missing pixels, becomes 0.
    """
    low, high = value_range
    with np.errstate(over="ignore"):
        scaled = (values.astype(np.float64) - low) * 255 / (high - low)
    return np.rint(np.clip(np.nan_to_num(scaled, nan=0), 0, 255)).astype(np.uint8)


def scale_16_bit(values: np.ndarray, value_range: tuple[float, float] | None = None) -> np.ndarray:
    """Return the integers of an encoded image as uint8: 0..65535 is scaled, unless another range is given.

    Raises
    ------
    Unreadable
        If the values have another range and none is given.
    """
    if value_range is not None:
        return to_uint8(values, value_range)
    low, high = values.min(), values.max()
    if low < 0 or high > HIGHEST_16_BIT:
        raise Unreadable(
            f"32-bit integer pixels have no known white point, these range from {low} to {high}: set --value-range"
        )
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def scale_to_uint8(values: np.ndarray, value_range: tuple[float, float] | None = None) -> np.ndarray:
    """Return numbers as uint8: integers in 0..255 unchanged, floats in [0, 1] scaled, booleans as 0 or 255.

    With a range, numbers other than uint8 are mapped from that one, as by :func:`to_uint8`.

    Raises
    ------
    Unreadable
        If the values have another type or range, or are not numbers at all.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind not in "iuf":
        raise Unreadable(f"its pixels are {values.dtype}, not numbers")
    if value_range is not None:
        return to_uint8(values, value_range)
    low, high = (values.min(), values.max()) if values.size else (0, 0)
    if values.dtype.kind == "f":
        if not (low >= 0 and high <= 1):
            raise Unreadable(
                f"floating-point pixels must be in [0, 1], these range from {low:g} to {high:g}: set --value-range"
            )
        return np.rint(values * 255).astype(np.uint8)
    if not (low >= 0 and high <= 255):
        raise Unreadable(f"integer pixels must be in 0..255, these range from {low} to {high}: set --value-range")
    return values.astype(np.uint8)
