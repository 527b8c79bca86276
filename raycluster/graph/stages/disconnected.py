"""The last merges: clusters that no edge connects."""

from __future__ import annotations

import heapq

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from raycluster.graph.kernel.compiled import compiled
from raycluster.graph.kernel.labels import join_labels, smallest_rows

MAX_COMPARED = 4096


def count_components(neighbor_ids: np.ndarray) -> int:
    """Return the number of connected components of the graph (ids int [n, k]), whatever the direction of its edges."""
    n, k = neighbor_ids.shape
    edges = np.ones(n * k, np.bool_), neighbor_ids.ravel(), np.arange(0, n * k + 1, k)
    return int(connected_components(csr_array(edges, shape=(n, n)), connection="weak", return_labels=False))


def join_disconnected(
    labels: np.ndarray, features: np.ndarray | None, n_clusters: int
) -> tuple[np.ndarray, np.ndarray]:
    """Join clusters until ``n_clusters`` are left, the two with the closest centroids first.

    That compares every centroid with every other one. As long as there are more than ``MAX_COMPARED`` clusters, the two
    smallest are therefore joined instead.

    Parameters
    ----------
    labels : ndarray of int32, shape (n,)
        Numbered by smallest row.
    features : ndarray of float32, shape (n, d), or None
        Without features, the two smallest clusters are joined; of equally small ones, those with the smallest rows.
    n_clusters : int
        At least 1.

    Returns
    -------
    kept, joined : ndarray of int32, shape (merges,)
        Clusters named by their smallest rows, kept < joined.
    """
    smallest_row, size = smallest_rows(labels), np.bincount(labels).astype(np.int64)
    if features is None:
        return _join_smallest(smallest_row, size, n_clusters)
    if len(size) > MAX_COMPARED:
        first = _join_smallest(smallest_row, size, max(n_clusters, MAX_COMPARED))
        labels = join_labels(labels, smallest_row, *first)
        last = join_disconnected(labels, features, n_clusters)
        return np.concatenate([first[0], last[0]]), np.concatenate([first[1], last[1]])
    centroids = np.zeros((len(size), features.shape[1]))
    _add_rows(centroids, labels, features)
    centroids /= size[:, None]
    return _join_closest(smallest_row, size, centroids, n_clusters)


@compiled
def _join_smallest(smallest_row: np.ndarray, size: np.ndarray, n_clusters: int) -> tuple[np.ndarray, np.ndarray]:
    c = len(size)
    waiting = [(size[i], smallest_row[i]) for i in range(c)]
    heapq.heapify(waiting)
    kept = np.empty(c - n_clusters, np.int32)
    joined = np.empty(c - n_clusters, np.int32)
    for i in range(c - n_clusters):
        size_1, row_1 = heapq.heappop(waiting)
        size_2, row_2 = heapq.heappop(waiting)
        kept[i], joined[i] = min(row_1, row_2), max(row_1, row_2)
        heapq.heappush(waiting, (size_1 + size_2, kept[i]))
    return kept, joined


@compiled
def _add_rows(centroids: np.ndarray, labels: np.ndarray, features: np.ndarray) -> None:
    for i in range(len(labels)):
        centroids[labels[i]] += features[i]


@compiled
def _join_closest(
    smallest_row: np.ndarray, size: np.ndarray, centroids: np.ndarray, n_clusters: int
) -> tuple[np.ndarray, np.ndarray]:
    """Run centroid linkage, keeping track of the nearest other cluster of each; needs no matrix of distances."""
    c = len(size)
    alive = np.ones(c, np.bool_)
    nearest = np.full(c, -1)
    distance = np.full(c, np.inf)
    for i in range(c):
        _find_nearest(i, alive, centroids, nearest, distance)
    kept = np.empty(c - n_clusters, np.int32)
    joined = np.empty(c - n_clusters, np.int32)
    for step in range(c - n_clusters):
        found = np.argmin(distance)
        i, j = min(found, nearest[found]), max(found, nearest[found])
        kept[step], joined[step] = smallest_row[i], smallest_row[j]
        centroids[i] = (size[i] * centroids[i] + size[j] * centroids[j]) / (size[i] + size[j])
        size[i] += size[j]
        alive[j] = False
        distance[j] = np.inf
        for d in range(c):
            if alive[d] and (d == i or nearest[d] == i or nearest[d] == j):
                _find_nearest(d, alive, centroids, nearest, distance)
            elif alive[d]:
                new = np.sum((centroids[d] - centroids[i]) ** 2)
                if new < distance[d] or (new == distance[d] and i < nearest[d]):
                    distance[d], nearest[d] = new, i
    return kept, joined


@compiled
def _find_nearest(i: int, alive: np.ndarray, centroids: np.ndarray, nearest: np.ndarray, distance: np.ndarray) -> None:
    distance[i] = np.inf
    for j in range(len(alive)):
        if alive[j] and j != i:
            d = np.sum((centroids[i] - centroids[j]) ** 2)
            if d < distance[i]:
                distance[i], nearest[i] = d, j
