"""Every frame of an animation, and every page of a TIFF file, as an image of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from raycluster.data.files.kinds import KINDS
from raycluster.data.row_index import RowIndex
from raycluster.data.survey import read_headers


def every_frame(index: RowIndex) -> RowIndex:
    """Return the index with a row for each frame of the image files; ``file#3`` is the fourth.

    Images inside of Parquet, arrays and tar files stay one row each.
    """
    rows = index.rows
    is_file = (rows.kinds == KINDS.index("images"))[rows.file]
    files = np.setdiff1d(np.flatnonzero(is_file), list(index.reasons))
    counts = np.ones(len(rows), np.int64)
    counts[files] = np.maximum(read_headers(rows.select(files))[0].frames, 1)
    old = np.repeat(np.arange(len(rows)), counts)
    first = np.cumsum(counts) - counts
    frame = np.arange(len(old)) - first[old]
    expanded = rows.select(old)
    names = index.paths.take(pa.array(old, pa.int64())).to_pylist()
    paths = [f"{name}#{i}" if counts[row] > 1 else name for name, i, row in zip(names, frame, old, strict=True)]
    return index._replace(
        rows=replace(expanded, position=np.where(counts[old] > 1, frame, expanded.position)),
        paths=pa.array(paths, index.paths.type),
        reasons={int(first[row]): reason for row, reason in index.reasons.items()},
        sizes=index.sizes[old],
        depths=index.depths[old],
        labels=None if index.labels is None else index.labels[old],
    )
