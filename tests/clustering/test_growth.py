import numpy as np

from raycluster.clustering.growth import follow


def test_clusters_keep_the_numbers_of_those_they_continue():
    before = np.array([0, 0, 0, 1, 1, 1, 4, 4])
    now = np.array([2, 2, 2, 0, 0, 2, 1, 1])
    clusters, moved = follow(np.arange(8), before, np.arange(8), now)
    assert clusters.tolist() == [0, 0, 0, 1, 1, 0, 4, 4]
    assert clusters.dtype == np.int32
    assert moved == {"images": 8, "changed": 1, "added": 0, "removed": 0, "new": [], "gone": []}


def test_new_images_and_new_clusters_are_told_and_get_numbers_that_were_free():
    """Images 2 and 3 are gone, 8 and 9 make a cluster of their own, and 10 joins the cluster of 0 and 1."""
    before = np.array([0, 0, 2, 2, 3, 3])
    ids = np.array([0, 1, 4, 5, 8, 9, 10])
    clusters, moved = follow(np.arange(6), before, ids, np.array([1, 1, 0, 0, 2, 2, 1]))
    assert clusters.tolist() == [0, 0, 3, 3, 1, 1, 0]
    assert moved == {"images": 4, "changed": 0, "added": 3, "removed": 2, "new": [1], "gone": [2]}


def test_a_cluster_that_splits_keeps_its_number_in_the_larger_part():
    clusters, moved = follow(np.arange(5), np.zeros(5, int), np.arange(5), np.array([0, 0, 1, 1, 1]))
    assert clusters.tolist() == [1, 1, 0, 0, 0]
    assert (moved["changed"], moved["new"], moved["gone"]) == (2, [1], [])


def test_a_pair_that_shares_few_images_is_no_continuation():
    """Nine of ten images of cluster 0 join cluster 1, and the tenth is alone among five new images."""
    before, ids = np.repeat([0, 1], 10), np.arange(25)
    now = np.array([0] * 9 + [1] + [0] * 10 + [1] * 5)
    clusters, moved = follow(np.arange(20), before, ids, now)
    assert clusters.tolist() == [1] * 9 + [2] + [1] * 10 + [2] * 5
    assert moved == {"images": 20, "changed": 10, "added": 5, "removed": 0, "new": [2], "gone": [0]}


def test_nothing_in_common_makes_everything_new():
    clusters, moved = follow(np.arange(3), np.array([0, 0, 1]), np.arange(3, 6), np.array([0, 1, 1]))
    assert clusters.tolist() == [2, 3, 3]
    assert moved == {"images": 0, "changed": 0, "added": 3, "removed": 3, "new": [2, 3], "gone": [0, 1]}
