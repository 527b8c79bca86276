"""The ids of rows as users wrote them: integers of every width, or text."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from raycluster.data.unreadable import Unreadable
from raycluster.errors import UserError

TEXT = pa.large_string()
ADVICE = "give every row an id of its own, or drop the column"


def ids_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of ids as int64, as uint64 if they do not fit that, and as text if they are no integers.

    Raises
    ------
    Unreadable
        If they are neither numbers nor text.
    """
    kind = column.type
    if isinstance(kind, pa.UuidType):
        return pa.chunked_array([pa.array([value and str(value) for value in column.to_pylist()], TEXT)])
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    found = _cast_all([column], [pa.int64(), pa.uint64(), TEXT] if is_number else [TEXT])
    if found is None:
        raise Unreadable(f"its column id holds {kind}, which is neither integers nor text: convert or drop it")
    return found


def join_ids(parts: Sequence[pa.ChunkedArray], source: str) -> np.ndarray:
    """Join the ids of several files, each of them from :func:`ids_of`.

    Parameters
    ----------
    parts : sequence of ChunkedArray
    source : str
        What to call the files in errors.

    Returns
    -------
    ids : ndarray of int64, uint64 or str objects, shape (n,)
        Text if any of them are.

    Raises
    ------
    UserError
        If an id is null, or occurs twice.
    """
    has_text = any(part.type == TEXT for part in parts)
    ids = _cast_all(parts, [TEXT] if has_text else [pa.int64(), pa.uint64(), TEXT])
    if ids is None:
        raise RuntimeError(f"ids of the types {[str(part.type) for part in parts]} cannot be joined")
    if ids.null_count:
        raise UserError(f"The column id of {source} is null in {ids.null_count:,} of {len(ids):,} rows: {ADVICE}.")
    values, counts = ids.value_counts().flatten()
    repeated = np.flatnonzero(counts.to_numpy() > 1)
    if len(repeated):
        row = int(repeated[0])
        raise UserError(f"The column id of {source} has {values[row]} in {counts[row].as_py():,} rows: {ADVICE}.")
    return ids.to_numpy()


def _cast_all(parts: Sequence[pa.ChunkedArray], kinds: list[pa.DataType]) -> pa.ChunkedArray | None:
    """Return the parts as one column of the first of these types that holds all their values unchanged."""
    for kind in kinds:
        with contextlib.suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
            chunks = [chunk for part in parts for chunk in part.cast(kind).chunks]
            return pa.chunked_array(chunks, kind)  # type: ignore[call-overload]  # the stubs want literal types
    return None
