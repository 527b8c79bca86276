"""The merge loop: exact graph degree linkage on sparse tables, compiled.

Clusters are numbers 0..c-1; when a and b merge, the one with more neighbours keeps its number. With
S[i,j] = Σ_{m∈C_j} in_i(m)·out_i(m), the affinity is A(i,j) = S[i,j]/|i|² + S[j,i]/|j|² (Zhang et al., ECCV 2012).
The state is four tables of flat arrays: touches (which samples a cluster touches), pairs (of clusters with affinity),
best (each cluster's best neighbours) and the ranking of clusters by score. All of it grows with the number of edges,
nothing with the square of the number of clusters.
"""

from __future__ import annotations

import numpy as np

from raycluster.graph.kernel.clusters import first_state
from raycluster.graph.kernel.compiled import compiled
from raycluster.graph.kernel.nearest_clusters import (
    Best,
    clear_best,
    find_best,
    no_best,
    offer,
    partner_of,
    score_of,
    update_best,
)
from raycluster.graph.kernel.pairs import (
    Pairs,
    clear_marks,
    mark_neighbors,
    merge_pairs,
    new_pair,
    no_pairs,
    set_affinity,
)
from raycluster.graph.kernel.ranking import rank, set_score
from raycluster.graph.kernel.touches import Touches, merge_touches


def merge(
    touches: Touches,
    labels: np.ndarray,
    size: np.ndarray,
    smallest_row: np.ndarray,
    n_clusters: int,
    n_neighbor_clusters: int,
    local_structure: float,
    outside: np.ndarray | None = None,
    epsilon: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merge the pair with the highest score until ``n_clusters`` are left or no pair has affinity.

    Parameters
    ----------
    touches : Touches
        Used up by the call.
    labels : ndarray of int32, shape (n,)
    size, smallest_row : ndarray of int32, shape (c,)
        Of the clusters.
    n_clusters, n_neighbor_clusters, local_structure
        Where to stop, K_c and λ.
    outside : ndarray of bool, shape (c,), optional
        Clusters of a larger graph, of which the others are a part: they are neighbours but are not merged. Two others
        are merged if their affinity is at least 1/(1+ε) of what either has to a cluster outside; else the first of
        them waits until its neighbours change. A cluster that has ever waited counts as half a merge, since in the
        larger graph it would have been merged with one of another part.
    epsilon : float
        ε.

    Returns
    -------
    kept, joined : ndarray of int32, shape (merges,)
        Smallest rows of the merged clusters, kept < joined.
    affinity : ndarray of float64, shape (merges,)

    Notes
    -----
    score(C) = A(C,N¹) + λ/(K_c-1) · Σ_{k=2..K_c} (A(C,N¹) - A(C,N^k)), where missing neighbours have affinity 0.
    Ties: of equal scores the cluster with the smallest row, of equal neighbours likewise.
    """
    c = len(size)
    n_touches = touches.used[1]
    both_ways = _count_both_ways(touches)
    # A pair comes from a touch with both weights, or later from two one-way touches that become one: this many at most.
    pairs = no_pairs(both_ways + (n_touches - both_ways) // 2)
    best = no_best(c, n_neighbor_clusters)
    clusters = first_state(size, smallest_row)
    if outside is not None:
        clusters["outside"] = outside
    parent = np.arange(c, dtype=np.int32)
    ranking = np.empty(2 * c, np.int32)
    n_merges = max(c - n_clusters, 0)
    kept, joined, affinity = np.empty(n_merges, np.int32), np.empty(n_merges, np.int32), np.empty(n_merges)
    _find_pairs(pairs, clusters, touches, labels)
    _find_scores(ranking, best, pairs, clusters, n_neighbor_clusters, local_structure)
    done = _merge(
        touches,
        pairs,
        best,
        ranking,
        clusters,
        labels,
        parent,
        kept,
        joined,
        affinity,
        n_neighbor_clusters,
        local_structure,
        epsilon,
    )
    return kept[:done], joined[:done], affinity[:done]


@compiled
def _count_both_ways(touches: Touches) -> int:
    count = 0
    for place in range(touches.used[1]):
        count += touches.touch[place].inward > 0 and touches.touch[place].outward > 0
    return count


@compiled
def _find_pairs(pairs: Pairs, clusters: np.ndarray, touches: Touches, labels: np.ndarray) -> None:
    """Make the pairs between the first clusters, each of which has one run of touches."""
    for i in range(len(clusters)):
        mark_neighbors(pairs, clusters, i)
        for place in range(touches.start[i], touches.start[i] + touches.length[i]):
            touch = touches.touch[place]
            product = np.float64(touch.inward) * touch.outward
            if product > 0:
                other = clusters[labels[touch.sample]]
                if other.mark < 0:
                    other.mark = new_pair(pairs, clusters, i, labels[touch.sample])
                pairs.half[other.mark].s += product
        clear_marks(pairs, clusters, i)


@compiled
def _find_scores(
    ranking: np.ndarray,
    best: Best,
    pairs: Pairs,
    clusters: np.ndarray,
    n_neighbor_clusters: int,
    local_structure: float,
) -> None:
    for i in range(len(clusters)):
        half = clusters[i].first_half
        while half >= 0:
            set_affinity(pairs, clusters, i, half)
            half = pairs.half[half].next
        if not clusters[i].outside:
            find_best(best, pairs, clusters, i)
            clusters[i].score = score_of(best, clusters, i, n_neighbor_clusters, local_structure)
    rank(ranking, clusters)


@compiled
def _merge(
    touches: Touches,
    pairs: Pairs,
    best: Best,
    ranking: np.ndarray,
    clusters: np.ndarray,
    labels: np.ndarray,
    parent: np.ndarray,
    kept: np.ndarray,
    joined: np.ndarray,
    affinity: np.ndarray,
    n_neighbor_clusters: int,
    local_structure: float,
    epsilon: float,
) -> int:
    """Fill ``kept``, ``joined`` and ``affinity``, and return the number of merges."""
    done, waits = 0, 0
    while done + waits // 2 < len(kept) and clusters[ranking[1]].score > 0:
        first = ranking[1]
        place = partner_of(best, clusters, first, epsilon)
        if place < 0:
            set_score(ranking, clusters, first, -1.0)  # until its neighbours change
            waits += 1 - clusters[first].waited
            clusters[first].waited = 1
            continue
        second = best.cluster[first, place]
        kept[done] = min(clusters[first].smallest_row, clusters[second].smallest_row)
        joined[done] = max(clusters[first].smallest_row, clusters[second].smallest_row)
        affinity[done] = best.affinity[first, place]

        if clusters[first].n_pairs < clusters[second].n_pairs:
            a, b = first, second
        else:
            a, b = second, first
        parent[a] = b
        merge_pairs(pairs, clusters, a, b)
        merge_touches(touches, pairs, clusters, a, b, labels, parent)
        clusters[b].size += clusters[a].size
        clusters[b].smallest_row = kept[done]
        set_score(ranking, clusters, a, -1.0)

        clear_best(clusters, b)
        half = clusters[b].first_half
        while half >= 0:
            d, before = pairs.half[half].other, pairs.half[half].affinity
            clusters[d].mark = -1
            now = set_affinity(pairs, clusters, b, half)
            offer(best, clusters, b, d, now)
            if not clusters[d].outside and update_best(
                best, pairs, clusters, d, a, b, before, now, n_neighbor_clusters
            ):
                score = score_of(best, clusters, d, n_neighbor_clusters, local_structure)
                if score != clusters[d].score:
                    set_score(ranking, clusters, d, score)
            half = pairs.half[half].next
        set_score(ranking, clusters, b, score_of(best, clusters, b, n_neighbor_clusters, local_structure))
        done += 1
    return done
