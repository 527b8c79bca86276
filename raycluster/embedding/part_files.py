"""The Parquet files of an export, one a shard: each holds its rows, and tells in its footer of those set aside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from raycluster.runtime.files import atomic_write

FOLDER = "embeddings"
KEY = b"raycluster"


class RejectedRow(NamedTuple):
    """A row that has no embedding, and why."""

    id: int
    path: str
    reason: str


class Footer(NamedTuple):
    """What a part tells of itself: how many rows it has, and which were set aside."""

    rows: int
    aside: list[RejectedRow]


def part_path(out: Path, shard: int) -> Path:
    """Return the place of a shard's file."""
    return out / FOLDER / f"part-{shard:05d}.parquet"


def write_part(
    path: Path,
    ids: np.ndarray,
    paths: pa.Array,
    labels: np.ndarray,
    embeddings: np.ndarray,
    aside: Sequence[RejectedRow],
) -> None:
    """Write a part in one go: where the file is, the shard is done.

    Parameters
    ----------
    path : Path
    ids : ndarray of int64, shape (m,)
    paths : Array of string, length m
    labels : ndarray of int64, shape (m,)
        -1 where unknown, which becomes null.
    embeddings : ndarray of float32, shape (m, d)
    aside : sequence of RejectedRow
        The rows of the shard that have no embedding.
    """
    values = pa.array(np.ascontiguousarray(embeddings, np.float32).reshape(-1))
    table = pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "path": paths.cast(pa.string()),
            "embedding": pa.FixedSizeListArray.from_arrays(values, embeddings.shape[1]),
            "label": pa.array(labels, pa.int64(), mask=labels < 0),
        }
    )
    _write(path, table, aside)


def read_footer(path: Path) -> Footer | None:
    """Return what a part tells of itself, or None if it is no whole part."""
    try:
        metadata = pq.read_metadata(path)
        notes = json.loads((metadata.metadata or {})[KEY])
        return Footer(metadata.num_rows, [RejectedRow(*row) for row in notes["aside"]])
    except (pa.ArrowInvalid, KeyError, ValueError, TypeError, OSError):
        return None


def read_ids(path: Path) -> np.ndarray:
    """Return the ids of a part, int64."""
    ids: np.ndarray = pq.read_table(path, columns=["id"], partitioning=None)["id"].to_numpy()
    return ids


def keep_ids(path: Path, ids: np.ndarray) -> None:
    """Write a part anew, in one go, with those of its rows and rows set aside whose id is among ``ids``."""
    footer = read_footer(path)
    table = pq.read_table(path, partitioning=None)
    kept = table.filter(pa.array(np.isin(table["id"].to_numpy(), ids)))
    known = set(ids.tolist())
    _write(path, kept, [row for row in footer.aside if row.id in known] if footer else [])


def _write(path: Path, table: pa.Table, aside: Sequence[RejectedRow]) -> None:
    path.parent.mkdir(exist_ok=True)
    told = {KEY: json.dumps({"aside": [list(row) for row in aside]})}
    with atomic_write(path) as partial:
        # Without dictionaries: no two embeddings, ids or paths are alike.
        pq.write_table(table.replace_schema_metadata(told), partial, use_dictionary=False)
