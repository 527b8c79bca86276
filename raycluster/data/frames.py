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

    Images inside of Parquet, arrays and tar files stay one row each. The sizes and depths of image files are then known
    from their headers, those of the first frame.
    """
    rows = index.rows
    is_file = (rows.kinds == KINDS.index("images"))[rows.file]
    files = np.setdiff1d(np.flatnonzero(is_file), list(index.reasons))
    headers, _ = read_headers(rows.select(files))
    counts, sizes, depths = np.ones(len(rows), np.int64), index.sizes.copy(), index.depths.copy()
    counts[files], sizes[files], depths[files] = np.maximum(headers.frames, 1), headers.sizes, headers.depths
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
        sizes=sizes[old],
        depths=depths[old],
        labels=None if index.labels is None else index.labels[old],
    )
