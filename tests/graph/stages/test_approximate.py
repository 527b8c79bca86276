import numba
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import normalized_mutual_info_score

from raycluster.graph.affinity import sample_affinity
from raycluster.graph.kernel.labels import number_by_position
from raycluster.graph.kernel.merging import merge
from raycluster.graph.kernel.touches import find_touches
from raycluster.graph.linkage import link
from raycluster.graph.neighbors.nearest import nearest_neighbors
from raycluster.graph.stages import partition
from raycluster.graph.stages.approximate import merge_partitions
from raycluster.graph.stages.first_clusters import first_clusters
from raycluster.graph.stages.partition import order_by_partition


@pytest.fixture(scope="module")
def digits():
    ids, distances = nearest_neighbors(load_digits().data, 15)
    return ids, sample_affinity(distances), first_clusters(ids)


@pytest.fixture
def small_partitions(monkeypatch):
    monkeypatch.setattr(partition, "PARTITION_ROWS", 60)


def in_partitions(graph, epsilon):
    ordered = order_by_partition(*graph)
    labels, _, names = number_by_position(graph[2], ordered.rows)
    return merge_partitions(ordered, labels, names, 5, 1.0, epsilon), ordered


@pytest.mark.slow
def test_merges_stay_inside_the_partitions_and_take_at_most_half_of_their_clusters(digits, small_partitions):
    (kept, joined, affinity), ordered = in_partitions(digits, 0.1)
    own = np.empty(len(digits[0]), int)
    own[ordered.rows] = np.repeat(np.arange(len(ordered.start) - 1), np.diff(ordered.start))
    assert len(ordered.start) > 20
    assert (own[kept] == own[joined]).all()
    clusters = np.array([len(np.unique(digits[2][own == i])) for i in range(own.max() + 1)])
    merges = np.bincount(own[kept], minlength=len(clusters))
    assert (merges <= clusters // 2).all()
    assert merges.sum() > 0.2 * clusters.sum()
    assert (affinity > 0).all()
    assert len(np.unique(joined)) == len(joined)


def test_a_single_partition_merges_as_the_exact_merging_begins(digits, monkeypatch):
    monkeypatch.setattr(partition, "PARTITION_ROWS", 10**6)
    monkeypatch.setattr(partition, "NEAR", 15)
    (kept, joined, affinity), ordered = in_partitions(digits, 0.0)
    assert len(ordered.start) == 2
    labels = digits[2]
    size = np.bincount(labels).astype(np.int32)
    first_row = np.unique(labels, return_index=True)[1].astype(np.int32)
    exact = merge(find_touches(*digits, len(size), False), labels, size, first_row, len(size) - len(size) // 2, 5, 1.0)
    lowest = np.argsort(-np.minimum.accumulate(exact[2]), kind="stable")
    np.testing.assert_array_equal(kept, exact[0][lowest])
    np.testing.assert_array_equal(joined, exact[1][lowest])
    np.testing.assert_allclose(affinity, exact[2][lowest], rtol=1e-6)


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 1.0])
def test_the_clusters_are_as_good_as_those_of_the_exact_merging(digits, small_partitions, epsilon):
    classes = load_digits().target
    exact = normalized_mutual_info_score(classes, link(*digits).cut(10))
    tree = link(*digits, epsilon=epsilon)
    assert normalized_mutual_info_score(classes, tree.cut(10)) > exact - 0.05
    n = len(classes)
    assert sorted(tree.children.ravel().tolist()) == list(range(2 * n - 2))


def test_a_larger_epsilon_lets_more_clusters_merge(digits, small_partitions):
    counts = [len(in_partitions(digits, epsilon)[0][0]) for epsilon in (0.0, 0.1, 1.0, 10.0)]
    assert counts == sorted(set(counts))


def test_cut_at_k_is_the_same_as_stopping_at_k(digits, small_partitions):
    whole = link(*digits, epsilon=0.1)
    for n_clusters in (1, 10, 150, 300, 420):
        stopped = link(*digits, n_clusters=n_clusters, epsilon=0.1)
        np.testing.assert_array_equal(stopped.cut(n_clusters), whole.cut(n_clusters))


def test_the_tree_does_not_depend_on_the_number_of_threads(digits, small_partitions, monkeypatch):
    monkeypatch.setattr(numba, "get_num_threads", lambda: 1)
    expected = link(*digits, epsilon=0.1)
    monkeypatch.setattr(numba, "get_num_threads", lambda: 4)
    tree = link(*digits, epsilon=0.1)
    np.testing.assert_array_equal(tree.children, expected.children)
    np.testing.assert_array_equal(tree.affinity, expected.affinity)
