"""The rule of JULE's released code for clusters without affinity: they join the nearest cluster at every step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from raycluster.graph.kernel.compiled import compiled
from raycluster.graph.kernel.labels import join_labels, smallest_rows

TIMES_K = 20  # while there are more clusters than this many times K, isolated ones join others


class IsolatedRule(NamedTuple):
    """When isolated clusters join others.

    Attributes
    ----------
    above : int
        Only while there are more clusters.
    unroll_rate : float
        η: the steps, at the start of each of which isolated clusters join others, merge this share of the clusters.
    """

    above: int
    unroll_rate: float


def join_isolated(
    neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, features: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join every cluster that has no affinity to any other to the one with the nearest centroid.

    Parameters
    ----------
    neighbor_ids : ndarray of int32, shape (n, k)
    weights : ndarray of float32, shape (n, k)
    labels : ndarray of int32, shape (n,)
        Numbered by smallest row.
    features : ndarray of float32, shape (n, d)

    Returns
    -------
    labels : ndarray of int32, shape (n,)
    kept, joined : ndarray of int32, shape (joins,)
        Clusters named by their smallest rows, kept < joined.
    """
    n, k = neighbor_ids.shape
    smallest_row = smallest_rows(labels)
    edges = csr_array((weights.ravel(), neighbor_ids.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    edges.eliminate_zeros()
    back = edges.T.tocsr()
    isolated = np.flatnonzero(~_has_affinity(edges.indptr, edges.indices, back.indptr, back.indices, labels))
    if len(smallest_row) < 2 or len(isolated) == 0:
        return labels, np.empty(0, np.int32), np.empty(0, np.int32)
    members = csr_array((np.ones(n), (labels, np.arange(n))), shape=(len(smallest_row), n))
    centroids = (members @ features.astype(np.float64)) / np.bincount(labels)[:, None]
    kept, joined = [], []
    roots = np.arange(len(smallest_row))
    for cluster in isolated:
        distances = ((centroids - centroids[cluster]) ** 2).sum(axis=1)
        distances[cluster] = np.inf
        low, high = sorted((roots[cluster], roots[distances.argmin()]))
        if low < high:
            kept.append(smallest_row[low])
            joined.append(smallest_row[high])
            roots[roots == high] = low
    kept_rows, joined_rows = np.array(kept, np.int32), np.array(joined, np.int32)
    return join_labels(labels, smallest_row, kept_rows, joined_rows), kept_rows, joined_rows


@compiled
def _has_affinity(
    start: np.ndarray, other: np.ndarray, back_start: np.ndarray, back_other: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Return which clusters have affinity to another: some row of one has edges both to and from the other."""
    has = np.zeros(labels.max() + 1, np.bool_)
    touched = np.full(len(has), -1)
    for row in range(len(labels)):
        for edge in range(start[row], start[row + 1]):
            touched[labels[other[edge]]] = row
        for edge in range(back_start[row], back_start[row + 1]):
            cluster = labels[back_other[edge]]
            if touched[cluster] == row and cluster != labels[row]:
                has[cluster] = has[labels[row]] = True
    return has
