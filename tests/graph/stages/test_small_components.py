import numpy as np
import pytest

from raycluster.graph.affinity import sample_affinity
from raycluster.graph.neighbors.nearest import nearest_neighbors
from raycluster.graph.stages.first_clusters import first_clusters
from raycluster.graph.stages.small_components import join_small_components, smallest_cluster


@pytest.fixture
def crowd_and_lonely_pair():
    """Twelve points on a line and two off it, which have edges to the line but none from it."""
    points = np.array([*([float(x), 0.0] for x in range(12)), [4.0, 8.0], [4.5, 8.2]], np.float32)
    ids, distances = nearest_neighbors(points, 4)
    return ids, sample_affinity(distances, kind="local")


def test_a_lonely_pair_joins_the_cluster_at_its_strongest_edge(crowd_and_lonely_pair):
    ids, weights = crowd_and_lonely_pair
    assert not np.isin(ids[:12], [12, 13]).any()
    labels = first_clusters(ids)
    joined_labels, kept, joined = join_small_components(ids, weights, labels)
    lonely = slice(12, 14)
    edges = np.ma.masked_array(weights[lonely], np.isin(ids[lonely], [12, 13]))
    target = ids[lonely].ravel()[edges.argmax()]
    assert joined.tolist() == [12]
    assert joined_labels[12] == joined_labels[13] == joined_labels[target]
    assert kept.tolist() == [np.flatnonzero(labels == labels[target])[0]]
    assert labels.max() - joined_labels.max() == 1


def test_a_distant_group_as_large_as_its_neighbor_lists_is_left_alone():
    near = np.random.default_rng(0).normal(size=(30, 2))
    points = np.concatenate([near, near[:12] + 100]).astype(np.float32)
    ids, distances = nearest_neighbors(points, 10)
    _, kept, joined = join_small_components(ids, sample_affinity(distances), first_clusters(ids))
    group = np.arange(42) >= 30
    assert (group[kept] == group[joined]).all()


def test_a_small_cluster_that_mutual_edges_connect_with_others_is_left_to_the_merging():
    points = np.array([0, 1, 2.1, 3.1, 4.2, 5.2, 6.3, 7.3, 8.4, 9.4], np.float32)[:, None]
    ids, distances = nearest_neighbors(points, 3)
    labels = first_clusters(ids)
    assert labels.max() == 4
    same, kept, _ = join_small_components(ids, sample_affinity(distances), labels)
    assert len(kept) == 0
    assert (same == labels).all()


@pytest.mark.parametrize(("k", "expected"), [(3, [0, 0, 0, 0, 1, 1, 1, 1]), (5, [0] * 8)])
def test_small_components_grow_together_until_they_are_large_enough(k, expected):
    # Clusters {0,1}, {2,3}, {4,5}, {6,7} in a ring of one-way edges. K_s = 3 asks for 3 rows, K_s = 5 for 5.
    ids = np.zeros((8, k), np.int32)
    weights = np.zeros((8, k), np.float32)
    for i in range(8):
        mate, ahead = i ^ 1, (i + 2) % 8
        ids[i] = [mate, ahead, *np.setdiff1d(np.arange(8), [i, mate, ahead])[: k - 2]]
        weights[i, 0] = 1
    weights[::2, 1] = [0.5, 0.4, 0.6, 0.3]
    labels, kept, joined = join_small_components(ids, weights, np.arange(8, dtype=np.int32) // 2)
    assert labels.tolist() == expected
    assert list(zip(kept.tolist(), joined.tolist(), strict=True))[:2] == [(0, 2), (4, 6)]


def test_a_cluster_has_half_as_many_rows_as_neighbors_but_at_least_8_or_as_many():
    assert [smallest_cluster(k) for k in (3, 8, 10, 16, 20, 100)] == [3, 8, 8, 8, 10, 50]
