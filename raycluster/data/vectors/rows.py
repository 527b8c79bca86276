"""The rows of one file of vectors, with their ids, paths and labels, before it is known which of them fit together."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa

from raycluster.data.containers.arrays import read_npy_header
from raycluster.data.containers.parquet import open_parquet, parquet_labels
from raycluster.data.containers.parquet_images import is_text
from raycluster.data.files.location import Location
from raycluster.data.files.sources import printable
from raycluster.data.unreadable import Unreadable
from raycluster.data.vectors.columns import KNOWN, holds_vectors, numbers_of
from raycluster.data.vectors.files import npy_shape, reading
from raycluster.data.vectors.ids import ids_of

BLOCK_NUMBERS = 2**24


class VectorRows(NamedTuple):
    """The n rows of one file.

    Attributes
    ----------
    n : int
        As the file states it.
    reasons : ndarray of str objects, shape (n,)
        Why a row has no vector; empty where it has one.
    lengths : ndarray of int64, shape (n,)
    numbers : ndarray of float32, shape (sum of lengths,)
        The vectors, one after the other.
    paths : list of str
        The column ``path``, or else ``file#row``.
    ids : ChunkedArray, length n, or None
        The column ``id``, as :func:`raycluster.data.vectors.ids.ids_of` returns it.
    labels : ndarray, shape (n,), or None
        The column ``label``.
    notes : list of str
        Columns that are of no use.
    """

    n: int
    reasons: np.ndarray
    lengths: np.ndarray
    numbers: np.ndarray
    paths: list[str]
    ids: pa.ChunkedArray | None = None
    labels: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def unreadable_rows(name: str, reason: str) -> VectorRows:
    """Return the one row that stands for a file that cannot be read."""
    nothing = np.zeros(1, np.int64)
    return VectorRows(1, np.array([reason], object), nothing, np.zeros(0, np.float32), [printable(name)])


def read_npy_rows(location: Location, name: str, size: int) -> VectorRows:
    """Read a matrix of numbers from an NPY file of ``size`` bytes, one vector per row.

    Raises
    ------
    Unreadable
    """
    with reading(), location.open(name) as file:
        n, width = npy_shape(file, size)
        file.seek(0)
        numbers = _as_float32(file, n * width)
    return VectorRows(n, np.full(n, "", object), np.full(n, width), numbers, _row_names(name, n))


def _as_float32(file: BinaryIO, count: int) -> np.ndarray:
    """Return the numbers of an NPY file, float32 [count], with no more than a block of them in memory twice."""
    shape, is_fortran, dtype = read_npy_header(file)
    numbers = np.empty(count, np.float32)
    with np.errstate(over="ignore"):
        for start in range(0, count, BLOCK_NUMBERS):
            stop = min(start + BLOCK_NUMBERS, count)
            numbers[start:stop] = np.frombuffer(file.read((stop - start) * dtype.itemsize), dtype)
    return numbers.reshape(shape[::-1]).T.reshape(-1) if is_fortran else numbers


def read_parquet_rows(location: Location, name: str, column: str) -> VectorRows:
    """Read a column of vectors from a Parquet file, and the columns ``id``, ``path`` and ``label`` if it has them.

    Raises
    ------
    Unreadable
        If the file is damaged, has one of these columns twice, or if the column holds something else.
    """
    with reading(), open_parquet(location, name) as file:
        schema = file.schema_arrow
        used = [column, *(other for other in KNOWN if other in schema.names and other != column)]
        for other in used:
            if schema.names.count(other) > 1:
                raise Unreadable(f"it has {schema.names.count(other)} columns named {other}")
        kind = schema.field(column).type
        if not (holds_vectors(kind) or pa.types.is_null(kind)):
            raise Unreadable(f"its column {column} holds {kind}, which is not a vector")
        table = file.read(columns=[other for other in used if other != "label"])
        is_null, lengths, numbers = numbers_of(table[column])
        paths, notes = _row_names(name, len(table)), []
        path = schema.field("path").type if "path" in used else None
        if path is not None and (is_text(path) or pa.types.is_null(path)):
            paths = [path or other for path, other in zip(table["path"].to_pylist(), paths, strict=True)]
        elif path is not None:
            notes.append(f"The column path of {printable(name)} is not used: it holds {path}.")
        labels = None
        if "label" in used and pa.types.is_nested(schema.field("label").type):
            notes.append(f"The column label of {printable(name)} is not used: it holds {schema.field('label').type}.")
        elif "label" in used:
            labels, _ = parquet_labels(file)
        n = file.metadata.num_rows
        if len(table) != n or (labels is not None and len(labels) != n):
            raise Unreadable(f"damaged: its columns do not all have the {n:,} rows that it states")
        return VectorRows(
            n=n,
            reasons=np.where(is_null, "there is no vector (null)", "").astype(object),
            lengths=lengths,
            numbers=numbers,
            paths=paths,
            ids=ids_of(table["id"]) if "id" in used else None,
            labels=labels,
            notes=tuple(notes),
        )


def _row_names(name: str, n: int) -> list[str]:
    return [f"{printable(name)}#{row}" for row in range(n)]
