"""The nearest clusters of every cluster, those with the highest affinity to it, and the score that they give it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from raycluster.graph.kernel.compiled import compiled_lean
from raycluster.graph.kernel.pair_lookup import PairLookup, find_half
from raycluster.graph.kernel.pairs import Pairs, affinity_of

SPARE = 4  # entries in a cluster's list beyond the K_c that count
WIDE = 128  # entries in the list of a hub, which takes long to rebuild


class NearestClusters(NamedTuple):
    """A list for every cluster of its nearest clusters, nearest first.

    Where the list begins, its length, and a bound on the affinity to all clusters missing from it, are fields of the
    cluster (:data:`raycluster.graph.kernel.clusters.CLUSTER`). The affinities are exact or, to hubs and of hubs, upper
    bounds (:mod:`raycluster.graph.kernel.hubs`).
    """

    cluster: np.ndarray  # int32 [c · (K_c + SPARE) + h · wide]
    affinity: np.ndarray  # float64 [c · (K_c + SPARE) + h · wide]
    wide: int


def empty_lists(clusters: np.ndarray, n_neighbor_clusters: int, n_hubs: int = 0) -> NearestClusters:
    """Return room for the list of every cluster, and after these for the wide lists of hubs."""
    room = n_neighbor_clusters + SPARE
    clusters["list_room"] = room
    clusters["list_start"] = room * np.arange(len(clusters))
    wide = max(WIDE, room)
    total = room * len(clusters) + wide * n_hubs
    return NearestClusters(np.empty(total, np.int32), np.empty(total), wide)


@compiled_lean
def give_wide_list(nearest: NearestClusters, clusters: np.ndarray, i: int, number: int) -> None:
    """Give i the wide list of this number."""
    clusters[i].list_start = len(nearest.cluster) - nearest.wide * (number + 1)
    clusters[i].list_room = nearest.wide


@compiled_lean
def find_nearest(nearest: NearestClusters, pairs: Pairs, clusters: np.ndarray, i: int) -> None:
    """Rebuild the list of i from all its pairs, with exact affinities."""
    clear_nearest(clusters, i)
    h = clusters[i].first_half
    while h >= 0:
        half = pairs.half[h]
        if half.affinity >= clusters[i].bound:  # which is not below the exact one
            insert(nearest, clusters, i, half.other, affinity_of(pairs, clusters, i, h))
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
    start = own.list_start
    end = start + own.n_nearest
    place = end
    while place > start and (
        affinity > nearest.affinity[place - 1]
        or (affinity == nearest.affinity[place - 1] and row < clusters[nearest.cluster[place - 1]].smallest_row)
    ):
        place -= 1
    if own.n_nearest == own.list_room:
        if place == end:
            own.bound = affinity
            own.bound_row = row
            return
        end -= 1
        own.bound = nearest.affinity[end]
        own.bound_row = clusters[nearest.cluster[end]].smallest_row
    for k in range(end, place, -1):
        nearest.cluster[k] = nearest.cluster[k - 1]
        nearest.affinity[k] = nearest.affinity[k - 1]
    nearest.cluster[place] = other
    nearest.affinity[place] = affinity
    own.n_nearest = end + 1 - start


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
    start = own.list_start
    end = start
    for k in range(start, start + own.n_nearest):
        other = nearest.cluster[k]
        if other != a and other != b:
            if end < k:
                nearest.cluster[end] = other
                nearest.affinity[end] = nearest.affinity[k]
            end += 1
    if end - start == own.n_nearest and affinity < own.bound and own.n_nearest >= needed:
        return False
    own.n_nearest = end - start
    insert(nearest, clusters, i, b, affinity)
    if own.n_nearest < needed:
        find_nearest(nearest, pairs, clusters, i)
    return True


@compiled_lean
def drop_marked(nearest: NearestClusters, clusters: np.ndarray, i: int, merged: int) -> None:
    """Take all marked clusters, and one that has been merged into i, out of the list of i."""
    start = clusters[i].list_start
    end = start
    for k in range(start, start + clusters[i].n_nearest):
        other = nearest.cluster[k]
        if clusters[other].mark < 0 and other != merged:
            nearest.cluster[end] = other
            nearest.affinity[end] = nearest.affinity[k]
            end += 1
    clusters[i].n_nearest = end - start


@compiled_lean
def make_exact(
    nearest: NearestClusters, pairs: Pairs, lookup: PairLookup, clusters: np.ndarray, i: int, n_neighbor_clusters: int
) -> None:
    """Make the first K_c entries of the list of i exact, and complete it if they are not the nearest ones for sure."""
    own = clusters[i]
    start, k = own.list_start, 0
    while k < min(n_neighbor_clusters, own.n_nearest):
        other = nearest.cluster[start + k]
        if own.hub >= 0 or clusters[other].hub >= 0:
            affinity = affinity_of(pairs, clusters, i, find_half(lookup, i, other))
            if affinity < nearest.affinity[start + k]:
                own.n_nearest -= 1
                for place in range(start + k, start + own.n_nearest):
                    nearest.cluster[place] = nearest.cluster[place + 1]
                    nearest.affinity[place] = nearest.affinity[place + 1]
                insert(nearest, clusters, i, other, affinity)
                continue  # with what is at this place now
        k += 1
    if own.n_nearest < min(n_neighbor_clusters, own.n_pairs):
        find_nearest(nearest, pairs, clusters, i)


@compiled_lean
def score_of(
    nearest: NearestClusters, clusters: np.ndarray, i: int, n_neighbor_clusters: int, local_structure: float
) -> float:
    """Return A(i,N¹) + λ/(K_c-1) · Σ_{k=2..K_c} (A(i,N¹) - A(i,N^k)), or -1 if there is no N¹."""
    length, start = clusters[i].n_nearest, clusters[i].list_start
    if length == 0:
        return -1.0
    first = nearest.affinity[start]
    if n_neighbor_clusters == 1:
        return first
    gaps = 0.0
    for k in range(1, n_neighbor_clusters):
        gaps += first - nearest.affinity[start + k] if k < length else first
    return first + local_structure / (n_neighbor_clusters - 1) * gaps
