import numpy as np

from raycluster.graph.stages.first_clusters import first_clusters


def test_first_clusters_are_the_connected_components_of_the_nearest_neighbor_graph():
    # 0 → 2 ↔ 3, 1 ↔ 5, 4 → 5
    nearest = np.array([2, 5, 3, 2, 5, 1], np.int32)[:, None]
    assert first_clusters(nearest).tolist() == [0, 1, 0, 0, 1, 1]


def test_only_the_first_column_counts():
    ids = np.array([[1, 2], [0, 3], [3, 0], [2, 1]], np.int32)
    assert first_clusters(ids).tolist() == [0, 0, 1, 1]


def test_a_single_row_is_a_cluster():
    assert first_clusters(np.empty((1, 0), np.int32)).tolist() == [0]
