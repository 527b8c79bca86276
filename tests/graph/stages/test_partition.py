import numpy as np
import pytest
from sklearn.datasets import load_digits

from raycluster.graph.affinity import sample_affinity
from raycluster.graph.neighbors.nearest import nearest_neighbors
from raycluster.graph.stages import partition
from raycluster.graph.stages.first_clusters import first_clusters
from raycluster.graph.stages.partition import find_partitions, order_by_partition


@pytest.fixture(scope="module")
def digits():
    ids, distances = nearest_neighbors(load_digits().data, 10)
    return ids, sample_affinity(distances), first_clusters(ids)


@pytest.mark.parametrize("max_rows", [20, 100, 500])
def test_partitions_are_as_large_as_they_may_be(digits, max_rows):
    labels = digits[2]
    found = find_partitions(*digits, max_rows)
    rows = np.bincount(found[labels])
    assert (np.unique(found) == np.arange(len(rows))).all()
    assert rows.max() <= max_rows
    assert rows.mean() > max_rows / 4


def test_a_cluster_that_is_too_large_is_a_partition_of_its_own():
    ids = np.array([[1], [0], [1], [4], [3]], np.int32)
    labels = np.array([0, 0, 0, 1, 1], np.int32)
    assert find_partitions(ids, np.ones((5, 1), np.float32), labels, 2).tolist() == [0, 1]


def test_a_cluster_joins_the_one_to_which_it_has_the_most_weight():
    # Clusters 0, 1, 2 and 3 of one row; 0 leans to 2 and 1 to 3.
    ids = np.array([[1, 2], [0, 3], [0, 1], [1, 0]], np.int32)
    weights = np.array([[0.1, 0.9], [0.1, 0.8], [0.9, 0.1], [0.8, 0.1]], np.float32)
    assert find_partitions(ids, weights, np.arange(4, dtype=np.int32), 2).tolist() == [0, 1, 0, 1]
    assert find_partitions(ids, weights, np.arange(4, dtype=np.int32), 4).tolist() == [0, 0, 0, 0]


def test_clusters_without_weight_between_them_stay_apart(digits):
    ids, weights, labels = digits
    half = labels[np.arange(len(labels))] % 2
    weights = np.where(half[:, None] == half[ids], weights, 0).astype(np.float32)
    found = find_partitions(ids, weights, labels, 10**6)
    assert not set(found[labels[half == 0]]) & set(found[labels[half == 1]])


def test_the_ordered_graph_is_the_same_graph_partition_by_partition(digits, monkeypatch):
    monkeypatch.setattr(partition, "PARTITION_ROWS", 200)
    ids, weights, labels = digits
    graph = order_by_partition(*digits)
    assert sorted(graph.rows) == list(range(len(ids)))
    np.testing.assert_array_equal(graph.rows[graph.neighbor_ids], ids[graph.rows])
    np.testing.assert_array_equal(graph.weights, weights[graph.rows])
    found = find_partitions(*digits, 200)[labels[graph.rows]]
    assert (np.diff(found) >= 0).all()
    # The rows of a cluster are consecutive and in their order.
    changes = np.count_nonzero(np.diff(labels[graph.rows]))
    assert changes == labels.max()
    assert (np.diff(graph.rows)[np.diff(labels[graph.rows]) == 0] > 0).all()
