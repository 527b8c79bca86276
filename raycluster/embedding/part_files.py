"""The Parquet files of embeddings, one per shard; the footer of each lists the rows that were rejected."""

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
    """A row that has no embedding, and the reason."""

    id: int
    path: str
    reason: str


class Footer(NamedTuple):
    """What a part file says about itself: how many rows it has, and which were rejected."""

    rows: int
    rejected: list[RejectedRow]


def part_path(out: Path, shard: int) -> Path:
    """Return the path of a shard's file."""
    return out / FOLDER / f"part-{shard:05d}.parquet"


def write_part(
    path: Path,
    ids: np.ndarray,
    paths: pa.Array,
    labels: np.ndarray,
    embeddings: np.ndarray,
    rejected: Sequence[RejectedRow],
) -> None:
    """Write a part file atomically: if the file is there, the shard is done.

    Parameters
    ----------
    path : Path
    ids : ndarray of int64, shape (m,)
    paths : Array of string, length m
    labels : ndarray of int64, shape (m,)
        -1, written as null, where unknown.
    embeddings : ndarray of float32, shape (m, d)
    rejected : sequence of RejectedRow
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
    _write(path, table, rejected)


def read_footer(path: Path) -> Footer | None:
    """Return the footer of a part file, or None if the file is incomplete."""
    try:
        metadata = pq.read_metadata(path)
        notes = json.loads((metadata.metadata or {})[KEY])
        return Footer(metadata.num_rows, [RejectedRow(*row) for row in notes["aside"]])
    except (pa.ArrowInvalid, KeyError, ValueError, TypeError, OSError):
        return None


def read_ids(path: Path) -> np.ndarray:
    """Return the ids in a part file, int64."""
    ids: np.ndarray = pq.read_table(path, columns=["id"], partitioning=None)["id"].to_numpy()
    return ids


def keep_ids(path: Path, ids: np.ndarray) -> None:
    """Rewrite a part file, atomically, with only those of its rows and rejected rows whose id is in ``ids``."""
    footer = read_footer(path)
    table = pq.read_table(path, partitioning=None)
    kept = table.filter(pa.array(np.isin(table["id"].to_numpy(), ids)))
    known = set(ids.tolist())
    _write(path, kept, [row for row in footer.rejected if row.id in known] if footer else [])


def _write(path: Path, table: pa.Table, rejected: Sequence[RejectedRow]) -> None:
    path.parent.mkdir(exist_ok=True)
    metadata = {KEY: json.dumps({"aside": [list(row) for row in rejected]})}
    with atomic_write(path) as partial:
        # No dictionary encoding: all embeddings, ids and paths differ.
        pq.write_table(table.replace_schema_metadata(metadata), partial, use_dictionary=False)
