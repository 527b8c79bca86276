"""The merge loop: exact graph degree linkage on sparse tables.

Clusters have numbers 0..c-1; when a and b merge, the one with more pairs keeps its number. With
S[i,j] = Σ_{m∈C_j} in_i(m)·out_i(m), the affinity is A(i,j) = S[i,j]/|i|² + S[j,i]/|j|² (Zhang et al., ECCV 2012).

The state is one record for each cluster and four tables: the touches (which samples a cluster touches by an edge), the
pairs (of clusters that have affinity), the nearest clusters of each cluster, and the tournament that finds the highest
score. All of it grows with the number of edges, nothing with the square of the number of clusters.
"""

from __future__ import annotations

import numpy as np

from raycluster.graph.kernel.clusters import new_clusters
from raycluster.graph.kernel.compiled import compiled_lean
from raycluster.graph.kernel.nearest_clusters import (
    NearestClusters,
    clear_nearest,
    empty_lists,
    find_nearest,
    insert,
    replace_merged,
    score_of,
)
from raycluster.graph.kernel.pairs import (
    Pairs,
    clear_marks,
    empty_pairs,
    mark_neighbors,
    merge_pairs,
    new_pair,
    set_affinity,
)
from raycluster.graph.kernel.touches import Touches, merge_touches
from raycluster.graph.kernel.tournament import build_tournament, set_score


def merge(
    touches: Touches,
    labels: np.ndarray,
    size: np.ndarray,
    smallest_row: np.ndarray,
    n_clusters: int,
    n_neighbor_clusters: int,
    local_structure: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merge the pair with the highest score until ``n_clusters`` are left or no pair has affinity.

    Parameters
    ----------
    touches : Touches
        Those of the clusters. The call consumes them.
    labels : ndarray of int32, shape (n,)
    size, smallest_row : ndarray of int32, shape (c,)
        The size and the smallest row of every cluster.
    n_clusters : int
        How many clusters to stop at.
    n_neighbor_clusters : int
        K_c.
    local_structure : float
        λ.

    Returns
    -------
    kept, joined : ndarray of int32, shape (merges,)
        Smallest rows of the merged clusters, kept < joined.
    affinity : ndarray of float64, shape (merges,)

    Notes
    -----
    score(C) = A(C,N¹) + λ/(K_c-1) · Σ_{k=2..K_c} (A(C,N¹) - A(C,N^k)), where N^k is the cluster with the k-th highest
    affinity to C; a missing one has affinity 0. The C with the highest score is merged with its N¹. Ties are broken
    by the smallest row, both between scores and between affinities.
    """
    c = len(size)
    n_touches = touches.used[1]
    both_ways = _count_both_ways(touches)
    # Every pair comes from a touch that goes both ways, or later from two one-way touches that become one.
    pairs = empty_pairs(both_ways + (n_touches - both_ways) // 2)
    nearest = empty_lists(c, n_neighbor_clusters)
    clusters = new_clusters(size, smallest_row)
    parent = np.arange(c, dtype=np.int32)
    tournament = np.empty(2 * c, np.int32)
    n_merges = max(c - n_clusters, 0)
    kept, joined, affinity = np.empty(n_merges, np.int32), np.empty(n_merges, np.int32), np.empty(n_merges)
    _find_pairs(pairs, clusters, touches, labels)
    _find_scores(tournament, nearest, pairs, clusters, n_neighbor_clusters, local_structure)
    done = _merge(
        touches,
        pairs,
        nearest,
        tournament,
        clusters,
        labels,
        parent,
        kept,
        joined,
        affinity,
        n_neighbor_clusters,
        local_structure,
    )
    return kept[:done], joined[:done], affinity[:done]


@compiled_lean
def _count_both_ways(touches: Touches) -> int:
    count = 0
    for entry in range(touches.used[1]):
        count += touches.touch[entry].inward > 0 and touches.touch[entry].outward > 0
    return count


@compiled_lean
def _find_pairs(pairs: Pairs, clusters: np.ndarray, touches: Touches, labels: np.ndarray) -> None:
    """Create the pairs between the first clusters, each of which has its touches in one run."""
    for i in range(len(clusters)):
        mark_neighbors(pairs, clusters, i)
        for entry in range(touches.start[i], touches.start[i] + touches.length[i]):
            touch = touches.touch[entry]
            product = np.float64(touch.inward) * touch.outward
            if product > 0:
                other = clusters[labels[touch.sample]]
                if other.mark < 0:
                    other.mark = new_pair(pairs, clusters, i, labels[touch.sample])
                pairs.half[other.mark].s += product
        clear_marks(pairs, clusters, i)


@compiled_lean
def _find_scores(
    tournament: np.ndarray,
    nearest: NearestClusters,
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
        find_nearest(nearest, pairs, clusters, i)
        clusters[i].score = score_of(nearest, clusters, i, n_neighbor_clusters, local_structure)
    build_tournament(tournament, clusters)


@compiled_lean
def _merge(
    touches: Touches,
    pairs: Pairs,
    nearest: NearestClusters,
    tournament: np.ndarray,
    clusters: np.ndarray,
    labels: np.ndarray,
    parent: np.ndarray,
    kept: np.ndarray,
    joined: np.ndarray,
    affinity: np.ndarray,
    n_neighbor_clusters: int,
    local_structure: float,
) -> int:
    """Fill ``kept``, ``joined`` and ``affinity``, and return the number of merges."""
    done = 0
    while done < len(kept) and clusters[tournament[1]].score > 0:
        first = tournament[1]
        second = nearest.cluster[first, 0]
        kept[done] = min(clusters[first].smallest_row, clusters[second].smallest_row)
        joined[done] = max(clusters[first].smallest_row, clusters[second].smallest_row)
        affinity[done] = nearest.affinity[first, 0]

        if clusters[first].n_pairs < clusters[second].n_pairs:
            a, b = first, second
        else:
            a, b = second, first
        parent[a] = b
        merge_pairs(pairs, clusters, a, b)
        merge_touches(touches, pairs, clusters, a, b, labels, parent)
        clusters[b].size += clusters[a].size
        clusters[b].smallest_row = kept[done]
        set_score(tournament, clusters, a, -1.0)

        clear_nearest(clusters, b)
        half = clusters[b].first_half
        while half >= 0:
            d, before = pairs.half[half].other, pairs.half[half].affinity
            clusters[d].mark = -1
            now = set_affinity(pairs, clusters, b, half)
            insert(nearest, clusters, b, d, now)
            if replace_merged(nearest, pairs, clusters, d, a, b, before, now, n_neighbor_clusters):
                score = score_of(nearest, clusters, d, n_neighbor_clusters, local_structure)
                if score != clusters[d].score:
                    set_score(tournament, clusters, d, score)
            half = pairs.half[half].next
        set_score(tournament, clusters, b, score_of(nearest, clusters, b, n_neighbor_clusters, local_structure))
        done += 1
    return done
