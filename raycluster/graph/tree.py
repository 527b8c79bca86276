"""The tree of all merges, from single rows up to the last clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from raycluster.errors import UserError


@dataclass(frozen=True)
class MergeTree:
    """A dendrogram in scikit-learn's ``children_`` convention: merge i makes node n + i out of nodes left and right.

    Attributes
    ----------
    n_leaves : int
        n. Nodes 0..n-1 are the rows.
    left, right : ndarray of int32, shape (n - r,)
        The merges in the order in which they were done, until r clusters are left (r = 1 for a whole tree). ``left``
        is the cluster with the smaller smallest row.
    affinity : ndarray of float64, shape (n - r,)
        Affinity A of the two merged clusters (JULE, eq. 3). Infinite for the merges that make the first clusters,
        0 where two clusters without affinity were joined.
    size : ndarray of int32, shape (n - r,)
        Rows in the new cluster.
    """

    n_leaves: int
    left: np.ndarray
    right: np.ndarray
    affinity: np.ndarray
    size: np.ndarray

    @classmethod
    def from_joins(cls, n_leaves: int, kept: np.ndarray, joined: np.ndarray, affinity: np.ndarray) -> MergeTree:
        """Build the tree from merges of clusters that go by the name of their smallest row.

        Merge i joins the cluster of row ``joined[i]`` to that of row ``kept[i]``, and kept[i] < joined[i].
        """
        left, right, size = _nodes(n_leaves, kept, joined)
        return cls(n_leaves, left, right, affinity, size)

    @property
    def children(self) -> np.ndarray:
        """The merges as one array, int32 [n - r, 2]."""
        return np.stack([self.left, self.right], axis=1)

    @property
    def n_roots(self) -> int:
        """Clusters left at the end, r."""
        return self.n_leaves - len(self.left)

    def cut(self, n_clusters: int) -> np.ndarray:
        """Return the labels at the moment when ``n_clusters`` were left.

        Returns
        -------
        ndarray of int32, shape (n,)
            Numbers from 0, in the order of the clusters' smallest rows.

        Raises
        ------
        UserError
            When there are fewer rows than clusters wanted, or the tree was not built that far up.
        """
        if not self.n_roots <= n_clusters <= self.n_leaves:
            raise UserError(
                f"n_clusters={n_clusters}, but this tree of {self.n_leaves} rows has {self.n_roots} roots: "
                f"choose {self.n_roots} to {self.n_leaves}."
            )
        return _labels(self.n_leaves, self.left, self.right, self.n_leaves - n_clusters)


@njit(cache=True, nogil=True)
def _nodes(n: int, kept: np.ndarray, joined: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    node = np.arange(n).astype(np.int32)
    rows = np.ones(n, np.int32)
    left = np.empty(len(kept), np.int32)
    right = np.empty(len(kept), np.int32)
    size = np.empty(len(kept), np.int32)
    for i in range(len(kept)):
        left[i] = node[kept[i]]
        right[i] = node[joined[i]]
        node[kept[i]] = n + i
        rows[kept[i]] += rows[joined[i]]
        size[i] = rows[kept[i]]
    return left, right, size


@njit(cache=True, nogil=True)
def _labels(n: int, left: np.ndarray, right: np.ndarray, n_merges: int) -> np.ndarray:
    smallest_row = np.arange(n + n_merges)
    above = np.arange(n)
    for i in range(n_merges):
        smallest_row[n + i] = smallest_row[left[i]]
        above[smallest_row[right[i]]] = smallest_row[left[i]]
    labels = np.empty(n, np.int32)
    n_found = 0
    for row in range(n):  # above[row] < row, so its label is known
        if above[row] == row:
            labels[row] = n_found
            n_found += 1
        else:
            labels[row] = labels[above[row]]
    return labels
