import numpy as np
import pytest

from raycluster.graph.kernel.clusters import first_state
from raycluster.graph.kernel.nearest_clusters import SPARE, find_best, no_best, offer, score_of, update_best
from raycluster.graph.kernel.pairs import new_pair, no_pairs


def neighbours_of_0(affinities, k_c=2):
    """Cluster 0 with pairs to 1, 2, ... of these affinities, and its list."""
    c = len(affinities) + 1
    clusters = first_state(np.ones(c, np.int32), np.arange(c, dtype=np.int32))
    pairs, best = no_pairs(2 * c), no_best(c, k_c)
    for other, affinity in enumerate(affinities, 1):
        half = new_pair(pairs, clusters, 0, other)
        pairs.half[half]["affinity"] = pairs.half[half ^ 1]["affinity"] = affinity
    find_best(best, pairs, clusters, 0)
    return best, pairs, clusters


def listed(best, clusters):
    return best.cluster[0, : clusters[0]["n_best"]].tolist()


def test_the_list_holds_the_best_neighbours_and_bounds_the_others():
    affinities = np.random.default_rng(0).permutation(20) / 20
    best, _, clusters = neighbours_of_0(affinities)
    order = np.argsort(-affinities)
    assert listed(best, clusters) == (order[: 2 + SPARE] + 1).tolist()
    assert clusters[0]["bound"] == affinities[order[2 + SPARE]]


def test_of_equal_neighbours_the_one_with_the_smallest_row_is_first():
    best, _, clusters = neighbours_of_0([0.5] * 9)
    assert listed(best, clusters) == [1, 2, 3, 4, 5, 6]
    assert clusters[0]["bound_row"] == 7
    clusters[9]["smallest_row"] = 0
    offer(best, clusters, 0, 9, 0.5)
    assert listed(best, clusters) == [9, 1, 2, 3, 4, 5]


def test_a_merged_neighbour_takes_the_place_of_two():
    best, pairs, clusters = neighbours_of_0([0.9, 0.8, 0.7])
    assert update_best(best, pairs, clusters, 0, 1, 3, 0.9, 0.75, 2)
    assert listed(best, clusters) == [2, 3]


def test_the_list_is_left_alone_where_neither_old_nor_new_affinity_reaches_the_bound():
    best, pairs, clusters = neighbours_of_0(np.arange(9, 0, -1) / 10)
    assert not update_best(best, pairs, clusters, 0, 8, 9, 0.2, 0.25, 2)
    assert update_best(best, pairs, clusters, 0, 8, 9, 0.2, 0.95, 2)
    assert listed(best, clusters) == [9, 1, 2, 3, 4, 5]


def test_a_new_neighbour_below_an_old_bound_is_found_where_neighbours_are_few():
    # Cluster 0 once had more neighbours than its list holds, hence the bound; now it has 1 (.9) and, new, 2 (.1).
    best, pairs, clusters = neighbours_of_0([0.9])
    clusters[0]["bound"] = 0.5
    clusters = np.concatenate([clusters, clusters[1:].copy()])
    clusters[2]["smallest_row"], clusters[2]["first_half"], clusters[2]["n_pairs"] = 2, -1, 0
    half = new_pair(pairs, clusters, 0, 2)
    pairs.half[half]["affinity"] = pairs.half[half ^ 1]["affinity"] = 0.1
    assert update_best(best, pairs, clusters, 0, 3, 2, 0.0, 0.1, 2)
    assert listed(best, clusters) == [1, 2]
    assert best.affinity[0, :2].tolist() == [0.9, 0.1]
    assert clusters[0]["bound"] == -1


def test_score_is_the_affinity_and_the_mean_gap_to_the_next_neighbours():
    best, _, clusters = neighbours_of_0([0.5, 0.75], k_c=4)
    # .75 + λ/3 · ((.75 - .5) + .75 + .75), missing neighbours have affinity 0
    assert score_of(best, clusters, 0, 4, 1.0) == pytest.approx(0.75 + (0.25 + 0.75 + 0.75) / 3)
    assert score_of(best, clusters, 0, 4, 0.0) == 0.75
    clusters[0]["n_best"] = 0
    assert score_of(best, clusters, 0, 4, 1.0) == -1
