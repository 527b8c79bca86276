"""The ranking of clusters by score: a tournament whose winner stands in place 1."""

from __future__ import annotations

import numpy as np

from raycluster.graph.kernel.compiled import compiled


@compiled
def rank(ranking: np.ndarray, clusters: np.ndarray) -> None:
    """Fill ``ranking`` (int32 [2c]): place p has the better of places 2p and 2p + 1, place c + i has cluster i."""
    c = len(clusters)
    for i in range(c):
        ranking[c + i] = i
    for place in range(c - 1, 0, -1):
        ranking[place] = _winner(clusters, ranking[2 * place], ranking[2 * place + 1])


@compiled
def set_score(ranking: np.ndarray, clusters: np.ndarray, i: int, score: float) -> None:
    """Give cluster i this score, and hold again the matches that it has a part in."""
    clusters[i].score = score
    place = (len(clusters) + i) // 2
    while place > 0:
        winner = _winner(clusters, ranking[2 * place], ranking[2 * place + 1])
        if ranking[place] == winner and winner != i:
            return
        ranking[place] = winner
        place //= 2


@compiled
def _winner(clusters: np.ndarray, i: int, j: int) -> int:
    one, other = clusters[i], clusters[j]
    if one.score > other.score or (one.score == other.score and one.smallest_row < other.smallest_row):
        return i
    return j
