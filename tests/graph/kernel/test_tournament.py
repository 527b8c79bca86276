import numpy as np
import pytest

from raycluster.graph.kernel.clusters import new_clusters
from raycluster.graph.kernel.tournament import build_tournament, find_within, set_score


@pytest.mark.parametrize("c", [1, 2, 7, 64])
def test_the_highest_score_wins_and_among_equal_scores_the_smallest_row(c):
    rng = np.random.default_rng(c)
    clusters = new_clusters(np.ones(c, np.int32), rng.permutation(c).astype(np.int32))
    clusters["score"] = rng.integers(0, 4, c)
    tournament = np.empty(2 * c, np.int32)
    build_tournament(tournament, clusters)
    for _ in range(200):
        expected = max(range(c), key=lambda i: (clusters[i]["score"], -clusters[i]["smallest_row"]))
        assert tournament[1] == expected
        set_score(tournament, clusters, int(rng.integers(c)), float(rng.integers(-1, 4)))


@pytest.mark.parametrize("c", [1, 2, 7, 64, 100])
def test_all_clusters_with_at_least_a_score_are_found(c):
    rng = np.random.default_rng(c)
    clusters = new_clusters(np.ones(c, np.int32), np.arange(c, dtype=np.int32))
    clusters["score"] = rng.integers(0, 10, c)
    tournament, found = np.empty(2 * c, np.int32), np.empty(c, np.int32)
    build_tournament(tournament, clusters)
    for least in range(-1, 12):
        count = find_within(tournament, clusters, float(least), found)
        assert sorted(found[:count]) == np.flatnonzero(clusters["score"] >= least).tolist()
