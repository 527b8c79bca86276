"""The best neighbours of every cluster, and the score that they give it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from raycluster.graph.kernel.compiled import compiled
from raycluster.graph.kernel.pairs import Pairs

SPARE = 4  # places in a cluster's list of best neighbours beyond the K_c that count


class Best(NamedTuple):
    """The best neighbours of every cluster, best first. Lengths, and bounds of the others, are in the clusters."""

    cluster: np.ndarray  # int32 [c, K_c + SPARE]
    affinity: np.ndarray  # float64 [c, K_c + SPARE]


def no_best(n_clusters: int, n_neighbor_clusters: int) -> Best:
    """Return room for the list of every cluster."""
    shape = (n_clusters, n_neighbor_clusters + SPARE)
    return Best(cluster=np.empty(shape, np.int32), affinity=np.empty(shape))


@compiled
def find_best(best: Best, pairs: Pairs, clusters: np.ndarray, i: int) -> None:
    """Make the list of i anew from all its pairs."""
    clear_best(clusters, i)
    h = clusters[i].first_half
    while h >= 0:
        half = pairs.half[h]
        offer(best, clusters, i, half.other, half.affinity)
        h = half.next


@compiled
def clear_best(clusters: np.ndarray, i: int) -> None:
    """Empty the list of i."""
    clusters[i].n_best = 0
    clusters[i].bound = -1.0


@compiled
def offer(best: Best, clusters: np.ndarray, i: int, other: int, affinity: float) -> None:
    """Put a neighbour in its place in the list of i, or raise the bound if it is, or drives out, one too many."""
    own = clusters[i]
    if affinity < own.bound:
        return
    row = clusters[other].smallest_row
    if affinity == own.bound and row > own.bound_row:
        return
    last = own.n_best
    place = last
    while place > 0 and (
        affinity > best.affinity[i, place - 1]
        or (affinity == best.affinity[i, place - 1] and row < clusters[best.cluster[i, place - 1]].smallest_row)
    ):
        place -= 1
    if last == best.cluster.shape[1]:
        if place == last:
            own.bound = affinity
            own.bound_row = row
            return
        last -= 1
        own.bound = best.affinity[i, last]
        own.bound_row = clusters[best.cluster[i, last]].smallest_row
    for k in range(last, place, -1):
        best.cluster[i, k] = best.cluster[i, k - 1]
        best.affinity[i, k] = best.affinity[i, k - 1]
    best.cluster[i, place] = other
    best.affinity[i, place] = affinity
    own.n_best = last + 1


@compiled
def update_best(
    best: Best,
    pairs: Pairs,
    clusters: np.ndarray,
    i: int,
    a: int,
    b: int,
    before: float,
    affinity: float,
    n_neighbor_clusters: int,
) -> bool:
    """Replace a and b by the merged b in the list of i; return whether the list changed.

    ``before`` is the larger one of the affinities of i to a and b, and ``affinity`` the one to the merged b.
    """
    own = clusters[i]
    needed = min(n_neighbor_clusters, own.n_pairs)
    if before < own.bound and affinity < own.bound and own.n_best >= needed:
        return False
    count = 0
    for k in range(own.n_best):
        other = best.cluster[i, k]
        if other != a and other != b:
            if count < k:
                best.cluster[i, count] = other
                best.affinity[i, count] = best.affinity[i, k]
            count += 1
    if count == own.n_best and affinity < own.bound and count >= needed:
        return False
    own.n_best = count
    offer(best, clusters, i, b, affinity)
    if own.n_best < needed:
        find_best(best, pairs, clusters, i)
    return True


@compiled
def score_of(best: Best, clusters: np.ndarray, i: int, n_neighbor_clusters: int, local_structure: float) -> float:
    """A(i,N¹) + λ/(K_c-1) · Σ_{k=2..K_c} (A(i,N¹) - A(i,N^k)), or -1 without a neighbour."""
    length = clusters[i].n_best
    if length == 0:
        return -1.0
    first = best.affinity[i, 0]
    if n_neighbor_clusters == 1:
        return first
    gaps = 0.0
    for k in range(1, n_neighbor_clusters):
        gaps += first - best.affinity[i, k] if k < length else first
    return first + local_structure / (n_neighbor_clusters - 1) * gaps


@compiled
def partner_of(best: Best, clusters: np.ndarray, i: int, epsilon: float) -> int:
    """Return the place in the list of i of the neighbour to merge with, or -1 if i has to wait for one outside.

    It is the first in the list that is not outside, unless i, or that neighbour, has one outside in its list that is
    nearer by more than a factor 1 + ε.
    """
    for place in range(clusters[i].n_best):
        j = best.cluster[i, place]
        if not clusters[j].outside:
            most = best.affinity[i, place] * (1 + epsilon)
            return place if _outside(best, clusters, i) <= most and _outside(best, clusters, j) <= most else -1
    return -1


@compiled
def _outside(best: Best, clusters: np.ndarray, i: int) -> float:
    """Return the affinity of i to the nearest cluster outside in its list, or 0."""
    for place in range(clusters[i].n_best):
        if clusters[best.cluster[i, place]].outside:
            return best.affinity[i, place]
    return 0.0
