"""The first clusters, the pieces into which the graph falls, and what is done with the small ones."""

from __future__ import annotations

import numpy as np
from numba import njit

from raycluster.graph.kernel.disjoint_set import find

SMALL = 8  # rows; fewer are not a cluster, unless K_s is smaller still


def first_clusters(neighbor_ids: np.ndarray) -> np.ndarray:
    """Put every row into one cluster with its nearest neighbour (JULE, section 3.3 and supplement).

    Parameters
    ----------
    neighbor_ids : ndarray of int32, shape (n, k)
        Only the first column is looked at.

    Returns
    -------
    ndarray of int32, shape (n,)
        Connected components of the 1-NN graph, numbered by their smallest row.
    """
    if neighbor_ids.shape[1] == 0:  # a single row has no neighbours
        return np.arange(len(neighbor_ids), dtype=np.int32)
    return _components(np.ascontiguousarray(neighbor_ids[:, 0], dtype=np.int32))


def smallest_cluster(k: float) -> float:
    """Return how many rows make a cluster in a graph of k neighbours each, on average: k/2, for small k min(k, 8)."""
    return max(k / 2, min(k, SMALL))


def join_small_components(
    neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join stray rows to their nearest cluster, so that they do not take the place of real clusters at the end.

    A *piece* is a set of clusters held together by mutual edges, i → j and j → i. Without a mutual edge, what affinity
    a few rows s have to a cluster C is mostly S[C,s]/|C|², which vanishes as C grows, and often they have none: they
    would be merged after all real clusters, or never. So, before the merging, every piece of fewer rows than
    :func:`smallest_cluster` becomes one cluster with the cluster (of ``labels``, not its whole piece) at the other end
    of the strongest edge that leaves or enters it; of equal edges the one from the smallest row. This is repeated, as
    pieces grow together, until all pieces are large enough or have no edge to any other. A far-away cluster of more
    rows is left alone: it fills its own neighbour lists.

    Parameters
    ----------
    neighbor_ids : ndarray of int32, shape (n, k)
    weights : ndarray of float32, shape (n, k)
    labels : ndarray of int32, shape (n,)
        The clusters before, numbered by their smallest row.

    Returns
    -------
    labels : ndarray of int32, shape (n,)
        The clusters after, numbered by their smallest row.
    kept, joined : ndarray of int32
        The joins done, clusters named by their smallest rows, in order.
    """
    # A row with fewer neighbours than others is filled up with itself.
    k = np.count_nonzero(neighbor_ids != np.arange(len(labels))[:, None]) / len(labels)
    min_size = smallest_cluster(k)
    kept: list[np.ndarray] = []
    joined: list[np.ndarray] = []
    while True:
        row_of = smallest_rows(labels)
        low, high = _one_round(neighbor_ids, weights, labels, row_of, min_size)
        if len(low) == 0:
            return labels, np.concatenate([*kept, low]), np.concatenate([*joined, high])
        kept.append(low)
        joined.append(high)
        labels = joined_labels(labels, row_of, low, high)


@njit(cache=True, nogil=True)
def _join(parent: np.ndarray, i: int, j: int) -> bool:
    """Join two sets under the smaller root; return whether they were two."""
    i, j = find(parent, i), find(parent, j)
    if i == j:
        return False
    parent[max(i, j)] = min(i, j)
    return True


@njit(cache=True, nogil=True)
def _components(nearest: np.ndarray) -> np.ndarray:
    n = len(nearest)
    parent = np.arange(n).astype(np.int32)
    for i in range(n):
        _join(parent, i, nearest[i])
    return numbered(parent)


@njit(cache=True, nogil=True)
def numbered(parent: np.ndarray) -> np.ndarray:
    """Return the set of each element as a number, int32 [n], where every root is the smallest of its set."""
    labels = np.empty(len(parent), np.int32)
    found = 0
    for i in range(len(parent)):
        root = find(parent, i)
        if root == i:
            labels[i] = found
            found += 1
        else:
            labels[i] = labels[root]
    return labels


@njit(cache=True, nogil=True)
def smallest_rows(labels: np.ndarray) -> np.ndarray:
    """Return the smallest row of every cluster, int32 [c]."""
    rows = np.full(labels.max() + 1, -1, np.int32)
    for i in range(len(labels)):
        if rows[labels[i]] < 0:
            rows[labels[i]] = i
    return rows


@njit(cache=True, nogil=True)
def joined_labels(labels: np.ndarray, row_of: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the labels, numbered by smallest row, after joins of clusters named by smallest rows (``row_of``)."""
    parent = np.empty(len(labels), np.int32)
    for i in range(len(labels)):
        parent[i] = row_of[labels[i]]
    for i in range(len(low)):
        _join(parent, low[i], high[i])
    return numbered(parent)


@njit(cache=True, nogil=True)
def _pieces(neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return the piece of every cluster, named by its smallest cluster."""
    n, k = neighbor_ids.shape
    parent = np.arange(n_clusters).astype(np.int32)
    for i in range(n):
        for t in range(k):
            j = neighbor_ids[i, t]
            # A mutual edge is found from its smaller row.
            if i < j and weights[i, t] > 0 and find(parent, labels[i]) != find(parent, labels[j]):
                for u in range(k):
                    if neighbor_ids[j, u] == i and weights[j, u] > 0:
                        _join(parent, labels[i], labels[j])
    for c in range(n_clusters):
        parent[c] = find(parent, c)
    return parent


@njit(cache=True, nogil=True)
def _one_round(
    neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, row_of: np.ndarray, min_size: float
) -> tuple[np.ndarray, np.ndarray]:
    n, k = neighbor_ids.shape
    c = len(row_of)
    piece = _pieces(neighbor_ids, weights, labels, c)
    size = np.zeros(c, np.int32)
    for i in range(n):
        size[piece[labels[i]]] += 1
    is_small = np.empty(n, np.bool_)
    for i in range(n):
        is_small[i] = size[piece[labels[i]]] < min_size
    strongest = np.full(c, -1.0)
    target = np.full(c, -1, np.int32)
    for i in range(n):
        for t in range(k):
            if not (is_small[i] or is_small[neighbor_ids[i, t]]):
                continue
            here, there = labels[i], labels[neighbor_ids[i, t]]
            if piece[here] != piece[there]:
                if size[piece[here]] < min_size and weights[i, t] > strongest[piece[here]]:
                    strongest[piece[here]] = weights[i, t]
                    target[piece[here]] = there
                if size[piece[there]] < min_size and weights[i, t] > strongest[piece[there]]:
                    strongest[piece[there]] = weights[i, t]
                    target[piece[there]] = here
    parent = np.arange(c).astype(np.int32)
    low = np.empty(c, np.int32)
    high = np.empty(c, np.int32)
    joins = 0
    for i in range(2 * c):
        # First the clusters of a small piece among themselves, then the piece with its target.
        one, other = (i, piece[i]) if i < c else (i - c, target[i - c])
        if target[piece[one]] >= 0 and other >= 0:
            one, other = find(parent, one), find(parent, other)
            if _join(parent, one, other):
                low[joins] = row_of[min(one, other)]
                high[joins] = row_of[max(one, other)]
                joins += 1
    return low[:joins], high[:joins]
