"""The axes of plots: where a value lies, and which values are marked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

NONE_SHARE = 0.2  # of an axis of numbers that may also be None
LOG_SPAN = 20.0  # numbers whose largest and smallest differ by more than this factor have a logarithmic axis
STEPS = (1, 2, 5, 10)
MOST_TICKS = 4


class Axis(NamedTuple):
    """An axis from 0 to 1.

    Attributes
    ----------
    name : str
    place : callable
        Returns the position of a value.
    ticks : list of (float, str)
        Positions with their labels.
    """

    name: str
    place: Callable[[Any], float]
    ticks: list[tuple[float, str]]


def axis_of(values: Sequence[Any], name: str = "", is_log: bool | None = None, from_zero: bool = False) -> Axis:
    """Lay values out on an axis: numbers on a linear scale, or a logarithmic one if they span far, others side by side.

    If numbers may be left to the method, None has its own position, to the left of all numbers.

    Parameters
    ----------
    values : sequence
    name : str
    is_log : bool, optional
        Whether the scale of numbers is logarithmic, in any case.
    from_zero : bool
        Whether a linear scale has to show 0.
    """
    numbers = [value for value in values if _is_number(value)]
    nones = sum(value is None for value in values)
    if numbers and nones and len(numbers) + nones == len(values):
        axis, room = axis_of(numbers, name, is_log, from_zero), 1 - NONE_SHARE

        def place(value: Any) -> float:
            return 0.0 if value is None else NONE_SHARE + room * axis.place(value)

        return Axis(name, place, [(0.0, "None"), *((NONE_SHARE + room * at, label) for at, label in axis.ticks)])
    if len(numbers) < len(values):
        return names_axis(sorted({str(value) for value in values}), name)
    return _numbers_axis(numbers, name, is_log, from_zero)


def names_axis(labels: Sequence[str], name: str = "") -> Axis:
    """Return an axis with names side by side, in this order."""
    middles = {label: (i + 0.5) / len(labels) for i, label in enumerate(labels)}
    return Axis(name, lambda value: middles[str(value)], [(middle, label) for label, middle in middles.items()])


def _numbers_axis(numbers: list[Any], name: str, is_log: bool | None, from_zero: bool) -> Axis:
    low, high = min(numbers), max(numbers)
    if is_log is None:
        is_log = low > 0 and high / low > LOG_SPAN
    if from_zero and not is_log:
        low, high = min(low, 0), max(high, 0)
    if low == high:
        return Axis(name, lambda value: 0.5, [(0.5, f"{low:.4g}")])
    scale: Callable[[Any], float] = math.log if is_log else float
    first, last = scale(low), scale(high)

    def place(value: Any) -> float:
        return (scale(value) - first) / (last - first)

    marked = _round_numbers(low, high) if not is_log else _round_powers(low, high)
    return Axis(name, place, [(place(tick), f"{tick:.4g}") for tick in marked])


def _round_numbers(low: float, high: float) -> list[float]:
    """Return a few round numbers from low to high, at equal distances."""
    power = 10.0 ** math.floor(math.log10((high - low) / MOST_TICKS))
    step = next(m * power for m in STEPS if (high - low) / (m * power) <= MOST_TICKS * 1.001)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def _round_powers(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times powers of ten from low to high, or only the powers where there are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in (STEPS[:3], STEPS[:1]):
        found = [m * 10.0**e for e in powers for m in steps if low * 0.999 <= m * 10.0**e <= high * 1.001]
        if len(found) <= 2 * MOST_TICKS:
            return found
    return found[:: -(-len(found) // (2 * MOST_TICKS))]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
