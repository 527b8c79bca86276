"""Clear groups of so few rows that they cannot fill their own neighbor lists: they are merged before all others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from raycluster.graph.affinity import Affinity, sample_affinity
from raycluster.graph.kernel.compiled import compiled
from raycluster.graph.kernel.disjoint_set import find, join

MIN_RATIO = 2.0  # of the gap around a clear group to the largest gap inside it
MAX_RATIO = 10.0  # above which a group counts as no clearer still, so that duplicates do not outweigh everything
MIN_ROWS = 3


class SmallGroups(NamedTuple):
    """Clear groups of at most K_s rows.

    Attributes
    ----------
    labels : ndarray of int32, shape (n,)
        The group of every row, numbered by smallest row; -1 for rows that are in none.
    weights : ndarray of float32, shape (n, k)
        The weights of the edges inside groups, at the scale of the groups; 0 for all other edges.
    ratio : float
        Of the gap around a group to the largest gap inside it, as a geometric mean over all rows.
    """

    labels: np.ndarray
    weights: np.ndarray
    ratio: float

    @property
    def n_groups(self) -> int:
        """The number of groups."""
        return int(self.labels.max()) + 1

    @property
    def is_member(self) -> np.ndarray:
        """Whether each row is in a group, bool [n]."""
        return self.labels >= 0

    def isolate(self, neighbor_ids: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the weights (float32 [n, k]) of the graph without the edges between groups and other rows."""
        is_outside = ~self.is_member[:, None] & ~self.is_member[neighbor_ids]
        return np.where(is_outside, weights, self.weights)


def find_small_groups(
    neighbor_ids: np.ndarray, sq_distances: np.ndarray, sigma_scale: float = 1.0, affinity: Affinity = "local"
) -> SmallGroups | None:
    """Find the clear groups that are too small for K_s neighbors, if enough rows are in one.

    The lists of a group of 7 rows with 10 neighbors each end in other groups: the scale of the affinity becomes that of
    the gaps between groups, and wrong groups are merged. Single linkage sees such groups at any size. Its tree up to
    clusters of K_s rows follows from the neighbor lists alone, because one of the K_s neighbors of such a cluster's
    rows is always outside. A cluster of 3 to K_s rows is a clear group if the distance to the nearest row outside is at
    least ``MIN_RATIO`` times the longest step inside. Of groups within groups, those with the largest sum of log(ratio)
    over their rows are taken.

    Parameters
    ----------
    neighbor_ids, sq_distances : ndarray, shape (n, k)
        From :func:`raycluster.graph.neighbors.nearest.nearest_neighbors`.
    sigma_scale, affinity
        As for :func:`raycluster.graph.affinity.sample_affinity`.

    Returns
    -------
    SmallGroups or None
        None unless the ratio, as a geometric mean over all rows, is at least ``MIN_RATIO`` (1 for a row in no group).
        It is near 1 for noise of two and more dimensions, and for large clusters. A few small groups among these are
        strays, and remain subject to :func:`raycluster.graph.stages.small_components.join_small_components`.
    """
    if neighbor_ids.shape[1] < MIN_ROWS - 1:
        return None
    ends = _short_steps(neighbor_ids, sq_distances)
    order = np.argsort(sq_distances[ends], kind="stable")
    rows, columns = ends[0][order], ends[1][order]
    steps = sq_distances[rows, columns].astype(np.float64)
    labels, clearness = _clearest(len(neighbor_ids), rows, neighbor_ids[rows, columns], steps, neighbor_ids.shape[1])
    if clearness < 2 * np.log(MIN_RATIO):  # of squared distances
        return None
    weights = _weights_inside(neighbor_ids, sq_distances, labels, sigma_scale, affinity)
    return SmallGroups(labels, weights, float(np.exp(clearness / 2)))


def _weights_inside(
    neighbor_ids: np.ndarray, sq_distances: np.ndarray, labels: np.ndarray, sigma_scale: float, affinity: Affinity
) -> np.ndarray:
    """Return the weights of the graph of the edges inside groups, in the places of the whole graph."""
    is_inside = (labels[neighbor_ids] == labels[:, None]) & (labels >= 0)[:, None]
    order = np.argsort(~is_inside, axis=1, kind="stable")
    inside = np.take_along_axis(np.where(is_inside, sq_distances, np.float32(np.inf)), order, axis=1)
    weights = np.empty_like(inside)
    np.put_along_axis(weights, order, sample_affinity(inside, sigma_scale, affinity), axis=1)
    return weights


@compiled
def _short_steps(neighbor_ids: np.ndarray, sq_distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return those edges of the minimum spanning tree that lead out of a cluster of at most k rows (Borůvka).

    Returns
    -------
    row, column : ndarray of int64, shape (edges,)
        Places in the neighbor lists.
    """
    n, k = neighbor_ids.shape
    parent = np.arange(n).astype(np.int32)
    size = np.ones(n, np.int32)
    place = np.zeros(n, np.int32)  # of the nearest row outside
    row = np.empty(n, np.int64)
    column = np.empty(n, np.int64)
    edges, before = 0, -1
    while edges > before:
        before = edges
        nearest = np.full(n, -1, np.int32)  # the row of every cluster with the shortest step out of it
        for i in range(n):
            root = find(parent, i)
            if size[root] > k:
                continue
            while find(parent, neighbor_ids[i, place[i]]) == root:
                place[i] += 1
            best = nearest[root]
            if best < 0 or sq_distances[i, place[i]] < sq_distances[best, place[best]]:
                nearest[root] = i
        for c in range(n):
            if nearest[c] < 0:
                continue
            i = nearest[c]
            here, there = find(parent, i), find(parent, neighbor_ids[i, place[i]])
            if join(parent, here, there):
                size[min(here, there)] = size[here] + size[there]
                row[edges], column[edges] = i, place[i]
                edges += 1
    return row[:edges], column[:edges]


@compiled
def _clearest(
    n: int, rows: np.ndarray, others: np.ndarray, steps: np.ndarray, max_rows: int
) -> tuple[np.ndarray, float]:
    """Find the clearest groups in the single-linkage tree of these edges, shortest first.

    Returns
    -------
    labels : ndarray of int32, shape (n,)
    clearness : float
        The mean logarithm of their ratios over all rows, of squared distances.
    """
    m = len(rows)
    disjoint = np.arange(n).astype(np.int32)
    node = np.arange(n)  # of the cluster with this smallest row
    above = np.full(n + m, -1)
    size = np.ones(n + m, np.int32)
    inside = np.zeros(n + m)  # the longest step
    best = np.zeros(n + m)  # clearness of the best groups in the node
    is_best = np.zeros(n + m, np.bool_)  # the node itself is the best
    for e in range(m):
        a, b = find(disjoint, rows[e]), find(disjoint, others[e])
        new = n + e
        for child in (node[a], node[b]):
            above[child] = new
            if MIN_ROWS <= size[child] <= max_rows and steps[e] > 0 and steps[e] >= MIN_RATIO**2 * inside[child]:
                ratio = min(steps[e] / max(inside[child], steps[e] / MAX_RATIO**2), MAX_RATIO**2)
                clearness = size[child] * np.log(ratio)
                if clearness >= best[child]:
                    best[child], is_best[child] = clearness, True
            size[new] += size[child]
            best[new] += best[child]
        size[new] -= 1
        inside[new] = steps[e]
        join(disjoint, a, b)
        node[min(a, b)] = new
    clearness = np.sum(best[above < 0]) / n
    group = np.full(n + m, -1)  # the outermost best node
    for i in range(n + m - 1, -1, -1):
        if above[i] >= 0 and group[above[i]] >= 0:
            group[i] = group[above[i]]
        elif is_best[i]:
            group[i] = i
    number = np.full(n + m, -1, np.int32)
    labels = np.full(n, -1, np.int32)
    count = 0
    for i in range(n):
        if group[i] >= 0:
            if number[group[i]] < 0:
                number[group[i]] = count
                count += 1
            labels[i] = number[group[i]]
    return labels, clearness
