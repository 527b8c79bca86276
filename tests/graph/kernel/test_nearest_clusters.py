import numpy as np
import pytest

from raycluster.graph.kernel.clusters import new_clusters
from raycluster.graph.kernel.nearest_clusters import (
    SPARE,
    WIDE,
    drop_marked,
    empty_lists,
    find_nearest,
    give_wide_list,
    insert,
    make_exact,
    replace_merged,
    score_of,
)
from raycluster.graph.kernel.pair_lookup import add_pair, empty_lookup, find_half
from raycluster.graph.kernel.pairs import empty_pairs, new_pair


def set_affinity_to(pairs, half, affinity):
    """Set the affinity of two clusters of one row each."""
    pairs.half[half]["s"], pairs.half[half ^ 1]["s"] = affinity, 0.0
    pairs.half[half]["affinity"] = pairs.half[half ^ 1]["affinity"] = affinity


def clusters_around_0(affinities, k_c=2):
    """Return cluster 0 with pairs to 1, 2, ... of these affinities, and its list."""
    c = len(affinities) + 1
    clusters = new_clusters(np.ones(c, np.int32), np.arange(c, dtype=np.int32))
    pairs, nearest = empty_pairs(2 * c), empty_lists(clusters, k_c, n_hubs=1)
    for other, affinity in enumerate(affinities, 1):
        half = new_pair(pairs, clusters, 0, other)
        set_affinity_to(pairs, half, affinity)
    find_nearest(nearest, pairs, clusters, 0)
    return nearest, pairs, clusters


def listed(nearest, clusters):
    start = clusters[0]["list_start"]
    return nearest.cluster[start : start + clusters[0]["n_nearest"]].tolist()


def test_the_list_has_the_nearest_clusters_and_a_bound_for_the_others():
    affinities = np.random.default_rng(0).permutation(20) / 20
    nearest, _, clusters = clusters_around_0(affinities)
    order = np.argsort(-affinities)
    assert listed(nearest, clusters) == (order[: 2 + SPARE] + 1).tolist()
    assert clusters[0]["bound"] == affinities[order[2 + SPARE]]


def test_of_equal_affinities_the_smallest_row_is_first():
    nearest, _, clusters = clusters_around_0([0.5] * 9)
    assert listed(nearest, clusters) == [1, 2, 3, 4, 5, 6]
    assert clusters[0]["bound_row"] == 7
    clusters[9]["smallest_row"] = 0
    insert(nearest, clusters, 0, 9, 0.5)
    assert listed(nearest, clusters) == [9, 1, 2, 3, 4, 5]


def test_a_merged_cluster_replaces_two():
    nearest, pairs, clusters = clusters_around_0([0.9, 0.8, 0.7])
    assert replace_merged(nearest, pairs, clusters, 0, 1, 3, 0.9, 0.75, 2)
    assert listed(nearest, clusters) == [2, 3]


def test_the_list_stays_the_same_if_neither_old_nor_new_affinity_reaches_the_bound():
    nearest, pairs, clusters = clusters_around_0(np.arange(9, 0, -1) / 10)
    assert not replace_merged(nearest, pairs, clusters, 0, 8, 9, 0.2, 0.25, 2)
    assert replace_merged(nearest, pairs, clusters, 0, 8, 9, 0.2, 0.95, 2)
    assert listed(nearest, clusters) == [9, 1, 2, 3, 4, 5]


def test_a_new_cluster_below_an_old_bound_is_found_if_the_list_is_short():
    # Cluster 0 once had more pairs than its list has room for, hence the bound; now it has 1 (.9) and the new 2 (.1).
    nearest, pairs, clusters = clusters_around_0([0.9])
    clusters[0]["bound"] = 0.5
    clusters = np.concatenate([clusters, clusters[1:].copy()])
    clusters[2]["smallest_row"], clusters[2]["first_half"], clusters[2]["n_pairs"] = 2, -1, 0
    half = new_pair(pairs, clusters, 0, 2)
    set_affinity_to(pairs, half, 0.1)
    assert replace_merged(nearest, pairs, clusters, 0, 3, 2, 0.0, 0.1, 2)
    assert listed(nearest, clusters) == [1, 2]
    assert nearest.affinity[:2].tolist() == [0.9, 0.1]
    assert clusters[0]["bound"] == -1


def test_the_score_is_the_affinity_plus_the_mean_gap_to_the_next_ones():
    nearest, _, clusters = clusters_around_0([0.5, 0.75], k_c=4)
    # .75 + λ/3 · ((.75 - .5) + .75 + .75), missing clusters have affinity 0
    assert score_of(nearest, clusters, 0, 4, 1.0) == pytest.approx(0.75 + (0.25 + 0.75 + 0.75) / 3)
    assert score_of(nearest, clusters, 0, 4, 0.0) == 0.75
    clusters[0]["n_nearest"] = 0
    assert score_of(nearest, clusters, 0, 4, 1.0) == -1


def lookup_of_0(pairs, clusters):
    """Return a lookup with the pairs of cluster 0."""
    lookup = empty_lookup()
    h = clusters[0]["first_half"]
    while h >= 0:
        add_pair(lookup, 0, pairs.half[h]["other"], h)
        h = pairs.half[h]["next"]
    return lookup


def test_affinities_to_hubs_are_made_exact_as_far_as_they_count():
    nearest, pairs, clusters = clusters_around_0([0.9, 0.8, 0.7, 0.6])
    lookup = lookup_of_0(pairs, clusters)
    clusters["hub"][[1, 3, 4]] = [0, 1, 2]
    for hub, exact in ((1, 0.65), (3, 0.1), (4, 0.1)):
        pairs.half[find_half(lookup, 0, hub)]["s"] = exact
    make_exact(nearest, pairs, lookup, clusters, 0, 2)
    # 1 falls behind 3, which falls behind both; 4 is not among the nearest two, so that nobody looks at it.
    assert listed(nearest, clusters) == [2, 1, 4, 3]
    assert nearest.affinity[:4].tolist() == [0.8, 0.65, 0.6, 0.1]


def test_a_list_that_may_miss_a_nearer_cluster_is_found_anew():
    affinities = np.arange(9, 0, -1) / 10
    nearest, pairs, clusters = clusters_around_0(affinities)
    lookup = lookup_of_0(pairs, clusters)
    clusters["hub"][1:7] = np.arange(6)
    for hub in range(1, 6):
        pairs.half[find_half(lookup, 0, hub)]["s"] = 0.01 * hub
    make_exact(nearest, pairs, lookup, clusters, 0, 2)
    assert listed(nearest, clusters)[:2] == [6, 7]


def test_marked_and_merged_clusters_leave_the_list():
    nearest, _, clusters = clusters_around_0([0.9, 0.8, 0.7, 0.6])
    clusters["mark"][2] = 0
    drop_marked(nearest, clusters, 0, 3)
    assert listed(nearest, clusters) == [1, 4]


def test_a_hub_has_a_wide_list():
    nearest, pairs, clusters = clusters_around_0(np.random.default_rng(0).permutation(200) / 200)
    give_wide_list(nearest, clusters, 0, 0)
    find_nearest(nearest, pairs, clusters, 0)
    assert clusters[0]["n_nearest"] == WIDE
    assert clusters[0]["list_start"] + WIDE == len(nearest.cluster)
