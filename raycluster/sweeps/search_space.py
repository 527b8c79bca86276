"""Search spaces: the values of each setting that a sweep tries, parsed from ``learning_rate=log:1e-3:1e-1``."""

from __future__ import annotations

import dataclasses
import itertools
import math
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from raycluster.errors import UserError, check_setting

EXAMPLES = "unroll_rate=0.2:0.95, learning_rate=log:1e-3:1e-1 or n_neighbors=10,20,30"


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, inclusive; ``log``: uniform on a logarithmic scale; ``whole``: integers."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def draw(self, rng: np.random.Generator) -> float | int:
        """Draw a value."""
        # Half a step more at both ends, so that the first and last whole number are as likely as the others.
        low, high = (self.low - 0.5, self.high + 0.5) if self.whole else (self.low, self.high)
        if self.log:
            value = math.exp(rng.uniform(math.log(low), math.log(high)))
        else:
            value = rng.uniform(low, high)
        if self.whole:
            return int(min(max(round(value), self.low), self.high))
        return min(max(float(f"{value:.4g}"), self.low), self.high)  # four digits are readable, and just as good

    def __contains__(self, value: Any) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Any, ...]

    def draw(self, rng: np.random.Generator) -> Any:
        """Draw a value."""
        return self.values[int(rng.integers(len(self.values)))]

    def __contains__(self, value: Any) -> bool:
        return value in self.values


Space = dict[str, Range | Choice]
CLUSTERS = "clusters"  # K, which every method has besides its settings


def parse_space(words: Sequence[str], base: Any) -> Space:
    """Read a search space.

    Parameters
    ----------
    words : sequence of str
        ``name=low:high``, ``name=log:low:high`` or ``name=value,value,...`` each; ``clusters`` is a name too.
    base : dataclass
        The settings that are varied; every value must be valid for them.

    Raises
    ------
    UserError
        If a name is unknown or repeated, a range is empty, or a value is not valid for its setting.
    """
    space: Space = {}
    for word in words:
        name, sign, text = word.partition("=")
        name = name.strip().replace("-", "_")
        if not sign or not text:
            raise UserError(
                f"--space {word}: write NAME=LOW:HIGH, NAME=log:LOW:HIGH or NAME=A,B,C, such as {EXAMPLES}."
            )
        hint = _hint(name, base)
        if name in space:
            raise UserError(f"--space names {name} twice: name it once.")
        dimension = _parse_range(word, text, hint) if ":" in text else _parse_choice(name, text, hint)
        ends = (dimension.low, dimension.high) if isinstance(dimension, Range) else dimension.values
        for value in ends:
            if name == CLUSTERS:
                check_setting(CLUSTERS, int(value), value >= 2, "at least 2")
            else:
                dataclasses.replace(base, **{name: value})
        space[name] = dimension
    return space


def parse_fixed(words: Sequence[str], base: Any) -> dict[str, Any]:
    """Parse the settings that all trials share, ``name=value`` each."""
    found = {}
    for word in words:
        name, sign, text = word.partition("=")
        name = name.strip().replace("-", "_")
        if not sign or not text:
            raise UserError(f"--fixed {word}: write NAME=VALUE, such as epochs=10.")
        if name == CLUSTERS:
            raise UserError(f"--fixed {word}: the number of clusters that all trials share is --clusters {text}.")
        found[name] = _parse_value(name, text, _hint(name, base))
    dataclasses.replace(base, **found)
    return found


def draw_settings(space: Space, seed: int, number: int) -> dict[str, Any]:
    """Draw the settings of one trial, which depend on the seed and the number only."""
    rng = np.random.default_rng([seed, number])
    return {name: dimension.draw(rng) for name, dimension in space.items()}


def grid(space: Space) -> list[dict[str, Any]]:
    """Return every combination of the values.

    Raises
    ------
    UserError
        If a setting has a range instead of a list.
    """
    ranges = [name for name, dimension in space.items() if isinstance(dimension, Range)]
    if ranges:
        raise UserError(
            f"--search grid needs a list of values for every setting, but {ranges[0]} has a range: write "
            f"{ranges[0]}=A,B,C, or use --search random."
        )
    values = [dimension.values for dimension in space.values() if isinstance(dimension, Choice)]
    return [dict(zip(space, combination, strict=True)) for combination in itertools.product(*values)]


def most_clusters(space: Space) -> int | None:
    """Return the largest number of clusters that is tried, or None if it is not varied."""
    dimension = space.get(CLUSTERS)
    if dimension is None:
        return None
    return int(dimension.high if isinstance(dimension, Range) else max(dimension.values))


def _hint(name: str, base: Any) -> Any:
    if name == CLUSTERS:
        return int
    known = [field.name for field in dataclasses.fields(base)]
    if name not in known:
        raise UserError(f"There is no setting {name!r}: choose one of {', '.join([CLUSTERS, *known])}.")
    return typing.get_type_hints(type(base))[name]


def _members(hint: Any) -> tuple[Any, ...]:
    """Return the types that a hint allows."""
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def _parse_range(word: str, text: str, hint: Any) -> Range:
    members = _members(hint)
    whole = int in members
    if not (whole or float in members):
        raise UserError(
            f"--space {word}: this setting is not a number, so it cannot have a range: list its values, A,B,C."
        )
    *scale, low_text, high_text = text.split(":")
    try:
        low, high = float(low_text), float(high_text)
    except ValueError:
        low = high = math.nan
    if scale not in ([], ["log"]) or not (math.isfinite(low) and math.isfinite(high)):
        raise UserError(f"--space {word}: write a range as LOW:HIGH or log:LOW:HIGH.")
    if low >= high:
        raise UserError(f"--space {word}: the range is empty, because {low:g} is not below {high:g}.")
    if whole and (low % 1 or high % 1):
        raise UserError(f"--space {word}: this setting is a whole number, so the ends of its range must be too.")
    if scale and low <= 0:
        raise UserError(f"--space {word}: a logarithmic range must start above 0.")
    return Range(low, high, bool(scale), whole)


def _parse_choice(name: str, text: str, hint: Any) -> Choice:
    values = tuple(_parse_value(name, part.strip(), hint) for part in text.split(","))
    if len(set(values)) < len(values):
        raise UserError(f"--space {name}={text} lists a value twice: list it once.")
    return Choice(values)


def _parse_value(name: str, text: str, hint: Any) -> Any:
    """Return a value of one of the types that a hint allows, the strictest first."""
    members = _members(hint)
    if type(None) in members and text.lower() == "none":
        return None
    if bool in members and text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        if kind in members:
            try:
                return kind(text)
            except ValueError:
                continue
    names = [value for member in members if typing.get_origin(member) is typing.Literal for value in _values(member)]
    for value in names:
        if str(value) == text:
            return value
    wanted = " or ".join(map(str, names)) or " or ".join(getattr(member, "__name__", str(member)) for member in members)
    raise UserError(
        f"{name}={text}: this is not a valid value; the setting takes {wanted.replace('NoneType', 'none')}."
    )


def _values(literal: Any) -> tuple[Any, ...]:
    return typing.get_args(literal)
