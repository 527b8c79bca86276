"""Clusters of a set that has grown: they keep the numbers of the earlier clusters that they overlap with."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import contingency_matrix


class Followed(NamedTuple):
    """Clusters in earlier numbers, int32 [n], and what has moved, as ``RunSummary.moved`` says."""

    clusters: np.ndarray
    moved: dict[str, Any]


def follow(ids_before: np.ndarray, before: np.ndarray, ids: np.ndarray, clusters: np.ndarray) -> Followed:
    """Give clusters the numbers of the earlier ones that they continue, and say what has moved.

    Clusters are matched one to one, so that as many images as possible stay where they were. A pair counts if it
    shares more than half of the smaller of the two; other clusters are new, and get numbers that were not in use.

    Parameters
    ----------
    ids_before : ndarray of int64, shape (m,)
        Images that were clustered before, and
    before : ndarray of int32, shape (m,)
        their clusters.
    ids : ndarray of int64, shape (n,)
        Images that are clustered now, and
    clusters : ndarray of int32, shape (n,)
        their clusters.
    """
    _, old, new = np.intersect1d(ids_before, ids, return_indices=True)
    names, after = np.unique(clusters), clusters[new]
    number_of: dict[int, int] = {}
    if len(new):
        shared = contingency_matrix(before[old], after)
        earlier, later = np.unique(before[old]), np.unique(after)
        sizes_before = {c: int((before == c).sum()) for c in earlier.tolist()}
        sizes = {c: int((clusters == c).sum()) for c in later.tolist()}
        for i, j in zip(*linear_sum_assignment(shared, maximize=True), strict=True):
            a, b = int(earlier[i]), int(later[j])
            if 2 * shared[i, j] > min(sizes_before[a], sizes[b]):
                number_of[b] = a
    in_use = set(before.tolist())
    free = (number for number in range(len(in_use) + len(names)) if number not in in_use)
    fresh = [name for name in names.tolist() if name not in number_of]
    number_of |= {name: next(free) for name in fresh}
    numbers = np.array([number_of[name] for name in names.tolist()], np.int32)
    renumbered = numbers[np.searchsorted(names, clusters)]
    moved = {
        "images": len(new),
        "changed": int((renumbered[new] != before[old]).sum()),
        "added": len(ids) - len(new),
        "removed": len(ids_before) - len(old),
        "new": sorted(number_of[name] for name in fresh),
        "gone": sorted(in_use - set(numbers.tolist())),
    }
    return Followed(renumbered, moved)
