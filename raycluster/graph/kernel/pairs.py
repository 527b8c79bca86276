"""The pairs of clusters that have affinity: a sparse matrix that changes as clusters merge."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from raycluster.graph.kernel.compiled import compiled_lean
from raycluster.graph.kernel.marks import Marks, set_mark
from raycluster.graph.kernel.pair_lookup import PairLookup, add_pair, find_half
from raycluster.graph.kernel.records import aligned_records

HALF = np.dtype(
    [
        ("other", np.int32),  # the cluster at the other end
        ("next", np.int32),  # halves in the list of the same cluster
        ("prev", np.int32),
        ("s", np.float64),  # S[own, other]
        ("affinity", np.float64),  # A(own, other), or more if one is a hub; the same in both halves
    ],
    align=True,
)


class Pairs(NamedTuple):
    """Pairs of clusters that have affinity.

    Pair p has two halves, 2p and 2p + 1. Each is in the linked list of one of the two clusters. The other half of h is
    h ^ 1.
    """

    half: np.ndarray  # HALF [2p]
    free: np.ndarray  # int32 [2]: first free pair (its first half's next is the next one), pairs ever used


def empty_pairs(capacity: int) -> Pairs:
    """Return room for this many pairs."""
    return Pairs(half=aligned_records(2 * capacity, HALF), free=np.array([-1, 0], np.int32))


@compiled_lean
def new_pair(pairs: Pairs, clusters: np.ndarray, i: int, j: int) -> int:
    """Add a pair with S = 0 and affinity 0, and return its half in the list of i."""
    pair = pairs.free[0]
    if pair >= 0:
        pairs.free[0] = pairs.half[2 * pair].next
    else:
        pair = pairs.free[1]
        pairs.free[1] += 1
    here, there = pairs.half[2 * pair], pairs.half[2 * pair + 1]
    here.other, there.other = j, i
    here.s = there.s = 0.0
    here.affinity = there.affinity = 0.0
    _link(pairs, clusters, 2 * pair, i)
    _link(pairs, clusters, 2 * pair + 1, j)
    return 2 * pair


@compiled_lean
def mark_neighbors(pairs: Pairs, marks: Marks, clusters: np.ndarray, i: int) -> None:
    """Mark every cluster j that has a pair with i with the half (i,j)."""
    half = clusters[i].first_half
    while half >= 0:
        set_mark(marks, clusters, pairs.half[half].other, half)
        half = pairs.half[half].next


@compiled_lean
def marked_half(lookup: PairLookup, marks: Marks, clusters: np.ndarray, b: int, d: int) -> int:
    """Return the half (b,d), with which d is marked then, or -1 if there is no such pair.

    The neighbors of b are marked already, unless it is a hub.
    """
    half = clusters[d].mark
    if half < 0 and clusters[b].hub >= 0:
        half = find_half(lookup, b, d)
        if half >= 0:
            set_mark(marks, clusters, d, half)
    return half


@compiled_lean
def mark_new(lookup: PairLookup, marks: Marks, clusters: np.ndarray, b: int, d: int, half: int) -> None:
    """Mark d with the half (b,d) of a pair that is new."""
    set_mark(marks, clusters, d, half)
    if clusters[b].hub >= 0 or clusters[d].hub >= 0:
        add_pair(lookup, b, d, half)


@compiled_lean
def merge_pairs(pairs: Pairs, lookup: PairLookup, marks: Marks, clusters: np.ndarray, a: int, b: int) -> None:
    """Move the pairs of a to b: S[d,b] += S[d,a] and S[b,d] += S[a,d].

    Afterward each neighbor d of a, and if b is not a hub also each one of b, is marked with the half (b,d). The
    affinity of (b,d) is not yet the new one, but the larger of those of (a,d) and (b,d).
    """
    if clusters[b].hub < 0:
        mark_neighbors(pairs, marks, clusters, b)
    h = clusters[a].first_half
    while h >= 0:
        half = pairs.half[h]
        after, d = half.next, half.other
        if d == b:
            _unlink(pairs, clusters, h ^ 1, b)
            _drop_pair(pairs, h)
        else:
            mark = marked_half(lookup, marks, clusters, b, d)
            if mark >= 0:
                kept = pairs.half[mark]
                kept.s += half.s
                kept.affinity = max(kept.affinity, half.affinity)
                pairs.half[mark ^ 1].s += pairs.half[h ^ 1].s
                _unlink(pairs, clusters, h ^ 1, d)
                _drop_pair(pairs, h)
            else:
                pairs.half[h ^ 1].other = b
                _link(pairs, clusters, h, b)
                mark_new(lookup, marks, clusters, b, d, h)
        h = after
    clusters[a].mark = -1


@compiled_lean
def affinity_of(pairs: Pairs, clusters: np.ndarray, i: int, half: int) -> float:
    """Return A(i,j) = S[i,j]/|i|² + S[j,i]/|j|² for a half of a pair of i."""
    here, there = pairs.half[half], pairs.half[half ^ 1]
    own, other = np.float64(clusters[i].size), np.float64(clusters[here.other].size)
    return here.s / (own * own) + there.s / (other * other)


@compiled_lean
def set_affinity(pairs: Pairs, clusters: np.ndarray, i: int, half: int) -> float:
    """Set the affinity in both halves of a pair of i, and return it."""
    value = affinity_of(pairs, clusters, i, half)
    pairs.half[half].affinity = value
    pairs.half[half ^ 1].affinity = value
    return value


@compiled_lean
def _link(pairs: Pairs, clusters: np.ndarray, half: int, i: int) -> None:
    after = clusters[i].first_half
    pairs.half[half].prev = -1
    pairs.half[half].next = after
    if after >= 0:
        pairs.half[after].prev = half
    clusters[i].first_half = half
    clusters[i].n_pairs += 1


@compiled_lean
def _unlink(pairs: Pairs, clusters: np.ndarray, half: int, i: int) -> None:
    before, after = pairs.half[half].prev, pairs.half[half].next
    if before >= 0:
        pairs.half[before].next = after
    else:
        clusters[i].first_half = after
    if after >= 0:
        pairs.half[after].prev = before
    clusters[i].n_pairs -= 1


@compiled_lean
def _drop_pair(pairs: Pairs, half: int) -> None:
    """Put a pair on the free list; neither half may be needed in its list any longer."""
    pair = half >> 1
    pairs.half[2 * pair].next = pairs.free[0]
    pairs.free[0] = pair
