"""Files that are complete or not there at all, and values fit for JSON."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary name to write to, and rename it to ``path`` when the writing has succeeded.

    The name is used by nobody else, not even by a process of a killed job that has not noticed yet.
    """
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON file in one go; numbers that JSON does not know become null."""
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write a Parquet file in one go."""
    with atomic_write(path) as partial:
        pq.write_table(table, partial)


def plain(value: Any) -> Any:
    """Return nested values with NumPy numbers as Python's, and infinities and NaN as None, fit for JSON."""
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
    """Remove a folder and all in it, if it is there."""
    shutil.rmtree(path, ignore_errors=True)
