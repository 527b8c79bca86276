import numpy as np
from scipy.cluster.hierarchy import linkage

from raycluster.graph.stages import disconnected
from raycluster.graph.stages.disconnected import count_components, join_disconnected
from raycluster.graph.tree import MergeTree


def test_the_closest_centroids_join_first():
    features = np.array([[0.0], [10.0], [1.0], [3.0], [11.5]], np.float32)
    kept, joined = join_disconnected(np.arange(5, dtype=np.int32), features, 1)
    assert list(zip(kept.tolist(), joined.tolist(), strict=True)) == [(0, 2), (1, 4), (0, 3), (0, 1)]


def test_merges_are_those_of_scipys_centroid_linkage():
    features = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    kept, joined = join_disconnected(np.arange(60, dtype=np.int32), features, 1)
    tree = MergeTree.from_joins(60, kept, joined, np.zeros(59))
    theirs = linkage(features.astype(np.float64), "centroid")
    assert (np.sort(tree.children, axis=1) == np.sort(theirs[:, :2], axis=1)).all()


def test_centroids_are_weighted_by_rows():
    # Rows 0, 1, 2 at 0 and row 3 at 4 have their centroid at 1, not at 2: closer to row 4 at -5 than to row 5 at 8.5.
    labels = np.array([0, 0, 0, 1, 2, 3], np.int32)
    features = np.array([[0.0], [0], [0], [4], [-5], [8.5]], np.float32)
    kept, joined = join_disconnected(labels, features, 1)
    assert list(zip(kept.tolist(), joined.tolist(), strict=True)) == [(0, 3), (0, 4), (0, 5)]


def test_without_features_the_smallest_join_first():
    labels = np.array([0, 0, 0, 1, 1, 2, 3, 3], np.int32)
    kept, joined = join_disconnected(labels, None, 2)
    assert list(zip(kept.tolist(), joined.tolist(), strict=True)) == [(3, 5), (0, 6)]


def test_if_there_are_very_many_clusters_the_smallest_join_first(monkeypatch):
    monkeypatch.setattr(disconnected, "MAX_COMPARED", 3)
    labels = np.array([0, 0, 0, 1, 1, 2, 3, 4, 4], np.int32)
    features = np.array([[0.0], [0], [0], [20], [20], [40], [-40], [3], [3]], np.float32)
    kept, joined = join_disconnected(labels, features, 1)
    # The two of one row, at 40 and -40; then two of two rows, at 20 and 0; then by centroids, at 0, 10 and 3.
    assert list(zip(kept.tolist(), joined.tolist(), strict=True)) == [(5, 6), (3, 5), (0, 7), (0, 3)]


def test_components_are_connected_by_edges_of_either_direction():
    assert count_components(np.array([[1], [0], [1], [4], [3]])) == 2
    assert count_components(np.array([[0], [1], [1]])) == 2  # rows that list themselves for want of neighbors
