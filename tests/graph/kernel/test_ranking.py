import numpy as np
import pytest

from raycluster.graph.kernel.clusters import first_state
from raycluster.graph.kernel.ranking import rank, set_score


@pytest.mark.parametrize("c", [1, 2, 7, 64])
def test_the_first_place_is_for_the_highest_score_and_among_equals_the_smallest_row(c):
    rng = np.random.default_rng(c)
    clusters = first_state(np.ones(c, np.int32), rng.permutation(c).astype(np.int32))
    clusters["score"] = rng.integers(0, 4, c)
    ranking = np.empty(2 * c, np.int32)
    rank(ranking, clusters)
    for _ in range(200):
        expected = max(range(c), key=lambda i: (clusters[i]["score"], -clusters[i]["smallest_row"]))
        assert ranking[1] == expected
        set_score(ranking, clusters, int(rng.integers(c)), float(rng.integers(-1, 4)))
