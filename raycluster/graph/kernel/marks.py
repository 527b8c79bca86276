"""Marks: at a merge, each neighbor of the merged cluster b is marked with its half of the pair with b."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from raycluster.graph.kernel.compiled import compiled_lean


class Marks(NamedTuple):
    """Which clusters are marked; the mark itself is a field of the cluster."""

    cluster: np.ndarray  # int32 [c]
    counts: np.ndarray  # int64 [1], how many


def no_marks(n_clusters: int) -> Marks:
    """Return room for marks of every cluster."""
    return Marks(np.empty(n_clusters, np.int32), np.zeros(1, np.int64))


@compiled_lean
def set_mark(marks: Marks, clusters: np.ndarray, d: int, half: int) -> None:
    """Mark d, which has no mark yet."""
    clusters[d].mark = half
    marks.cluster[marks.counts[0]] = d
    marks.counts[0] += 1


@compiled_lean
def clear_marks(marks: Marks, clusters: np.ndarray) -> None:
    """Clear all marks."""
    for k in range(marks.counts[0]):
        clusters[marks.cluster[k]].mark = -1
    marks.counts[0] = 0
