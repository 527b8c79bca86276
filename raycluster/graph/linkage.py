"""Graph degree linkage: from a weighted k-NN graph and first clusters to the tree of all merges."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable

import numpy as np

from raycluster.errors import UserError
from raycluster.graph.kernel.labels import join_labels, number_by_position, number_by_smallest_row, smallest_rows
from raycluster.graph.kernel.merging import merge
from raycluster.graph.kernel.touches import find_touches
from raycluster.graph.stages import small_components
from raycluster.graph.stages.disconnected import join_disconnected
from raycluster.graph.stages.isolated import IsolatedRule, join_isolated
from raycluster.graph.stages.partition import order_by_partition
from raycluster.graph.stages.small_groups import SmallGroups
from raycluster.graph.tree import MergeTree

REORDER_ABOVE = 65_536  # clusters, whose tables no longer fit into the processor's cache


def link(
    neighbor_ids: np.ndarray,
    weights: np.ndarray,
    labels: np.ndarray,
    n_clusters: int = 1,
    n_neighbor_clusters: int = 5,
    local_structure: float = 1.0,
    join_small_components: bool = True,
    features: np.ndarray | None = None,
    groups: SmallGroups | None = None,
    isolated: IsolatedRule | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> MergeTree:
    """Merge clusters until ``n_clusters`` are left, one pair at a time (JULE).

    Parameters
    ----------
    neighbor_ids : ndarray of int32, shape (n, k)
        The k-NN graph, from :func:`raycluster.graph.neighbors.nearest.nearest_neighbors`.
    weights : ndarray of float32, shape (n, k)
        Its weights, from :func:`raycluster.graph.affinity.sample_affinity`.
    labels : ndarray of int, shape (n,)
        The clusters to begin with, such as :func:`raycluster.graph.stages.first_clusters.first_clusters`.
    n_clusters : int
        How many clusters to stop at. The merges do not depend on it: ``link(..., n_clusters=1).cut(K)`` gives the
        labels of ``link(..., n_clusters=K).cut(K)``.
    n_neighbor_clusters : int
        K_c, the number of neighboring clusters that the local structure term compares.
    local_structure : float
        λ, the weight of that term.
    join_small_components : bool
        Whether small connected components join their nearest cluster before the merging
        (:func:`raycluster.graph.stages.small_components.join_small_components`). In the paper they do not.
    features : ndarray of float32, shape (n, d), optional
        Decide the order of the very last merges, those of clusters that no edge connects.
    groups : SmallGroups, optional
        Clear groups of too few rows for the graph, from
        :func:`raycluster.graph.stages.small_groups.find_small_groups`. Each one becomes a cluster first.
    isolated : IsolatedRule, optional
        Whether clusters without any affinity join others, as in JULE's released code; needs ``features``.
    progress : callable, optional
        Called from time to time with the number of merges by affinity that are done, and that of all.

    Returns
    -------
    MergeTree
        Its merges, in this order:

        1. those that make the first clusters, those inside ``groups`` (by affinity in the graph of their own edges),
           and those of small components, all with infinite affinity, because they come before the merging;
        2. the merges by affinity, and with infinite affinity among them those of ``isolated`` clusters;
        3. when no two clusters have affinity any longer, the merges by affinity on the graph with every edge counted in
           both directions (W + Wᵀ), with affinity 0;
        4. when no edge is left between any two clusters, those with the closest centroids or, without ``features``, the
           two smallest, with affinity 0.

    Raises
    ------
    UserError
        If shapes, numbers or settings make no sense.
    """
    neighbor_ids = np.ascontiguousarray(neighbor_ids, dtype=np.int32)
    weights = np.ascontiguousarray(weights, dtype=np.float32)
    _check_graph(neighbor_ids, weights, labels, features)
    n = len(labels)
    if not (isinstance(n_clusters, numbers.Integral) and 1 <= n_clusters <= n):
        raise UserError(f"n_clusters={n_clusters} of {n} rows: choose a whole number from 1 to {n}.")
    if not (n_neighbor_clusters >= 1 and local_structure >= 0):
        raise UserError(
            f"n_neighbor_clusters={n_neighbor_clusters} and local_structure={local_structure} must be at least 1 and 0."
        )
    labels, kept, joined = number_by_smallest_row(labels)
    stages = [(kept, joined, np.full(len(kept), np.inf))]
    if groups is not None:
        for two_way in (False, True):
            labels, kept, joined, _ = _merge_by_affinity(
                neighbor_ids, groups.weights, labels, 1, n_neighbor_clusters, float(local_structure), two_way
            )
            stages.append((kept, joined, np.full(len(kept), np.inf)))
    if join_small_components:
        is_member = None if groups is None else groups.is_member
        labels, kept, joined = small_components.join_small_components(neighbor_ids, weights, labels, is_member)
        stages.append((kept, joined, np.full(len(kept), np.inf)))
    while isolated is not None and (before := labels.max() + 1) > max(isolated.above, n_clusters):
        assert features is not None
        labels, kept, joined = join_isolated(neighbor_ids, weights, labels, features)
        stages.append((kept, joined, np.full(len(kept), np.inf)))
        left = labels.max() + 1
        left = max(left - math.ceil(isolated.unroll_rate * left), n_clusters)
        labels, kept, joined, affinity = _merge_by_affinity(
            neighbor_ids, weights, labels, left, n_neighbor_clusters, float(local_structure), two_way=False
        )
        stages.append((kept, joined, affinity))
        if labels.max() + 1 == before:
            break
    for two_way in (False, True):
        if labels.max() + 1 > n_clusters:
            labels, kept, joined, affinity = _merge_by_affinity(
                neighbor_ids,
                weights,
                labels,
                n_clusters,
                n_neighbor_clusters,
                float(local_structure),
                two_way,
                progress,
            )
            stages.append((kept, joined, np.zeros(len(kept)) if two_way else affinity))
    if labels.max() + 1 > n_clusters:
        kept, joined = join_disconnected(labels, features, n_clusters)
        stages.append((kept, joined, np.zeros(len(kept))))
    kept, joined, affinity = (np.concatenate(column) for column in zip(*stages, strict=True))
    n_merges = n - n_clusters
    return MergeTree.from_joins(n, kept[:n_merges], joined[:n_merges], affinity[:n_merges])


def _check_graph(
    neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, features: np.ndarray | None
) -> None:
    """Raise a UserError unless the arrays make a graph."""
    n, k = neighbor_ids.shape
    if labels.shape != (n,):
        raise UserError(f"The graph has {n} rows, but the labels have shape {labels.shape}.")
    if weights.shape != (n, k) or (features is not None and len(features) != n):
        raise UserError(
            f"The graph has ids of shape {(n, k)}: the weights must have the same shape, and the features {n} rows."
        )
    if k and not (neighbor_ids.min() >= 0 and neighbor_ids.max() < n):
        raise UserError(
            f"The ids of neighbors must be rows, 0 to {n - 1}: for a missing one, use any row and weight 0."
        )
    if k and not (weights.min() >= 0 and weights.max() < np.inf):
        raise UserError("Weights must be 0 or more, and neither NaN nor infinite.")
    if 2 * n * k > np.iinfo(np.int32).max:
        raise UserError(
            f"{n} rows with {k} neighbors each are more than the merging can count: choose fewer neighbors."
        )


def _merge_by_affinity(
    neighbor_ids: np.ndarray,
    weights: np.ndarray,
    labels: np.ndarray,
    n_clusters: int,
    n_neighbor_clusters: int,
    local_structure: float,
    two_way: bool,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the labels after the merging, and the merges.

    If there are many clusters, the rows are reordered so that neighbors lie close together in memory. The merges are
    the same.
    """
    rows = np.arange(len(labels), dtype=np.int32)
    if labels.max() + 1 > REORDER_ABOVE:
        rows, neighbor_ids, weights = order_by_partition(neighbor_ids, weights, labels)
    numbers, size, names = number_by_position(labels, rows)
    touches = find_touches(neighbor_ids, weights, numbers, len(size), two_way)
    del neighbor_ids, weights  # which may be reordered copies
    kept, joined, affinity = merge(
        touches, numbers, size, names, n_clusters, n_neighbor_clusters, local_structure, progress
    )
    return join_labels(labels, smallest_rows(labels), kept, joined), kept, joined, affinity
