"""Answers of the driver as named arrays, which a checkpoint holds, and back.

Text, and whatever else JSON can say, becomes the bytes of its JSON.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from raycluster.methods.base import Answer


def to_arrays(answer: Any) -> dict[str, np.ndarray]:
    """Return the fields of a dataclass as arrays, without those that are None."""
    values = {field.name: getattr(answer, field.name) for field in dataclasses.fields(answer)}
    return {name: _to_array(value) for name, value in values.items() if value is not None}


def from_arrays(function: Callable[..., Answer], arrays: Mapping[str, np.ndarray]) -> Answer:
    """Return the answer of ``function``, a dataclass that it is annotated with, from its :func:`to_arrays`."""
    kind = typing.get_type_hints(function)["return"]
    hints = typing.get_type_hints(kind)
    answer: Answer = kind(**{name: _from_array(hints[name], array) for name, array in arrays.items()})
    return answer


def _to_array(value: Any) -> np.ndarray:
    if isinstance(value, str | tuple | list | dict):
        return np.frombuffer(json.dumps(value).encode(), np.uint8)
    return np.asarray(value)


def _from_array(hint: Any, array: np.ndarray) -> Any:
    kind = typing.get_origin(hint) or hint
    if kind in (int, float):
        return array.item()
    return kind(json.loads(array.tobytes())) if kind in (str, tuple, list, dict) else array
