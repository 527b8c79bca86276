"""One look at every image before anything else: how large it is, or why it is unreadable."""

from __future__ import annotations

import numpy as np

from raycluster.data.decode import Unreadable
from raycluster.data.pipeline import Columns, map_ranges, put_rows
from raycluster.data.row_index import RowIndex
from raycluster.data.rows import Rows, decode_each


def survey_images(index: RowIndex) -> tuple[np.ndarray, dict[int, Unreadable | str]]:
    """Measure every image of a source, by decoding it unless it is in an array; on Ray where one is connected.

    Returns
    -------
    sizes : ndarray of int32, shape (n, 3)
        Height, width and channels; zeros where an image is unreadable.
    reasons : dict of int to (Unreadable or str)
        Why it is unreadable, by row.
    """
    rows = index.rows
    sizes = index.sizes.copy()
    reasons: dict[int, Unreadable | str] = dict(index.reasons)
    candidates = np.setdiff1d(np.flatnonzero((sizes == 0).all(axis=1)), list(reasons))
    if len(candidates) == 0:
        return sizes, reasons
    selected = rows.select(candidates)
    for columns in map_ranges(_survey_range, put_rows(selected), selected.ranges(0, len(candidates))):
        listed = candidates[columns["row"]]
        sizes[listed] = columns["size"]
        reasons.update((row, reason) for row, reason in zip(listed.tolist(), columns["reason"], strict=True) if reason)
    return sizes, reasons


def _survey_range(rows: Rows, start: int, stop: int) -> Columns:
    sizes = np.zeros((stop - start, 3), np.int32)
    reasons = [""] * (stop - start)
    for i, pixels in enumerate(decode_each(rows.read(start, stop))):
        if isinstance(pixels, Unreadable):
            reasons[i] = str(pixels)
        else:
            sizes[i] = *pixels.shape[:2], 1 if pixels.ndim == 2 else 3
    return {"row": np.arange(start, stop), "size": sizes, "reason": np.array(reasons, dtype=object)}
