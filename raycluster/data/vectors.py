"""Tables of vectors, such as embeddings: read in full, each row either kept or rejected with the reason."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from raycluster.data.arrays import read_npy_header
from raycluster.data.containers import is_list, open_parquet, parquet_labels
from raycluster.data.labels import join_labels
from raycluster.data.sources import VECTOR_SOURCES, Listing, list_source
from raycluster.data.unreadable import Rejected, Unreadable
from raycluster.errors import UserError

VECTORS = "embedding"


@dataclass(frozen=True)
class VectorSet:
    """The usable vectors of a source. Row i is the same vector throughout the program; ``ids[i]`` is its public id.

    Attributes
    ----------
    vectors : ndarray of float32, shape (n, d)
    ids : ndarray of int64, shape (n,)
        The column ``id``, or else the position among all rows listed.
    paths : list of str, length n
        The column ``path``, or else ``file#row``.
    labels : ndarray of int64, shape (n,), or None
        The column ``label``, for reporting only; -1 where unknown.
    rejected : list of Rejected
    notes : list of str
        Messages for the user.
    fingerprint : str
        Changes with the names, sizes and modification times of the files.
    """

    vectors: np.ndarray
    ids: np.ndarray
    paths: list[str]
    labels: np.ndarray | None
    rejected: list[Rejected]
    notes: list[str]
    fingerprint: str


class _Part(NamedTuple):
    """The rows of one file; the reason is empty where the vector is usable."""

    vectors: np.ndarray
    reasons: np.ndarray
    ids: np.ndarray | None
    paths: list[str]
    labels: np.ndarray | None
    class_names: list[str] | None


def open_vectors(source: str, column: str | None = None) -> VectorSet:
    """Read vectors from Parquet (a column of lists or one-dimensional tensors) or NPY (a matrix).

    A vector that is null, has a different length from the first one, or contains NaN or infinity is rejected.

    Parameters
    ----------
    source : str
        A folder, a file or a glob, as in :func:`raycluster.data.sources.list_source`.
    column : str, optional
        The Parquet column with the vectors; by default ``embedding``, or else the only column that can contain them.

    Raises
    ------
    UserError
        If there is nothing to read, a file is damaged, or no vector is usable.
    """
    listing = list_source(source, VECTOR_SOURCES)
    size: int | None = None
    parts = []
    for name in listing.names:
        with _reading(source, name):
            part = (
                _read_npy(listing, name, size) if listing.kind == "npy" else _read_parquet(listing, name, column, size)
            )
        size = part.vectors.shape[1] if part.vectors.shape[1] else size
        parts.append(part)
    counts = [len(part.paths) for part in parts]
    reasons = np.concatenate([part.reasons for part in parts])
    usable = reasons == ""
    paths = [path for part in parts for path in part.paths]
    rejected = [Rejected(paths[row], reasons[row]) for row in np.flatnonzero(~usable)]
    if not usable.any():
        first = f" ({rejected[0].path}: {rejected[0].reason})" if rejected else ""
        raise UserError(f"{source} holds no usable vector{first}.")
    labels, _ = join_labels([part.labels for part in parts], counts)
    ids = _join_ids(parts, source)
    vectors = [part.vectors[part.reasons == ""] for part in parts]
    files = [listing.names, listing.sizes, listing.modified]
    return VectorSet(
        vectors=vectors[0] if len(vectors) == 1 else np.concatenate([v for v in vectors if len(v)]),
        ids=ids[usable],
        paths=[paths[row] for row in np.flatnonzero(usable)],
        labels=None if labels is None or (labels < 0).all() else labels[usable],
        rejected=rejected,
        notes=listing.notes,
        fingerprint=hashlib.sha256(json.dumps([*files, column]).encode()).hexdigest(),
    )


def count_vectors(source: str, column: str | None = None) -> tuple[int, int]:
    """Return how many rows a source of vectors has, and how many numbers in total, without reading any of them.

    Parameters and errors are those of :func:`open_vectors`.
    """
    listing = list_source(source, VECTOR_SOURCES)
    rows = numbers = 0
    for name in listing.names:
        with _reading(source, name):
            if listing.kind == "npy":
                with listing.location.open(name) as file:
                    shape, _, _ = read_npy_header(file)
                rows, numbers = rows + shape[0], numbers + int(np.prod(shape))
                continue
            with open_parquet(listing.location, name) as file:
                chosen = _vector_column(file.schema_arrow, column)
                for i in range(file.num_row_groups):
                    group = file.metadata.row_group(i)
                    chunks = [group.column(j) for j in range(group.num_columns)]
                    numbers += sum(c.num_values for c in chunks if c.path_in_schema.startswith(f"{chosen}."))
                rows += file.metadata.num_rows
    return rows, numbers


@contextlib.contextmanager
def _reading(source: str, name: str) -> Iterator[None]:
    """Turn what goes wrong with a file into a :class:`UserError`."""
    try:
        yield
    except (Unreadable, pa.ArrowInvalid, ValueError, OSError) as error:
        raise UserError(f"{name} in {source} cannot be read: {error}.") from None


def _read_npy(listing: Listing, name: str, size: int | None) -> _Part:
    with listing.location.open(name) as file:
        matrix = np.lib.format.read_array(file, allow_pickle=False)
    if matrix.ndim != 2 or matrix.dtype.kind not in "iuf":
        raise Unreadable(f"it contains {matrix.dtype} of shape {matrix.shape}, not a matrix of numbers")
    reasons = np.full(len(matrix), "", dtype=object)
    vectors = matrix.astype(np.float32, copy=False)
    if size not in (None, matrix.shape[1]):
        vectors = np.zeros((len(matrix), size or 0), np.float32)
        reasons[:] = f"its vector has {matrix.shape[1]} numbers, the first one has {size}"
    return _Part(vectors, _reject_non_finite(vectors, reasons), None, _row_names(name, len(matrix)), None, None)


def _read_parquet(listing: Listing, name: str, column: str | None, size: int | None) -> _Part:
    with open_parquet(listing.location, name) as file:
        schema = file.schema_arrow
        chosen = _vector_column(schema, column)
        known = [other for other in ("id", "path") if other in schema.names]
        table = file.read(columns=[chosen, *known])
        labels, class_names = parquet_labels(file)
    vectors, reasons = _vectors_of(table[chosen], size)
    ids = None
    if "id" in known and pa.types.is_integer(schema.field("id").type) and not table["id"].null_count:
        ids = table["id"].to_numpy().astype(np.int64)
    paths = _row_names(name, len(table))
    if "path" in known and pa.types.is_string(schema.field("path").type):
        paths = [path or other for path, other in zip(table["path"].to_pylist(), paths, strict=True)]
    return _Part(vectors, _reject_non_finite(vectors, reasons), ids, paths, labels, class_names)


def _vector_column(schema: pa.Schema, column: str | None) -> str:
    fitting = [field.name for field in schema if _can_hold_vectors(field.type)]
    wanted = column or (VECTORS if VECTORS in fitting else None)
    if wanted:
        if wanted not in fitting:
            raise Unreadable(f"it has no column {wanted} of vectors (it has {', '.join(schema.names)})")
        return wanted
    if len(fitting) != 1:
        what = f"the columns {', '.join(fitting)} could all be vectors" if fitting else "no column holds vectors"
        raise Unreadable(f"{what}: name one with --column")
    return fitting[0]


def _can_hold_vectors(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.FixedShapeTensorType):
        return len(kind.shape) == 1
    return is_list(kind) and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type))


def _vectors_of(column: pa.ChunkedArray, size: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the vectors of a column, float32 [n, size], zeros where one is not usable, and the reasons why not."""
    reasons = np.full(len(column), "", dtype=object)
    lengths = np.zeros(len(column), np.int64)
    chunks, start = [], 0
    for chunk in column.chunks:
        array: Any = chunk.storage if isinstance(chunk, pa.ExtensionArray) else chunk
        length = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
        lengths[start : start + len(array)] = length
        reasons[start : start + len(array)][array.is_null().to_numpy(zero_copy_only=False)] = (
            "there is no vector (null)"
        )
        chunks.append((start, array))
        start += len(array)
    present = lengths[reasons == ""]
    size = size or (int(present[0]) if len(present) else 0)
    vectors = np.zeros((len(column), size), np.float32)
    for start, array in chunks:
        rows = slice(start, start + len(array))
        fits = (reasons[rows] == "") & (lengths[rows] == size)
        for row in np.flatnonzero((reasons[rows] == "") & ~fits):
            reasons[start + row] = f"its vector has {lengths[start + row]} numbers, the first one has {size}"
        numbers = array.filter(pa.array(fits)).flatten().to_numpy(zero_copy_only=False)  # null numbers become NaN
        vectors[rows][fits] = numbers.reshape(int(fits.sum()), size)
    return vectors, reasons


def _reject_non_finite(vectors: np.ndarray, reasons: np.ndarray) -> np.ndarray:
    bad = ~np.isfinite(vectors).all(axis=1) & (reasons == "")
    reasons[bad] = "its vector holds NaN or infinity"
    return reasons


def _row_names(name: str, n: int) -> list[str]:
    return [f"{name}#{row}" for row in range(n)]


def _join_ids(parts: list[_Part], source: str) -> np.ndarray:
    counts = [len(part.paths) for part in parts]
    if any(part.ids is None for part in parts):
        return np.arange(sum(counts), dtype=np.int64)
    ids = np.concatenate([part.ids for part in parts if part.ids is not None])
    if len(np.unique(ids)) != len(ids):
        raise UserError(f"The column id of {source} has the same number in several rows: correct it, or drop it.")
    return ids
