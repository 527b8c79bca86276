"""Answers of the driver as named arrays, which a checkpoint holds, and back."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from raycluster.methods.base import Answer


def to_arrays(answer: Any) -> dict[str, np.ndarray]:
    """Return the fields of a dataclass as arrays, without those that are None."""
    values = {field.name: getattr(answer, field.name) for field in dataclasses.fields(answer)}
    return {name: np.asarray(value) for name, value in values.items() if value is not None}


def from_arrays(function: Callable[..., Answer], arrays: Mapping[str, np.ndarray]) -> Answer:
    """Return the answer of ``function``, a dataclass that it is annotated with, from its :func:`to_arrays`."""
    kind = typing.get_type_hints(function)["return"]
    hints = typing.get_type_hints(kind)
    values = {name: value.item() if hints[name] in (int, float) else value for name, value in arrays.items()}
    answer: Answer = kind(**values)
    return answer
