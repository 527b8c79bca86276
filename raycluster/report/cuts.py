"""The numbers of clusters that a page offers, and what becomes of the images at each of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from raycluster.graph.tree import MergeTree

EVERY = 300  # numbers up to this one are all offered, and higher ones in steps of 2%
STEP = 1.02
HIGHEST = 1000  # or twice as many as the run has


class Cuts(NamedTuple):
    """What each number of clusters makes of the images.

    Images that are together at every number are one *leaf*, so that a page needs to know only the leaf of each image,
    and the cluster of each leaf.

    Attributes
    ----------
    numbers : ndarray of int64, shape (m,)
        Ascending.
    own : int
        Which of them is the run's.
    leaf : ndarray of int32, shape (n,)
        The leaf of each image. Leaves are numbered so that at every number of clusters, as far as these are nested,
        the leaves of a cluster follow one another.
    clusters : ndarray of int32, shape (m, leaves)
        The cluster of each leaf at each number: for the run's own, as in ``assignments.parquet``, elsewhere as from
        :func:`partition_at`.
    """

    numbers: np.ndarray
    own: int
    leaf: np.ndarray
    clusters: np.ndarray


def partition_at(tree: MergeTree, n_clusters: int, identity: Mapping[str, Any]) -> np.ndarray:
    """Return the clusters of a run at another number of clusters than its own, int32 [n].

    Small clusters join others where the run let them (:meth:`raycluster.graph.tree.MergeTree.partition`); a run that
    chose its number did so with the small ones among them. The tree alone decides, so that everybody who has it finds
    the same clusters.

    Parameters
    ----------
    tree : MergeTree
    n_clusters : int
    identity : mapping
        The settings of the run.
    """
    join_small = bool(identity.get("join_small_clusters")) and identity.get("clusters") != "auto"
    return tree.partition(n_clusters, join_small_clusters=join_small).labels


def cut_everywhere(clusters: np.ndarray, others: Iterable[int], clusters_at: Callable[[int], np.ndarray]) -> Cuts:
    """Return the clusters at every number.

    Parameters
    ----------
    clusters : ndarray of int32, shape (n,)
        The run's own.
    others : iterable of int
        The other numbers, as from :func:`offered`; none for a run without a tree.
    clusters_at : callable
        Returns the clusters at one of these numbers, int32 [n].
    """
    own = len(np.unique(clusters))
    numbers = sorted({own, *others})
    leaf, first = _numbered(clusters)
    rows: list[np.ndarray] = []
    for number in reversed(numbers):
        labels = clusters if number == own else clusters_at(number)
        if not np.array_equal(labels[first][leaf], labels):
            split, first = _numbered(leaf.astype(np.int64) * (int(labels.max()) + 1) + labels)
            rows = [row[leaf[first]] for row in rows]
            leaf = split
        rows.append(labels[first])
    table = np.stack(rows[::-1]).astype(np.int32)
    order = np.lexsort(table[::-1])  # by the cluster at the lowest number, then at the next
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order))
    return Cuts(np.array(numbers), numbers.index(own), place[leaf], table[:, order])


def offered(tree: MergeTree, own: int, suggested: Iterable[int]) -> list[int]:
    """Return the numbers of clusters that a page offers, ascending."""
    lowest, highest = max(tree.n_roots, 1), min(tree.n_leaves, max(HIGHEST, 2 * own))
    numbers = set(range(lowest, min(EVERY, highest) + 1)) | {own, *suggested}
    number = EVERY
    while (number := math.ceil(number * STEP)) <= highest:
        numbers.add(number)
    return sorted(number for number in numbers if tree.n_roots <= number <= tree.n_leaves)


def _numbered(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as numbers from 0, int32 [n], and the first row of each."""
    _, first, numbered = np.unique(labels, return_index=True, return_inverse=True)
    return numbered.astype(np.int32), first
