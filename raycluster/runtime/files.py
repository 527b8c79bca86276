"""Files that are either complete or absent, and values made fit for JSON."""

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
