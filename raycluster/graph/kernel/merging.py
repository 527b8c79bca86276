"""The merge loop: exact graph degree linkage on sparse tables.

Clusters have numbers 0..c-1; when a and b merge, the one with more pairs keeps its number. With
S[i,j] = Σ_{m∈C_j} in_i(m)·out_i(m), the affinity is A(i,j) = S[i,j]/|i|² + S[j,i]/|j|² (Zhang et al., ECCV 2012).

The state is one record for each cluster and four tables: the touches (which samples a cluster touches by an edge), the
pairs (of clusters that have affinity), the nearest clusters of each cluster, and the tournament that finds the highest
score. All of it grows with the number of edges, nothing with the square of the number of clusters.

A merge visits the neighbors of the merged cluster, whose affinity to it has changed; if that is a hub with thousands of
neighbors, only those of the cluster that joined it (:mod:`raycluster.graph.kernel.hubs`). The merges are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from raycluster.graph.kernel.clusters import new_clusters
from raycluster.graph.kernel.compiled import compiled_lean
from raycluster.graph.kernel.hubs import (
    Hubs,
    drift,
    give_back_number,
    has_hubs,
    raise_most,
    reset_drift,
    room_for_hubs,
    take_number,
)
from raycluster.graph.kernel.marks import Marks, clear_marks, no_marks, set_mark
from raycluster.graph.kernel.nearest_clusters import (
    NearestClusters,
    clear_nearest,
    drop_marked,
    empty_lists,
    find_nearest,
    give_wide_list,
    insert,
    make_exact,
    replace_merged,
    score_of,
)
from raycluster.graph.kernel.pair_lookup import PairLookup, add_pair, empty_lookup, enlarged, has_room
from raycluster.graph.kernel.pairs import (
    Pairs,
    empty_pairs,
    mark_neighbors,
    merge_pairs,
    new_pair,
    set_affinity,
)
from raycluster.graph.kernel.touches import Touches, count_touches, merge_touches
from raycluster.graph.kernel.tournament import build_tournament, find_within, set_score

MERGES = 4096  # between two reports of progress
ROUNDING = 1e-9
TINY = np.finfo(np.float64).tiny
SETTLE = 256  # merges, between two looks at all hubs


class State(NamedTuple):
    """Everything that changes as clusters merge."""

    clusters: np.ndarray  # CLUSTER [c]
    touches: Touches
    pairs: Pairs
    nearest: NearestClusters
    tournament: np.ndarray  # int32 [2c]
    hubs: Hubs
    lookup: PairLookup  # of the pairs of hubs
    marks: Marks
    labels: np.ndarray  # int32 [n], the first cluster of every row
    parent: np.ndarray  # int32 [c], the cluster that a cluster has joined, or itself
    found: np.ndarray  # int32 [c], for clusters with high scores
    drift: np.ndarray  # float64 [1], no hub has drifted more
    more: np.ndarray  # int64 [1], how many pairs more must fit into the lookup before the next merge, or 0


class Merges(NamedTuple):
    """The merges so far."""

    kept: np.ndarray  # int32 [merges]
    joined: np.ndarray  # int32 [merges]
    affinity: np.ndarray  # float64 [merges]


def merge(
    touches: Touches,
    labels: np.ndarray,
    size: np.ndarray,
    smallest_row: np.ndarray,
    n_clusters: int,
    n_neighbor_clusters: int,
    local_structure: float,
    progress: Callable[[int, int], None] | None = None,
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
    progress : callable, optional
        Called from time to time with the number of merges done, and that of all.

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
    n_merges = max(c - n_clusters, 0)
    merges = Merges(np.empty(n_merges, np.int32), np.empty(n_merges, np.int32), np.empty(n_merges))
    state = _first_state(touches, labels, size, smallest_row, n_neighbor_clusters)
    _find_pairs(state)
    _find_scores(state, n_neighbor_clusters, local_structure)
    done, until = 0, 0
    while done == until < n_merges:
        until = min(done + MERGES, n_merges)
        done = _merge(state, merges, done, until, n_neighbor_clusters, local_structure)
        while state.more[0]:
            state = state._replace(lookup=enlarged(state.lookup, state.parent, int(state.more[0])))
            state.more[0] = 0
            done = _merge(state, merges, done, until, n_neighbor_clusters, local_structure)
        if progress is not None:
            progress(done, n_merges)
    return merges.kept[:done], merges.joined[:done], merges.affinity[:done]


def _first_state(
    touches: Touches, labels: np.ndarray, size: np.ndarray, smallest_row: np.ndarray, n_neighbor_clusters: int
) -> State:
    c, n_touches = len(size), int(touches.used[1])
    both_ways = _count_both_ways(touches)
    # Every pair comes from a touch that goes both ways, or later from two one-way touches that become one.
    n_pairs = both_ways + (n_touches - both_ways) // 2
    clusters, hubs = new_clusters(size, smallest_row), room_for_hubs(n_pairs)
    return State(
        clusters=clusters,
        touches=touches,
        pairs=empty_pairs(n_pairs),
        nearest=empty_lists(clusters, n_neighbor_clusters, len(hubs.hub)),
        tournament=np.empty(2 * c, np.int32),
        hubs=hubs,
        lookup=empty_lookup(),
        marks=no_marks(c),
        labels=labels,
        parent=np.arange(c, dtype=np.int32),
        found=np.empty(c, np.int32),
        drift=np.zeros(1),
        more=np.zeros(1, np.int64),
    )


@compiled_lean
def _count_both_ways(touches: Touches) -> int:
    count = 0
    for entry in range(touches.used[1]):
        count += touches.touch[entry].inward > 0 and touches.touch[entry].outward > 0
    return count


@compiled_lean
def _find_pairs(state: State) -> None:
    """Create the pairs between the first clusters, each of which has its touches in one run."""
    clusters, pairs, touches, marks = state.clusters, state.pairs, state.touches, state.marks
    for i in range(len(clusters)):
        mark_neighbors(pairs, marks, clusters, i)
        for entry in range(touches.start[i], touches.start[i] + touches.length[i]):
            touch = touches.touch[entry]
            product = np.float64(touch.inward) * touch.outward
            if product > 0:
                other = state.labels[touch.sample]
                if clusters[other].mark < 0:
                    set_mark(marks, clusters, other, new_pair(pairs, clusters, i, other))
                pairs.half[clusters[other].mark].s += product
        clear_marks(marks, clusters)


@compiled_lean
def _find_scores(state: State, n_neighbor_clusters: int, local_structure: float) -> None:
    clusters, pairs = state.clusters, state.pairs
    for i in range(len(clusters)):
        half = clusters[i].first_half
        while half >= 0:
            set_affinity(pairs, clusters, i, half)
            half = pairs.half[half].next
        find_nearest(state.nearest, pairs, clusters, i)
        clusters[i].score = score_of(state.nearest, clusters, i, n_neighbor_clusters, local_structure)
    build_tournament(state.tournament, clusters)


@compiled_lean
def _merge(
    state: State, merges: Merges, done: int, until: int, n_neighbor_clusters: int, local_structure: float
) -> int:
    """Go on from ``done`` to ``until`` merges, as long as there is affinity and room; return the number of merges."""
    clusters, nearest = state.clusters, state.nearest
    while done < until:
        if done % SETTLE == 0:
            _settle(state, n_neighbor_clusters, local_structure)
        first = _best(state, n_neighbor_clusters, local_structure)
        if not clusters[first].score > 0:
            break
        second = nearest.cluster[clusters[first].list_start]
        a, b = first, second
        if clusters[first].n_pairs >= clusters[second].n_pairs:
            a, b = second, first
        more = _pairs_to_look_up(state, a, b)
        if more and not has_room(state.lookup, more):
            state.more[0] = more
            break
        if clusters[b].hub < 0 and clusters[b].n_pairs > state.hubs.min_pairs:
            _become_hub(state, b)
        merges.kept[done] = min(clusters[first].smallest_row, clusters[second].smallest_row)
        merges.joined[done] = max(clusters[first].smallest_row, clusters[second].smallest_row)
        merges.affinity[done] = nearest.affinity[clusters[first].list_start]
        _merge_two(state, a, b, clusters[first].score, n_neighbor_clusters, local_structure)
        done += 1
    return done


@compiled_lean
def _pairs_to_look_up(state: State, a: int, b: int) -> int:
    """Return how many pairs the merge of a and b may add to the lookup, at most."""
    clusters = state.clusters
    becomes_hub = clusters[b].hub < 0 and clusters[b].n_pairs > state.hubs.min_pairs
    if not (becomes_hub or has_hubs(state.hubs)):
        return 0
    more = clusters[a].n_pairs + min(count_touches(state.touches, a), len(clusters))
    return more + clusters[b].n_pairs if becomes_hub else more


@compiled_lean
def _best(state: State, n_neighbor_clusters: int, local_structure: float) -> int:
    """Return the cluster with the highest score; its score and its list are exact then.

    No exact score is above the one in the tournament by more than ``rise``: each listed affinity may be too high by
    what its two ends have drifted, and A(i,N²), ... A(i,N^K_c) count by λ in all.
    """
    if not has_hubs(state.hubs):
        return state.tournament[1]
    rise = 2 * local_structure * state.drift[0] if n_neighbor_clusters > 1 else 0.0
    while True:
        best = state.tournament[1]
        score = state.clusters[best].score
        if score <= 0 or _make_score_exact(state, best, n_neighbor_clusters, local_structure) >= score:
            break
    if score > 0 and rise > 0:
        # A little lower, for rounding; but clusters without pairs, and those that are gone, have a score of -1.
        least = max(state.clusters[best].score - (1 + ROUNDING) * rise, TINY)
        for k in range(find_within(state.tournament, state.clusters, least, state.found)):
            _make_score_exact(state, state.found[k], n_neighbor_clusters, local_structure)
    return state.tournament[1]


@compiled_lean
def _make_score_exact(state: State, i: int, n_neighbor_clusters: int, local_structure: float) -> float:
    make_exact(state.nearest, state.pairs, state.lookup, state.clusters, i, n_neighbor_clusters)
    score = score_of(state.nearest, state.clusters, i, n_neighbor_clusters, local_structure)
    if score != state.clusters[i].score:
        set_score(state.tournament, state.clusters, i, score)
    return score


@compiled_lean
def _merge_two(state: State, a: int, b: int, highest: float, n_neighbor_clusters: int, local_structure: float) -> None:
    """Merge a into b."""
    clusters, nearest, marks = state.clusters, state.nearest, state.marks
    is_hub = clusters[b].hub >= 0
    state.parent[a] = b
    merge_pairs(state.pairs, state.lookup, marks, clusters, a, b)
    merge_touches(state.touches, state.pairs, state.lookup, marks, clusters, a, b, state.labels, state.parent)
    if clusters[a].hub >= 0:
        give_back_number(state.hubs, clusters[a].hub)
    has_new_row = clusters[a].smallest_row < clusters[b].smallest_row
    clusters[b].size += clusters[a].size
    clusters[b].smallest_row = min(clusters[a].smallest_row, clusters[b].smallest_row)
    set_score(state.tournament, clusters, a, -1.0)

    if is_hub:
        drop_marked(nearest, clusters, b, a)
    else:
        clear_nearest(clusters, b)
    for k in range(marks.counts[0]):
        d = marks.cluster[k]
        if d != a:
            _visit(state, a, b, d, clusters[d].mark, n_neighbor_clusters, local_structure)
    clear_marks(marks, clusters)
    if is_hub:
        drifted = drift(state.hubs, clusters, b)
        if has_new_row or drifted > state.hubs.tolerance * highest:  # ties go by the row, also in the lists of others
            _sweep(state, b, n_neighbor_clusters, local_structure)
        else:
            state.drift[0] = max(state.drift[0], drifted)
            make_exact(nearest, state.pairs, state.lookup, clusters, b, n_neighbor_clusters)
    set_score(state.tournament, clusters, b, score_of(nearest, clusters, b, n_neighbor_clusters, local_structure))


@compiled_lean
def _visit(state: State, a: int, b: int, d: int, half: int, n_neighbor_clusters: int, local_structure: float) -> None:
    """Make the affinity of b and its neighbor d exact, in the lists of both, in which a is no more."""
    clusters, nearest, pairs = state.clusters, state.nearest, state.pairs
    before = pairs.half[half].affinity
    now = set_affinity(pairs, clusters, b, half)
    raise_most(state.hubs, clusters, b, pairs.half[half].s)
    raise_most(state.hubs, clusters, d, pairs.half[half ^ 1].s)
    insert(nearest, clusters, b, d, now)
    if replace_merged(nearest, pairs, clusters, d, a, b, before, now, n_neighbor_clusters):
        score = score_of(nearest, clusters, d, n_neighbor_clusters, local_structure)
        if score != clusters[d].score:
            set_score(state.tournament, clusters, d, score)


@compiled_lean
def _sweep(state: State, b: int, n_neighbor_clusters: int, local_structure: float) -> None:
    """Visit all neighbors of the hub b."""
    clear_nearest(state.clusters, b)
    reset_drift(state.hubs, state.clusters, b)
    half = state.clusters[b].first_half
    while half >= 0:
        _visit(state, b, b, state.pairs.half[half].other, half, n_neighbor_clusters, local_structure)
        half = state.pairs.half[half].next


@compiled_lean
def _become_hub(state: State, i: int) -> None:
    """Make i a hub, with a longer list, and with its pairs in the lookup."""
    clusters, pairs = state.clusters, state.pairs
    if not take_number(state.hubs, clusters, i):
        return
    reset_drift(state.hubs, clusters, i)
    give_wide_list(state.nearest, clusters, i, clusters[i].hub)
    find_nearest(state.nearest, pairs, clusters, i)
    half = clusters[i].first_half
    while half >= 0:
        raise_most(state.hubs, clusters, i, pairs.half[half].s)
        if clusters[pairs.half[half].other].hub < 0:
            add_pair(state.lookup, i, pairs.half[half].other, half)
        half = pairs.half[half].next


@compiled_lean
def _settle(state: State, n_neighbor_clusters: int, local_structure: float) -> None:
    """Sweep hubs that have drifted too far for the scores of today, and find out how far the others have."""
    state.drift[0] = 0.0
    highest = state.clusters[state.tournament[1]].score
    for number in range(state.hubs.counts[1]):
        i = state.hubs.hub[number].cluster
        if i >= 0:
            drifted = drift(state.hubs, state.clusters, i)
            if drifted > state.hubs.tolerance * highest:
                _sweep(state, i, n_neighbor_clusters, local_structure)
                set_score(
                    state.tournament,
                    state.clusters,
                    i,
                    score_of(state.nearest, state.clusters, i, n_neighbor_clusters, local_structure),
                )
            else:
                state.drift[0] = max(state.drift[0], drifted)
