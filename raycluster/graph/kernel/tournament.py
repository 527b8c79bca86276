"""The cluster with the highest score, by a tournament tree: a new score takes about log2(c) comparisons."""

from __future__ import annotations

import numpy as np

from raycluster.graph.kernel.compiled import compiled_lean


@compiled_lean
def build_tournament(tournament: np.ndarray, clusters: np.ndarray) -> None:
    """Fill the tree, int32 [2c]: entry c + i is cluster i, entry p is the better of entries 2p and 2p + 1.

    Entry 1 is the winner. Of equal scores, the cluster with the smallest row wins.
    """
    c = len(clusters)
    for i in range(c):
        tournament[c + i] = i
    for p in range(c - 1, 0, -1):
        tournament[p] = _winner(clusters, tournament[2 * p], tournament[2 * p + 1])


@compiled_lean
def set_score(tournament: np.ndarray, clusters: np.ndarray, i: int, score: float) -> None:
    """Set the score of cluster i, and replay its matches."""
    clusters[i].score = score
    p = (len(clusters) + i) // 2
    while p > 0:
        winner = _winner(clusters, tournament[2 * p], tournament[2 * p + 1])
        if tournament[p] == winner and winner != i:
            return
        tournament[p] = winner
        p //= 2


@compiled_lean
def find_within(tournament: np.ndarray, clusters: np.ndarray, least: float, found: np.ndarray) -> int:
    """Write the clusters whose score is at least ``least`` into ``found``, int32 [c], and return how many there are."""
    c = len(clusters)
    count, p = 0, 1
    while True:  # in the order of a walk around the tree, which needs no stack
        if clusters[tournament[p]].score >= least:
            if p < c:
                p *= 2
                continue
            found[count] = tournament[p]
            count += 1
        while p & 1:  # from a right child up
            p >>= 1
        if p == 0:
            return count
        p += 1


@compiled_lean
def _winner(clusters: np.ndarray, i: int, j: int) -> int:
    one, other = clusters[i], clusters[j]
    if one.score > other.score or (one.score == other.score and one.smallest_row < other.smallest_row):
        return i
    return j
