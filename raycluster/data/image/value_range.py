"""The range that the values of a set of images use, which is mapped to black and white."""

from __future__ import annotations

import io

import numpy as np

from raycluster.data.image.open_image import open_image
from raycluster.data.image.pixel_values import stored_values

SET_RANGE = " (--value-range LOW HIGH sets others)"
BIT_DEPTHS = (8, 10, 12, 14, 16)


def raw_extremes(data: bytes, name: str = "", frame: int = 0) -> tuple[float, float, bool] | None:
    """Return the smallest and the largest value of an encoded image of more than 8 bits.

    Values are counted as :func:`raycluster.data.image.decode.decode` counts them, the larger the brighter; NaN and
    infinity do not count.

    Parameters
    ----------
    data : bytes
    name, frame
        As in :func:`raycluster.data.image.decode.decode`.

    Returns
    -------
    low, high : float
    is_float : bool
        Whether they are floating-point numbers.

    None if it is an image of 8 bits, or has no finite values.

    Raises
    ------
    Unreadable
    """
    with open_image(io.BytesIO(data), name, frame) as image:
        values = stored_values(image)
    return None if values is None else extremes(values)


def extremes(values: np.ndarray) -> tuple[float, float, bool] | None:
    """Return the smallest and the largest of some numbers, and whether they are floating-point numbers.

    NaN and infinity do not count; None if there are no others.
    """
    values = values[np.isfinite(values)]
    if values.size == 0:
        return None
    return float(values.min()), float(values.max()), values.dtype.kind == "f"


def describe_range(low: float, high: float) -> str:
    """Say what becomes black and white."""
    return f"{low:g} becomes black, and {high:g} white"


def natural_range(low: float, high: float, is_float: bool) -> tuple[float, float]:
    """Return the range to map to black and white, for a set whose values go from ``low`` to ``high``.

    Integers from 0 up have the range of the smallest usual number of bits (8, 10, 12, 14 or 16) that holds the
    largest, if they use half of it or more. Floating-point numbers in [0, 1] have that range. All others range from the
    smallest to the largest.
    """
    if is_float and low >= 0 and high <= 1:
        return 0.0, 1.0
    whole = next((2.0**bits - 1 for bits in BIT_DEPTHS if high < 2**bits), high)
    if not is_float and low >= 0 and high - low >= whole / 2:
        return 0.0, whole
    return low, high if high > low else low + 1  # a set of one value becomes black
