"""Graph degree linkage: from a weighted k-NN graph and first clusters to the tree of merges."""

from __future__ import annotations

import numbers

import numpy as np
from numba import njit

from raycluster.errors import UserError
from raycluster.graph.approximate import merge_partitions
from raycluster.graph.disconnected import join_disconnected
from raycluster.graph.kernel.components import join_small_components, joined_labels, smallest_rows
from raycluster.graph.kernel.merging import merge
from raycluster.graph.kernel.partition import order_by_partition
from raycluster.graph.kernel.touches import find_touches
from raycluster.graph.tree import MergeTree

MANY = 65_536  # clusters, whose tables fit no cache


def link(
    neighbor_ids: np.ndarray,
    weights: np.ndarray,
    labels: np.ndarray,
    n_clusters: int = 1,
    n_neighbor_clusters: int = 5,
    local_structure: float = 1.0,
    join_pieces: bool = True,
    features: np.ndarray | None = None,
    epsilon: float = 0.0,
) -> MergeTree:
    """Merge clusters one pair at a time, unless ε is above 0, until ``n_clusters`` are left (JULE, eqs. 3 and 4).

    Parameters
    ----------
    neighbor_ids : ndarray of int32, shape (n, k)
        The k-NN graph of :func:`raycluster.graph.neighbors.nearest.nearest_neighbors`.
    weights : ndarray of float32, shape (n, k)
        Its weights, of :func:`raycluster.graph.affinity.sample_affinity`.
    labels : ndarray of int, shape (n,)
        The clusters to begin with, such as :func:`raycluster.graph.kernel.components.first_clusters`.
    n_clusters : int
        Where to stop. The merges do not depend on it: ``link(..., n_clusters=1).cut(K)`` gives the labels of
        ``link(..., n_clusters=K).cut(K)``.
    n_neighbor_clusters : int
        K_c.
    local_structure : float
        λ.
    join_pieces : bool
        Whether small pieces of the graph are joined to their nearest cluster at the start
        (:func:`raycluster.graph.kernel.components.join_small_components`). The paper does not.
    features : ndarray of float32, shape (n, d), optional
        Decide the order in which parts of the graph without any edge between them are joined at the very end.
    epsilon : float
        ε. Above 0, up to half of the clusters are merged approximately, on all cores, before the exact merging
        (:func:`raycluster.graph.approximate.merge_partitions`).

    Returns
    -------
    MergeTree
        In this order: the merges that make the first clusters and the joins of small pieces, both with affinity
        infinity, as they belong to the start; the merges by affinity. From here on with affinity 0: when no two
        clusters have affinity any more, the merges by affinity of the graph with every edge counted in both directions
        (W + Wᵀ); and when no edge is left between any two clusters, those with the closest centroids, or without
        ``features`` the two smallest.
    """
    neighbor_ids = np.ascontiguousarray(neighbor_ids, dtype=np.int32)
    weights = np.ascontiguousarray(weights, dtype=np.float32)
    n, k = neighbor_ids.shape
    if labels.shape != (n,):
        raise UserError(f"The graph has {n} rows, but there are labels of shape {labels.shape}.")
    if weights.shape != (n, k) or (features is not None and len(features) != n):
        raise UserError(f"The graph has ids of shape {(n, k)}: weights must have the same, and features {n} rows.")
    if k and not (neighbor_ids.min() >= 0 and neighbor_ids.max() < n):
        raise UserError(f"The ids of neighbours must be rows, 0 to {n - 1}: give missing ones any row and weight 0.")
    if k and not (weights.min() >= 0 and weights.max() < np.inf):
        raise UserError("Weights must be 0 or more, and neither NaN nor infinite.")
    if not (isinstance(n_clusters, numbers.Integral) and 1 <= n_clusters <= n):
        raise UserError(f"n_clusters={n_clusters} of {n} rows: choose a whole number from 1 to {n}.")
    if not (n_neighbor_clusters >= 1 and local_structure >= 0 and epsilon >= 0):
        raise UserError(
            f"n_neighbor_clusters={n_neighbor_clusters}, local_structure={local_structure} and epsilon={epsilon}: "
            "choose at least 1, 0 and 0."
        )
    if 2 * n * k > np.iinfo(np.int32).max:
        raise UserError(f"{n} rows with {k} neighbours are more than the merging can number: choose fewer neighbours.")
    labels, kept, joined = _number_by_smallest_row(labels)
    stages = [(kept, joined, np.full(len(kept), np.inf))]
    if join_pieces:
        labels, kept, joined = join_small_components(neighbor_ids, weights, labels)
        stages.append((kept, joined, np.full(len(kept), np.inf)))
    for two_way in (False, True):
        if labels.max() + 1 > n_clusters:
            labels, kept, joined, affinity = _merge_by_affinity(
                neighbor_ids, weights, labels, n_clusters, n_neighbor_clusters, float(local_structure), two_way, epsilon
            )
            stages.append((kept, joined, np.zeros(len(kept)) if two_way else affinity))
    if labels.max() + 1 > n_clusters:
        kept, joined = join_disconnected(labels, features, n_clusters)
        stages.append((kept, joined, np.zeros(len(kept))))
    kept, joined, affinity = (np.concatenate(column) for column in zip(*stages, strict=True))
    n_merges = n - n_clusters
    return MergeTree.from_joins(n, kept[:n_merges], joined[:n_merges], affinity[:n_merges])


def _number_by_smallest_row(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels numbered by smallest row, and the joins of single rows that make these clusters."""
    _, first_row, inverse = np.unique(labels, return_index=True, return_inverse=True)
    number = np.empty(len(first_row), np.int32)
    number[np.argsort(first_row)] = np.arange(len(first_row))
    smallest_row = first_row[inverse].astype(np.int32)
    joined = np.flatnonzero(smallest_row != np.arange(len(labels))).astype(np.int32)
    return number[inverse], smallest_row[joined], joined


def _merge_by_affinity(
    neighbor_ids: np.ndarray,
    weights: np.ndarray,
    labels: np.ndarray,
    n_clusters: int,
    n_neighbor_clusters: int,
    local_structure: float,
    two_way: bool,
    epsilon: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the labels after merging, and the merges.

    Many clusters are merged in an order of the rows that keeps neighbours together in memory; the merges are the same.
    """
    rows, stages = np.arange(len(labels), dtype=np.int32), []
    in_parts = epsilon > 0 and not two_way
    if in_parts or labels.max() + 1 > MANY:
        graph = order_by_partition(neighbor_ids, weights, labels)
        rows, neighbor_ids, weights, _ = graph
        if in_parts:
            numbers, _, names = _number_clusters(labels, rows)
            stages.append(merge_partitions(graph, numbers, names, n_neighbor_clusters, local_structure, epsilon))
            labels = joined_labels(labels, smallest_rows(labels), *stages[0][:2])
        del graph
    numbers, size, names = _number_clusters(labels, rows)
    touches = find_touches(neighbor_ids, weights, numbers, len(size), two_way)
    del neighbor_ids, weights  # which may be copies, in the order of the parts
    stages.append(merge(touches, numbers, size, names, n_clusters, n_neighbor_clusters, local_structure))
    kept, joined, affinity = (np.concatenate(column) for column in zip(*stages, strict=True))
    labels = joined_labels(labels, smallest_rows(labels), *stages[-1][:2])
    return labels, kept, joined, affinity


@njit(cache=True, nogil=True)
def _number_clusters(labels: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the cluster of each of ``rows``, numbered in their order, and the clusters' sizes and smallest rows."""
    c = labels.max() + 1
    number = np.full(c, -1, np.int32)
    numbers = np.empty(len(rows), np.int32)
    size = np.zeros(c, np.int32)
    smallest_row = np.full(c, len(rows), np.int32)
    n_found = 0
    for place in range(len(rows)):
        cluster = labels[rows[place]]
        if number[cluster] < 0:
            number[cluster] = n_found
            n_found += 1
        i = number[cluster]
        numbers[place] = i
        size[i] += 1
        smallest_row[i] = min(smallest_row[i], rows[place])
    return numbers, size, smallest_row
