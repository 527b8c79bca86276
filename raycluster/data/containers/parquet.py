"""Opening Parquet files, and what is read from containers of many images: an image, or why there is none."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import TypeGuard

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from raycluster.data.files.location import Location
from raycluster.data.unreadable import Unreadable, message_of

Item = bytes | np.ndarray | Unreadable

LABEL = "label"


@contextlib.contextmanager
def open_parquet(location: Location, name: str) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; raise :class:`Unreadable` if it turns out to be damaged."""
    try:
        with location.open(name) as file, pq.ParquetFile(file) as parquet:
            yield parquet
    except UnicodeDecodeError:
        raise Unreadable("some of its text is not UTF-8") from None
    except pa.ArrowException as error:
        raise Unreadable(f"not a complete Parquet file: {message_of(error)}") from None
    except OSError as error:
        if error.errno is not None or location.filesystem is not None:
            raise
        raise Unreadable(f"damaged: {message_of(error)}") from None  # Arrow raises this, not the operating system


def parquet_labels(file: pq.ParquetFile) -> tuple[np.ndarray | None, list[str] | None]:
    """Return the column ``label`` (-1 or None where it is null) and the class names in Hugging Face's metadata.

    There are no labels if :func:`label_problem` finds that the column cannot hold any.
    """
    schema = file.schema_arrow
    if LABEL not in schema.names or label_problem(schema):
        return None, None
    column = file.read(columns=[LABEL]).column(0)
    labels = np.array(column.to_pylist(), dtype=object)
    if pa.types.is_integer(column.type):
        labels = np.array([-1 if label is None else label for label in labels], dtype=np.int64)
    class_names = None
    with contextlib.suppress(KeyError, TypeError, ValueError):
        class_names = json.loads(schema.metadata[b"huggingface"])["info"]["features"][LABEL]["names"]
    return labels, class_names


def label_problem(schema: pa.Schema) -> str | None:
    """Return why the column ``label`` cannot be used, or None if it can, or if there is none."""
    fields = [field for field in schema if field.name == LABEL]
    if len(fields) > 1:
        return f"there are {len(fields)} columns of that name"
    kinds = [field.type for field in fields if pa.types.is_nested(field.type) or _is_extension(field.type)]
    return f"it holds {kinds[0]}, not one number or text per row" if kinds else None


def is_list(kind: pa.DataType) -> TypeGuard[pa.ListType | pa.LargeListType | pa.FixedSizeListType]:
    """Return whether a column of this type contains lists, of fixed or variable length."""
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _is_extension(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.BaseExtensionType)
