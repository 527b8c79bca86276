"""The nearest clusters of every cluster, those with the highest affinity to it, and the score that they give it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from raycluster.graph.kernel.compiled import compiled_lean
from raycluster.graph.kernel.pairs import Pairs

SPARE = 4  # entries in a cluster's list beyond the K_c that count


class NearestClusters(NamedTuple):
    """A list for every cluster of its nearest clusters, nearest first.

    The length of the list, and a bound on the affinity to all clusters missing from it, are fields of the cluster
    (:data:`raycluster.graph.kernel.clusters.CLUSTER`).
    """

    cluster: np.ndarray  # int32 [c, K_c + SPARE]
    affinity: np.ndarray  # float64 [c, K_c + SPARE]


def empty_lists(n_clusters: int, n_neighbor_clusters: int) -> NearestClusters:
    """Return room for the list of every cluster."""
    shape = (n_clusters, n_neighbor_clusters + SPARE)
    return NearestClusters(cluster=np.empty(shape, np.int32), affinity=np.empty(shape))


@compiled_lean
def find_nearest(nearest: NearestClusters, pairs: Pairs, clusters: np.ndarray, i: int) -> None:
    """Rebuild the list of i from all its pairs."""
    clear_nearest(clusters, i)
    h = clusters[i].first_half
    while h >= 0:
        half = pairs.half[h]
        insert(nearest, clusters, i, half.other, half.affinity)
        h = half.next


@compiled_lean
def clear_nearest(clusters: np.ndarray, i: int) -> None:
    """Empty the list of i."""
    clusters[i].n_nearest = 0
    clusters[i].bound = -1.0


@compiled_lean
def insert(nearest: NearestClusters, clusters: np.ndarray, i: int, other: int, affinity: float) -> None:
    """Insert a cluster at its position in the list of i.

    If the list is full, the cluster that no longer fits, this one or the last one in the list, sets the bound.
    """
    own = clusters[i]
    if affinity < own.bound:
        return
    row = clusters[other].smallest_row
    if affinity == own.bound and row > own.bound_row:
        return
    last = own.n_nearest
    position = last
    while position > 0 and (
        affinity > nearest.affinity[i, position - 1]
        or (
            affinity == nearest.affinity[i, position - 1]
            and row < clusters[nearest.cluster[i, position - 1]].smallest_row
        )
    ):
        position -= 1
    if last == nearest.cluster.shape[1]:
        if position == last:
            own.bound = affinity
            own.bound_row = row
            return
        last -= 1
        own.bound = nearest.affinity[i, last]
        own.bound_row = clusters[nearest.cluster[i, last]].smallest_row
    for k in range(last, position, -1):
        nearest.cluster[i, k] = nearest.cluster[i, k - 1]
        nearest.affinity[i, k] = nearest.affinity[i, k - 1]
    nearest.cluster[i, position] = other
    nearest.affinity[i, position] = affinity
    own.n_nearest = last + 1


@compiled_lean
def replace_merged(
    nearest: NearestClusters,
    pairs: Pairs,
    clusters: np.ndarray,
    i: int,
    a: int,
    b: int,
    before: float,
    affinity: float,
    n_neighbor_clusters: int,
) -> bool:
    """Replace a and b with the merged b in the list of i; return whether the list changed.

    ``before`` is the larger of the affinities of i to a and to b, ``affinity`` the one to the merged b.
    """
    own = clusters[i]
    needed = min(n_neighbor_clusters, own.n_pairs)
    if before < own.bound and affinity < own.bound and own.n_nearest >= needed:
        return False
    count = 0
    for k in range(own.n_nearest):
        other = nearest.cluster[i, k]
        if other != a and other != b:
            if count < k:
                nearest.cluster[i, count] = other
                nearest.affinity[i, count] = nearest.affinity[i, k]
            count += 1
    if count == own.n_nearest and affinity < own.bound and count >= needed:
        return False
    own.n_nearest = count
    insert(nearest, clusters, i, b, affinity)
    if own.n_nearest < needed:
        find_nearest(nearest, pairs, clusters, i)
    return True


@compiled_lean
def score_of(
    nearest: NearestClusters, clusters: np.ndarray, i: int, n_neighbor_clusters: int, local_structure: float
) -> float:
    """Return A(i,N¹) + λ/(K_c-1) · Σ_{k=2..K_c} (A(i,N¹) - A(i,N^k)), or -1 if there is no N¹."""
    length = clusters[i].n_nearest
    if length == 0:
        return -1.0
    first = nearest.affinity[i, 0]
    if n_neighbor_clusters == 1:
        return first
    gaps = 0.0
    for k in range(1, n_neighbor_clusters):
        gaps += first - nearest.affinity[i, k] if k < length else first
    return first + local_structure / (n_neighbor_clusters - 1) * gaps
