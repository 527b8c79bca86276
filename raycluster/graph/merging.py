"""The merge loop: exact graph degree linkage on sparse tables, compiled.

Clusters are numbers 0..c-1; when a and b merge, the one that touches more samples keeps its number. With
S[i,j] = Σ_{m∈C_j} in_i(m)·out_i(m), the affinity is A(i,j) = S[i,j]/|i|² + S[j,i]/|j|² (Zhang et al., ECCV 2012).
The state is four tables of flat arrays: touches (which clusters touch a sample), pairs (of clusters with affinity),
best (each cluster's best neighbours) and the ranking of clusters by score. All of it grows with the number of edges,
nothing with the square of the number of clusters.

The compiled functions are together in one file because numba's cache does not notice a change in a callee elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from raycluster.graph.disjoint_set import find
from raycluster.graph.touches import Touches

SPARE = 4  # places in a cluster's list of best neighbours beyond the K_c that count


class Pairs(NamedTuple):
    """Pairs of clusters with affinity.

    Pair p has two halves, 2p and 2p + 1, one in the linked list of each of its clusters; the other half of h is h ^ 1.
    """

    owner: np.ndarray  # int32 [2p], the cluster in whose list the half is
    next: np.ndarray  # int32 [2p]
    prev: np.ndarray  # int32 [2p]
    s: np.ndarray  # float64 [2p], S[owner, other]
    affinity: np.ndarray  # float64 [p]
    head: np.ndarray  # int32 [c]
    degree: np.ndarray  # int32 [c]
    free: np.ndarray  # int32 [2]: first free pair in a list through next[2p], and pairs ever used


class Best(NamedTuple):
    """The best neighbours of every cluster, best first; all its others are no better than the bound (-1: no others)."""

    cluster: np.ndarray  # int32 [c, K_c + SPARE]
    affinity: np.ndarray  # float64 [c, K_c + SPARE]
    length: np.ndarray  # int32 [c]
    bound: np.ndarray  # float64 [c]
    bound_row: np.ndarray  # int32 [c]


@njit(cache=True, nogil=True)
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
        Used up by the call.
    labels : ndarray of int32, shape (n,)
    size, smallest_row : ndarray of int32, shape (c,)
        Of the clusters; both are updated in place.
    n_clusters, n_neighbor_clusters, local_structure
        Where to stop, K_c and λ.

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
    parent = np.arange(c).astype(np.int32)
    mark = np.full(c, -1, np.int32)
    pairs = _find_pairs(touches, labels, mark)
    width = n_neighbor_clusters + SPARE
    best = Best(
        np.empty((c, width), np.int32),
        np.empty((c, width)),
        np.zeros(c, np.int32),
        np.full(c, -1.0),
        np.zeros(c, np.int32),
    )
    score = np.full(c, -1.0)
    for half in range(2 * pairs.free[1]):
        i, j = pairs.owner[half], pairs.owner[half ^ 1]
        pairs.affinity[half >> 1] = _affinity(pairs, half, size[i], size[j])
    for i in range(c):
        _find_best(best, pairs, i, smallest_row)
        score[i] = _score(best, i, n_neighbor_clusters, local_structure)
    ranking = _rank(score, smallest_row)

    n_merges = max(c - n_clusters, 0)
    kept = np.empty(n_merges, np.int32)
    joined = np.empty(n_merges, np.int32)
    affinity = np.empty(n_merges)
    for i in range(n_merges):
        first = ranking[1]
        if score[first] <= 0:
            return kept[:i], joined[:i], affinity[:i]
        second = best.cluster[first, 0]
        kept[i] = min(smallest_row[first], smallest_row[second])
        joined[i] = max(smallest_row[first], smallest_row[second])
        affinity[i] = best.affinity[first, 0]

        if touches.n_nodes[first] < touches.n_nodes[second]:
            a, b = first, second
        else:
            a, b = second, first
        parent[a] = b
        _merge_pairs(pairs, a, b, mark)
        _merge_touches(touches, pairs, a, b, labels, parent, mark)
        size[b] += size[a]
        smallest_row[b] = kept[i]
        score[a] = -1.0
        _update_ranking(ranking, score, smallest_row, a)

        _clear_best(best, b)
        half = pairs.head[b]
        while half >= 0:
            d = pairs.owner[half ^ 1]
            mark[d] = -1
            value = _affinity(pairs, half, size[b], size[d])
            pairs.affinity[half >> 1] = value
            _offer(best, b, d, value, smallest_row)
            if _update_best(best, pairs, d, a, b, value, smallest_row, n_neighbor_clusters):
                new = _score(best, d, n_neighbor_clusters, local_structure)
                if new != score[d]:
                    score[d] = new
                    _update_ranking(ranking, score, smallest_row, d)
            half = pairs.next[half]
        score[b] = _score(best, b, n_neighbor_clusters, local_structure)
        _update_ranking(ranking, score, smallest_row, b)
    return kept, joined, affinity


# ---- pairs ----


@njit(cache=True, nogil=True)
def _find_pairs(touches: Touches, labels: np.ndarray, mark: np.ndarray) -> Pairs:
    """Make the pairs between the first clusters. Leaves ``mark`` at -1."""
    c = len(mark)
    # A pair comes from a slot with both weights, or later from two one-way slots that become one: this many at most.
    both_ways = np.count_nonzero((touches.weight[:, 0] > 0) & (touches.weight[:, 1] > 0))
    most = both_ways + (len(touches.cluster) - both_ways) // 2
    pairs = Pairs(
        np.empty(2 * most, np.int32),
        np.empty(2 * most, np.int32),
        np.empty(2 * most, np.int32),
        np.empty(2 * most),
        np.empty(most),
        np.full(c, -1, np.int32),
        np.zeros(c, np.int32),
        np.array([-1, 0], np.int32),
    )
    samples_by_cluster = np.argsort(labels, kind="mergesort")
    previous = -1
    for m in samples_by_cluster:
        j = labels[m]
        if j != previous:
            if previous >= 0:
                _clear_marks(pairs, previous, mark)
            half = pairs.head[j]
            while half >= 0:
                mark[pairs.owner[half ^ 1]] = half
                half = pairs.next[half]
            previous = j
        for slot in range(touches.rows[m, 0], touches.rows[m, 1]):
            product = np.float64(touches.weight[slot, 0]) * touches.weight[slot, 1]
            if product > 0:
                i = touches.cluster[slot]
                if mark[i] < 0:
                    mark[i] = _new_pair(pairs, j, i)
                pairs.s[mark[i] ^ 1] += product
    if previous >= 0:
        _clear_marks(pairs, previous, mark)
    return pairs


@njit(cache=True, nogil=True)
def _clear_marks(pairs: Pairs, cluster: int, mark: np.ndarray) -> None:
    half = pairs.head[cluster]
    while half >= 0:
        mark[pairs.owner[half ^ 1]] = -1
        half = pairs.next[half]


@njit(cache=True, nogil=True)
def _new_pair(pairs: Pairs, i: int, j: int) -> int:
    """Add a pair with S = 0 and return its half in the list of i."""
    pair = pairs.free[0]
    if pair >= 0:
        pairs.free[0] = pairs.next[2 * pair]
    else:
        pair = pairs.free[1]
        pairs.free[1] += 1
    pairs.s[2 * pair] = 0.0
    pairs.s[2 * pair + 1] = 0.0
    _link(pairs, 2 * pair, i)
    _link(pairs, 2 * pair + 1, j)
    return 2 * pair


@njit(cache=True, nogil=True)
def _link(pairs: Pairs, half: int, owner: int) -> None:
    after = pairs.head[owner]
    pairs.owner[half] = owner
    pairs.prev[half] = -1
    pairs.next[half] = after
    if after >= 0:
        pairs.prev[after] = half
    pairs.head[owner] = half
    pairs.degree[owner] += 1


@njit(cache=True, nogil=True)
def _unlink(pairs: Pairs, half: int) -> None:
    before, after, owner = pairs.prev[half], pairs.next[half], pairs.owner[half]
    if before >= 0:
        pairs.next[before] = after
    else:
        pairs.head[owner] = after
    if after >= 0:
        pairs.prev[after] = before
    pairs.degree[owner] -= 1


@njit(cache=True, nogil=True)
def _drop_pair(pairs: Pairs, half: int) -> None:
    """Put the pair on the free list; its half in the other list must have been taken care of."""
    pair = half >> 1
    pairs.next[2 * pair] = pairs.free[0]
    pairs.free[0] = pair


@njit(cache=True, nogil=True)
def _merge_pairs(pairs: Pairs, a: int, b: int, mark: np.ndarray) -> None:
    """Give the pairs of a to b: S[d,b] += S[d,a], S[b,d] += S[a,d]. Leaves mark[d] = the half (b,d) for all d."""
    half = pairs.head[b]
    while half >= 0:
        mark[pairs.owner[half ^ 1]] = half
        half = pairs.next[half]
    half = pairs.head[a]
    while half >= 0:
        after = pairs.next[half]
        d = pairs.owner[half ^ 1]
        if d == b:
            _unlink(pairs, half ^ 1)
            _drop_pair(pairs, half)
        elif mark[d] >= 0:
            pairs.s[mark[d]] += pairs.s[half]
            pairs.s[mark[d] ^ 1] += pairs.s[half ^ 1]
            _unlink(pairs, half ^ 1)
            _drop_pair(pairs, half)
        else:
            _link(pairs, half, b)
            mark[d] = half
        half = after
    pairs.head[a] = -1
    pairs.degree[a] = 0
    mark[a] = -1


@njit(cache=True, nogil=True)
def _affinity(pairs: Pairs, half: int, own_size: int, other_size: int) -> float:
    own, other = np.float64(own_size), np.float64(other_size)
    return pairs.s[half] / (own * own) + pairs.s[half ^ 1] / (other * other)


# ---- touches ----


@njit(cache=True, nogil=True)
def _merge_touches(
    touches: Touches, pairs: Pairs, a: int, b: int, labels: np.ndarray, parent: np.ndarray, mark: np.ndarray
) -> None:
    """Give the slots of a to b, and add what only the two together have.

    S[b,d] += Σ_{m∈C_d} in_a(m)·out_b(m) + in_b(m)·out_a(m); only samples that a touches have a part in it.
    """
    node = touches.head[a]
    while node >= 0:
        m, after = touches.node[node, 0], touches.node[node, 1]
        slot_a, slot_b = -1, -1
        for slot in range(touches.rows[m, 0], touches.rows[m, 1]):
            if touches.cluster[slot] == a:
                slot_a = slot
            elif touches.cluster[slot] == b:
                slot_b = slot
        d = find(parent, labels[m])
        if d != b and slot_b < 0:
            touches.cluster[slot_a] = b
            touches.node[node, 1] = touches.head[b]
            touches.head[b] = node
            touches.n_nodes[b] += 1
        else:
            if d != b:
                in_a, out_a = np.float64(touches.weight[slot_a, 0]), np.float64(touches.weight[slot_a, 1])
                in_b, out_b = np.float64(touches.weight[slot_b, 0]), np.float64(touches.weight[slot_b, 1])
                cross = in_a * out_b + in_b * out_a
                if cross > 0:
                    if mark[d] < 0:
                        mark[d] = _new_pair(pairs, b, d)
                    pairs.s[mark[d]] += cross
                touches.weight[slot_b, 0] = in_a + in_b
                touches.weight[slot_b, 1] = out_a + out_b
            last = touches.rows[m, 1] - 1
            touches.cluster[slot_a] = touches.cluster[last]
            touches.weight[slot_a, 0] = touches.weight[last, 0]
            touches.weight[slot_a, 1] = touches.weight[last, 1]
            touches.rows[m, 1] = last
        node = after
    touches.head[a] = -1


# ---- best neighbours ----


@njit(cache=True, nogil=True)
def _clear_best(best: Best, i: int) -> None:
    best.length[i] = 0
    best.bound[i] = -1.0


@njit(cache=True, nogil=True)
def _find_best(best: Best, pairs: Pairs, i: int, smallest_row: np.ndarray) -> None:
    """Make the list of i anew from all its pairs."""
    _clear_best(best, i)
    half = pairs.head[i]
    while half >= 0:
        _offer(best, i, pairs.owner[half ^ 1], pairs.affinity[half >> 1], smallest_row)
        half = pairs.next[half]


@njit(cache=True, nogil=True)
def _offer(best: Best, i: int, other: int, affinity: float, smallest_row: np.ndarray) -> None:
    """Put a neighbour in its place in the list of i, or raise the bound if it is, or drives out, one too many."""
    row = smallest_row[other]
    if affinity < best.bound[i] or (affinity == best.bound[i] and row > best.bound_row[i]):
        return
    count = best.length[i]
    place = count
    while place > 0 and (
        affinity > best.affinity[i, place - 1]
        or (affinity == best.affinity[i, place - 1] and row < smallest_row[best.cluster[i, place - 1]])
    ):
        place -= 1
    if count == best.cluster.shape[1]:
        if place == count:
            best.bound[i] = affinity
            best.bound_row[i] = row
            return
        count -= 1
        best.bound[i] = best.affinity[i, count]
        best.bound_row[i] = smallest_row[best.cluster[i, count]]
    for k in range(count, place, -1):
        best.cluster[i, k] = best.cluster[i, k - 1]
        best.affinity[i, k] = best.affinity[i, k - 1]
    best.cluster[i, place] = other
    best.affinity[i, place] = affinity
    best.length[i] = count + 1


@njit(cache=True, nogil=True)
def _update_best(
    best: Best,
    pairs: Pairs,
    i: int,
    a: int,
    b: int,
    affinity: float,
    smallest_row: np.ndarray,
    n_neighbor_clusters: int,
) -> bool:
    """Replace a and b by the merged b in the list of i; return whether the list changed."""
    count = 0
    for k in range(best.length[i]):
        other = best.cluster[i, k]
        if other != a and other != b:
            best.cluster[i, count] = other
            best.affinity[i, count] = best.affinity[i, k]
            count += 1
    needed = min(n_neighbor_clusters, pairs.degree[i])
    if count == best.length[i] and affinity < best.bound[i] and count >= needed:
        return False
    best.length[i] = count
    _offer(best, i, b, affinity, smallest_row)
    if best.length[i] < needed:
        _find_best(best, pairs, i, smallest_row)
    return True


@njit(cache=True, nogil=True)
def _score(best: Best, i: int, n_neighbor_clusters: int, local_structure: float) -> float:
    if best.length[i] == 0:
        return -1.0
    first = best.affinity[i, 0]
    if n_neighbor_clusters == 1:
        return first
    gaps = 0.0
    for k in range(1, n_neighbor_clusters):
        gaps += first - best.affinity[i, k] if k < best.length[i] else first
    return first + local_structure / (n_neighbor_clusters - 1) * gaps


# ---- ranking: a tournament among the clusters, its winner in place 1 ----


@njit(cache=True, nogil=True)
def _rank(score: np.ndarray, smallest_row: np.ndarray) -> np.ndarray:
    c = len(score)
    ranking = np.empty(2 * c, np.int32)
    for i in range(c):
        ranking[c + i] = i
    for place in range(c - 1, 0, -1):
        ranking[place] = _winner(ranking[2 * place], ranking[2 * place + 1], score, smallest_row)
    return ranking


@njit(cache=True, nogil=True)
def _winner(i: int, j: int, score: np.ndarray, smallest_row: np.ndarray) -> int:
    if score[i] > score[j] or (score[i] == score[j] and smallest_row[i] < smallest_row[j]):
        return i
    return j


@njit(cache=True, nogil=True)
def _update_ranking(ranking: np.ndarray, score: np.ndarray, smallest_row: np.ndarray, i: int) -> None:
    place = (len(score) + i) // 2
    while place > 0:
        winner = _winner(ranking[2 * place], ranking[2 * place + 1], score, smallest_row)
        if ranking[place] == winner and winner != i:
            return
        ranking[place] = winner
        place //= 2
