"""Positions of any values on an axis: numbers on a linear or logarithmic scale, other values side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

NONE_SHARE = 0.2  # of an axis of numbers that may also be None
LOG_SPAN = 20.0  # numbers whose largest and smallest differ by more than this factor have a logarithmic axis


class Axis(NamedTuple):
    """Positions of the values, from 0 to 1, and the position and label of each tick."""

    positions: list[float]
    ticks: list[tuple[float, str]]


def axis_of(values: Sequence[Any]) -> Axis:
    """Lay values out on an axis: numbers on a linear scale, or a logarithmic one if they span far, others side by side.

    If numbers may be left to the method, None has its own position, to the left of all numbers.
    """
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    nones = sum(value is None for value in values)
    if numbers and nones and len(numbers) + nones == len(values):
        axis, room = axis_of(numbers), 1 - NONE_SHARE
        at = iter(axis.positions)
        positions = [0.0 if value is None else NONE_SHARE + room * next(at) for value in values]
        ticks = [(NONE_SHARE + room * position, label) for position, label in axis.ticks]
        return Axis(positions, [(0.0, "None"), *ticks])
    if len(numbers) < len(values):
        labels = sorted({str(value) for value in values})
        middles = {label: (i + 0.5) / len(labels) for i, label in enumerate(labels)}
        return Axis([middles[str(value)] for value in values], [(middles[label], label) for label in labels])
    low, high = min(numbers), max(numbers)
    if low == high:
        return Axis([0.5] * len(values), [(0.5, f"{low:.4g}")])
    is_log = low > 0 and high / low > LOG_SPAN
    scale = math.log10 if is_log else float
    first, last = scale(low), scale(high)
    middle = 10 ** ((first + last) / 2) if is_log else (low + high) / 2
    positions = [(scale(value) - first) / (last - first) for value in numbers]
    return Axis(positions, [(0.0, f"{low:.3g}"), (0.5, f"{middle:.3g}"), (1.0, f"{high:.3g}")])
