"""Files that are either complete or absent, read back with a sentence if they are damaged; values fit for JSON."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from raycluster.errors import UserError


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Provide a temporary name to write to, and rename it to ``path`` once the writing has succeeded.

    The name is unique, so that a process of a killed job that is still writing does no harm.
    """
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON file atomically; infinities and NaN become null."""
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write a Parquet file atomically."""
    with atomic_write(path) as partial:
        pq.write_table(table, partial)


def write_csv(path: Path, table: pa.Table) -> None:
    """Write a CSV file with a line of names atomically; texts are in quotes, and what is null is empty."""
    with atomic_write(path) as partial:
        csv.write_csv(table, partial)


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """Return the object in a JSON file.

    Parameters
    ----------
    path : Path
    remedy : str
        What to do if the file is damaged, as the end of a sentence.

    Raises
    ------
    UserError
        If the file cannot be read, or is damaged.
    """
    try:
        value = json.loads(path.read_text())
    except OSError as error:
        raise unreadable(path, error) from None
    except ValueError as error:
        raise damaged(path, error, remedy) from None
    if not isinstance(value, dict):
        raise damaged(path, "it is not an object", remedy)
    return value


def read_parquet(path: Path, columns: Sequence[str], remedy: str) -> pa.Table:
    """Return the table in a Parquet file, which must have these columns and may have others.

    Parameters
    ----------
    path : Path
    columns : sequence of str
    remedy : str
        As for :func:`read_json`.

    Raises
    ------
    UserError
        As for :func:`read_json`.
    """
    try:
        with open(path, "rb") as file:
            table = pq.read_table(file)
    except (pa.ArrowException, ValueError) as error:
        raise damaged(path, error, remedy) from None
    except OSError as error:
        # Arrow's own errors about the content are OSErrors without a number.
        raise (unreadable(path, error) if error.errno else damaged(path, error, remedy)) from None
    if missing := [name for name in columns if name not in table.column_names]:
        raise damaged(path, f"it has no column {missing[0]}", remedy)
    return table


def unreadable(path: Path, error: OSError) -> UserError:
    """Return the error of a file that cannot be read, which says nothing about what is in it."""
    return UserError(
        f"{path} cannot be read: {error.strerror or error}. Make it readable, then run the same command again."
    )


def damaged(path: Path, reason: object, remedy: str) -> UserError:
    """Return the error of a file that does not contain what it should."""
    first = (str(reason).strip() or type(reason).__name__).splitlines()[0].rstrip(".:")
    return UserError(f"{path} is damaged ({first}): {remedy}.")


def plain(value: Any) -> Any:
    """Return nested values made fit for JSON: NumPy numbers as Python's, infinities and NaN as None."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def remove_tree(path: Path) -> None:
    """Remove a folder with everything in it, if it exists."""
    shutil.rmtree(path, ignore_errors=True)
