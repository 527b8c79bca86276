"""The tree of all merges, from single rows to the last clusters."""

from __future__ import annotations

import numbers
from dataclasses import dataclass

import numpy as np

from raycluster.errors import UserError
from raycluster.graph.kernel.compiled import compiled
from raycluster.graph.small_clusters import Partition, partition_of


@dataclass(frozen=True)
class MergeTree:
    """A dendrogram in scikit-learn's ``children_`` convention: merge i makes node n + i out of nodes left and right.

    Attributes
    ----------
    n_leaves : int
        n. Nodes 0..n-1 are the rows.
    left, right : ndarray of int32, shape (n - r,)
        The merges in the order in which they happened, until r clusters are left (r = 1 for a complete tree). Of the
        two clusters, ``left`` has the smaller smallest row.
    affinity : ndarray of float64, shape (n - r,)
        Affinity A of the two merged clusters (JULE). Infinite for the merges that come before the merging by affinity:
        those that make the first clusters, and those of small components. 0 for two clusters without affinity, which
        are merged at the end.
    size : ndarray of int32, shape (n - r,)
        Number of rows in the new cluster.
    """

    n_leaves: int
    left: np.ndarray
    right: np.ndarray
    affinity: np.ndarray
    size: np.ndarray

    @classmethod
    def from_joins(cls, n_leaves: int, kept: np.ndarray, joined: np.ndarray, affinity: np.ndarray) -> MergeTree:
        """Build the tree from merges of clusters that are named by their smallest rows.

        Parameters
        ----------
        n_leaves : int
        kept, joined : ndarray of int32, shape (merges,)
            Merge i joins the cluster of row ``joined[i]`` to that of row ``kept[i]``, and kept[i] < joined[i].
        affinity : ndarray of float64, shape (merges,)
        """
        left, right, size = _nodes(n_leaves, kept, joined)
        return cls(n_leaves, left, right, affinity, size)

    @property
    def children(self) -> np.ndarray:
        """The merges as one array, int32 [n - r, 2]."""
        return np.stack([self.left, self.right], axis=1)

    @property
    def n_roots(self) -> int:
        """The number of clusters left at the end, r."""
        return self.n_leaves - len(self.left)

    @property
    def parent(self) -> np.ndarray:
        """The node that each node became part of, int32 [n + (n - r)], -1 for the roots."""
        parent = np.full(self.n_leaves + len(self.left), -1, np.int32)
        nodes = np.arange(self.n_leaves, len(parent), dtype=np.int32)
        parent[self.left], parent[self.right] = nodes, nodes
        return parent

    @property
    def heights(self) -> np.ndarray:
        """The heights of the merges in a drawing, float64 [n - r], strictly increasing.

        Affinity does not fall from every merge to the next, because the merging follows the score, which also compares
        neighbors with one another. The height of a merge is therefore that of the lowest affinity A so far, 1 +
        ln(A_max / A), where A_max is the highest finite affinity. Merges before the merging by affinity have height 0,
        and merges without affinity are 1 above all others. Equal heights are separated by the smallest floating-point
        step, so that a drawing cut at K clusters shows those of ``cut(K)``.
        """
        affinity = self.affinity
        is_merge = np.isfinite(affinity) & (affinity > 0)
        top = affinity[is_merge].max(initial=0.0) or 1.0
        lowest = np.minimum.accumulate(np.where(is_merge, affinity, np.inf))
        height = np.where(np.isinf(lowest), 0.0, 1 + np.log(top / np.minimum(lowest, top)))
        height[affinity == 0] = height.max(initial=0.0) + 1
        return _strictly_increasing(height)

    def cut(self, n_clusters: int | None = None, *, min_affinity: float | None = None) -> np.ndarray:
        """Return the labels at one moment of the merging: when ``n_clusters`` were left, or before affinity fell.

        Parameters
        ----------
        n_clusters : int, optional
            K. The labels are those of a merging that stops there, whatever the sizes of its clusters;
            :meth:`partition` gives K clusters that count.
        min_affinity : float, optional
            Above 0. The moment is the one before the first merge with a lower affinity.

        Returns
        -------
        ndarray of int32, shape (n,)
            Numbers from 0, in the order of the clusters' smallest rows.

        Raises
        ------
        UserError
            If not exactly one of the two is given, or the tree cannot be cut at that many clusters.
        """
        if (n_clusters is None) == (min_affinity is None):
            raise UserError("A tree is cut either at n_clusters or at min_affinity: give one of the two.")
        if n_clusters is None:
            if min_affinity is None or not min_affinity > 0:
                raise UserError(f"min_affinity={min_affinity}: choose a number above 0.")
            lower = np.flatnonzero(~(self.affinity >= min_affinity))
            return _labels(self.n_leaves, self.left, self.right, int(lower[0]) if len(lower) else len(self.left))
        self._check(n_clusters)
        return _labels(self.n_leaves, self.left, self.right, self.n_leaves - n_clusters)

    def partition(
        self, n_clusters: int, features: np.ndarray | None = None, join_small_clusters: bool = True
    ) -> Partition:
        """Return K clusters that count: small ones may join another, to make room for larger ones.

        Parameters
        ----------
        n_clusters : int
            K.
        features : ndarray of float32, shape (n, d), optional
            Decide which clusters the small ones join: those with the nearest centroids. Without them, it is the largest
            of the clusters that they were merged with next.
        join_small_clusters : bool
            By the rule of :func:`raycluster.graph.small_clusters.partition_of`. Otherwise the clusters are those of
            :meth:`cut`.

        Raises
        ------
        UserError
            If the tree cannot be cut at that many clusters.
        """
        self._check(n_clusters)
        return partition_of(self, int(n_clusters), features, join_small_clusters)

    def _check(self, n_clusters: int) -> None:
        """Raise :class:`UserError` unless the tree can be cut at ``n_clusters``."""
        if not (isinstance(n_clusters, numbers.Integral) and self.n_roots <= n_clusters <= self.n_leaves):
            raise UserError(
                f"n_clusters={n_clusters}, but this tree of {self.n_leaves} rows has {self.n_roots} roots: "
                f"choose {self.n_roots} to {self.n_leaves}."
            )

    def path_to_root(self, node: int) -> np.ndarray:
        """Return the nodes from ``node`` (a row, or n + i for merge i) up to its root, int32, including both."""
        if not 0 <= node < self.n_leaves + len(self.left):
            raise UserError(
                f"node={node}: choose one of the nodes 0 to {self.n_leaves + len(self.left) - 1} of this tree."
            )
        return _path(self.parent, node)

    def to_scipy(self) -> np.ndarray:
        """Return the tree as SciPy's linkage matrix, float64 [n - 1, 4]: left, right, height and size of every merge.

        ``scipy.cluster.hierarchy.dendrogram`` draws it, with :attr:`heights`.

        Raises
        ------
        UserError
            If the tree has more than one root.
        """
        if self.n_roots != 1:
            raise UserError(f"This tree has {self.n_roots} roots, but SciPy takes only complete trees: link down to 1.")
        return np.column_stack([self.left, self.right, self.heights, self.size]).astype(np.float64)


@compiled
def _nodes(n: int, kept: np.ndarray, joined: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the two nodes that every merge joins, and the number of rows in the new one."""
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


@compiled
def _labels(n: int, left: np.ndarray, right: np.ndarray, n_merges: int) -> np.ndarray:
    """Return the labels after the first ``n_merges`` merges."""
    smallest_row = np.arange(n + n_merges)
    above = np.arange(n)
    for i in range(n_merges):
        smallest_row[n + i] = smallest_row[left[i]]
        above[smallest_row[right[i]]] = smallest_row[left[i]]
    labels = np.empty(n, np.int32)
    n_found = 0
    for row in range(n):  # above[row] < row, so that its label is known already
        if above[row] == row:
            labels[row] = n_found
            n_found += 1
        else:
            labels[row] = labels[above[row]]
    return labels


@compiled
def _path(parent: np.ndarray, node: int) -> np.ndarray:
    path = [np.int32(node)]
    while parent[path[-1]] >= 0:
        path.append(parent[path[-1]])
    return np.array(path)


@compiled
def _strictly_increasing(height: np.ndarray) -> np.ndarray:
    """Raise every height above the one before it, by as little as possible."""
    for i in range(1, len(height)):
        height[i] = max(height[i], np.nextafter(height[i - 1], np.inf))
    return height
