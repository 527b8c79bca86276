"""Columns of vectors in Arrow tables: which columns mean vectors, whatever their exact type, and their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeGuard

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from raycluster.errors import UserError

VECTORS = "embedding"
KNOWN = ("id", "path", "label")  # columns that say something about a vector, and are none themselves


def choose_column(schemas: Iterable[pa.Schema], column: str | None, source: str) -> str:
    """Return the name of the column with the vectors, one for all files of a source.

    Parameters
    ----------
    schemas : iterable of Schema
    column : str, optional
        The name, if it is given; by default ``embedding``, or else the only column that can contain vectors.
    source : str
        What to call the source in errors.

    Raises
    ------
    UserError
        If there is no such column, or if it could be one of several.
    """
    fields = {field.name: None for schema in schemas for field in schema}
    fitting = {field.name: None for schema in schemas for field in schema if holds_vectors(field.type)}
    wanted = column or (VECTORS if VECTORS in fitting else None)
    if wanted in fitting:
        return wanted
    if wanted:
        raise UserError(f"{source} has no column {wanted} of vectors (its columns are {', '.join(fields)}).")
    unnamed = [name for name in fitting if name not in KNOWN]
    if len(unnamed) > 1:
        raise UserError(f"In {source} the columns {', '.join(unnamed)} could all be vectors: name one with --column.")
    if not unnamed:
        raise UserError(f"{source} has no column of vectors, which are lists of numbers (it has {', '.join(fields)}).")
    return unnamed[0]


def holds_vectors(kind: pa.DataType) -> bool:
    """Return whether a column of this type contains vectors: lists or one-dimensional tensors of numbers or booleans.

    Lists may be of fixed or variable length, with small or large offsets, or views. A list of nothing but nulls counts,
    too: that is what an empty vector looks like among its own kind.
    """
    if isinstance(kind, pa.BaseExtensionType):
        return len(getattr(kind, "shape", (1,))) == 1 and holds_vectors(kind.storage_type)
    return _is_list(kind) and _is_number(kind.value_type)


def numbers_of(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which rows of a column are null, how long each vector is, and all their numbers one after the other.

    Parameters
    ----------
    column : ChunkedArray
        Of a type that :func:`holds_vectors` accepts, or of nothing but nulls.

    Returns
    -------
    is_null : ndarray of bool, shape (n,)
    lengths : ndarray of int64, shape (n,)
        0 where a row is null.
    numbers : ndarray of float32, shape (sum of lengths,)
        NaN where a number is null, infinity where it is too large.
    """
    is_null, lengths, numbers = [np.zeros(0, bool)], [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for chunk in column.chunks:
        array: Any = chunk.storage if isinstance(chunk, pa.ExtensionArray) else chunk
        is_null.append(array.is_null().to_numpy(zero_copy_only=False))
        if pa.types.is_null(array.type):
            lengths.append(np.zeros(len(array), np.int64))
            continue
        lengths.append(pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64))
        numbers.append(_float32(array.flatten()))
    return np.concatenate(is_null), np.concatenate(lengths), np.concatenate(numbers)


def _float32(values: pa.Array) -> np.ndarray:
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        values = values.cast(pa.float64())
    with np.errstate(over="ignore"):
        return values.to_numpy(zero_copy_only=False).astype(np.float32, copy=False)


def _is_list(kind: pa.DataType) -> TypeGuard[pa.ListType]:
    views = pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind)
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind) or views


def _is_number(kind: pa.DataType) -> bool:
    is_real = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)
    return is_real or pa.types.is_boolean(kind) or pa.types.is_null(kind)
