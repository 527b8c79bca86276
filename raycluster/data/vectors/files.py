"""The files of a source of vectors: which of them have vectors, in which column, and how many numbers in all."""

from __future__ import annotations

import contextlib
import math
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from raycluster.data.containers.arrays import read_npy_header
from raycluster.data.containers.parquet import open_parquet
from raycluster.data.files.location import public_name
from raycluster.data.files.sources import VECTOR_SOURCES, Listing, list_source
from raycluster.data.rows import os_error_reason
from raycluster.data.unreadable import Unreadable
from raycluster.data.vectors.columns import choose_column


class _Footer(NamedTuple):
    schema: pa.Schema
    rows: int
    values: Counter[str]


@dataclass
class VectorFiles:
    """The files of a source of vectors, known from their headers and footers.

    Attributes
    ----------
    source : str
    listing : Listing
    column : str or None
        The column of the vectors in all Parquet files; None if there is no Parquet file that can be read.
    wanted : str or None
        The column that the user named.
    rows, numbers : int
        How many vectors there are in the files that can be read, and how many numbers in all of them.
    unreadable : dict of str to str
        Why a file cannot be read, by its name.
    left_out : list of str
        Parquet files that have no such column.
    """

    source: str
    listing: Listing
    column: str | None
    wanted: str | None
    rows: int = 0
    numbers: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def foreign(self) -> list[tuple[str, str]]:
        """Return the names of the files that hold no vectors, each with the reason."""
        without = dict.fromkeys(self.left_out, f"it has no column {self.column} of vectors")
        return sorted((self.listing.reasons | without).items())


def find_vector_files(source: str, column: str | None = None) -> VectorFiles:
    """Look at the files of a source, without reading any vector.

    Parameters
    ----------
    source : str
        A folder, a file or a glob, as in :func:`raycluster.data.files.sources.list_source`.
    column : str, optional
        The Parquet column with the vectors; by default ``embedding``, or else the only column that can contain them.

    Raises
    ------
    UserError
        If there are no files, or if it is not clear which column holds the vectors.
    """
    listing = list_source(source, VECTOR_SOURCES)
    files = VectorFiles(public_name(source), listing, None, column)
    if listing.kind == "npy":
        for name, size in zip(listing.names, listing.sizes, strict=True):
            with _noting(files, name), listing.location.open(name) as file:
                shape = npy_shape(file, size)
                files.rows, files.numbers = files.rows + shape[0], files.numbers + math.prod(shape)
        return files
    footers: dict[str, _Footer] = {}
    for name in listing.names:
        with _noting(files, name), open_parquet(listing.location, name) as parquet:
            footers[name] = _Footer(parquet.schema_arrow, parquet.metadata.num_rows, _count_values(parquet.metadata))
    if footers:
        files.column = choose_column([footer.schema for footer in footers.values()], column, files.source)
    for name, footer in footers.items():
        if files.column not in footer.schema.names:
            files.left_out.append(name)
            continue
        files.rows += footer.rows
        files.numbers += sum(n for path, n in footer.values.items() if path.startswith(f"{files.column}."))
    return files


def npy_shape(file: BinaryIO, size: int) -> tuple[int, ...]:
    """Return the shape of the matrix in an NPY file of ``size`` bytes, from its header.

    Raises
    ------
    Unreadable
        If it is not a complete matrix of numbers.
    """
    try:
        shape, _, dtype = read_npy_header(file)
    except (ValueError, tokenize.TokenError):
        raise Unreadable("not an NPY file, or its header is damaged") from None
    if dtype.hasobject:
        raise Unreadable("it contains pickled objects, which are never loaded")
    if len(shape) != 2 or min(shape) < 0 or dtype.kind not in "biuf":
        raise Unreadable(f"it contains {dtype} of shape {shape}, not a matrix of numbers with one vector per row")
    if math.prod(shape) * dtype.itemsize > size - file.tell():
        raise Unreadable("the file is truncated")
    return shape


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Turn whatever goes wrong with the content of a file into :class:`Unreadable`."""
    try:
        yield
    except UnicodeDecodeError:
        raise Unreadable("some of its text is not UTF-8") from None
    except (pa.ArrowException, ValueError, OverflowError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise Unreadable(os_error_reason(error)) from None
        message = str(error).strip() or type(error).__name__
        raise Unreadable(f"damaged: {message.splitlines()[0].rstrip('.')}") from None


@contextlib.contextmanager
def _noting(files: VectorFiles, name: str) -> Iterator[None]:
    try:
        with reading():
            yield
    except Unreadable as error:
        files.unreadable[name] = str(error)


def _count_values(metadata: pq.FileMetaData) -> Counter[str]:
    """Return how many values each Parquet column has, by its path, such as ``embedding.list.element``."""
    counts: Counter[str] = Counter()
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        for chunk in (group.column(j) for j in range(group.num_columns)):
            counts[chunk.path_in_schema] += chunk.num_values
    return counts
