import numpy as np
import pytest
from scipy.cluster.hierarchy import is_valid_linkage

from raycluster.errors import UserError
from raycluster.graph.affinity import sample_affinity
from raycluster.graph.linkage import link
from raycluster.graph.neighbors import nearest_neighbors
from raycluster.graph.pieces import first_clusters


def graph_of(points, k, kind="local"):
    ids, distances = nearest_neighbors(points, k)
    return ids, sample_affinity(distances, kind=kind), first_clusters(ids)


def blobs(rng, n, distance=4.0):
    centres = rng.normal(size=(4, 3)) * distance
    return (centres[rng.integers(0, 4, n)] + rng.normal(size=(n, 3))).astype(np.float32)


@pytest.mark.parametrize("join_pieces", [True, False])
@pytest.mark.parametrize("distance", [1.0, 4.0, 40.0])
def test_the_tree_is_a_tree(distance, join_pieces):
    n = 300
    points = blobs(np.random.default_rng(0), n, distance)
    tree = link(*graph_of(points, 5), join_pieces=join_pieces, features=points)
    assert sorted(tree.children.ravel().tolist()) == list(range(2 * n - 2))
    assert (tree.children < n + np.arange(n - 1)[:, None]).all()
    size = np.concatenate([np.ones(n), tree.size])
    assert (tree.size == size[tree.left] + size[tree.right]).all()
    heights = np.column_stack([tree.children.astype(float), np.arange(n - 1.0), tree.size])
    assert is_valid_linkage(heights)


@pytest.mark.parametrize("join_pieces", [True, False])
def test_cut_at_k_is_the_same_as_stopping_at_k(join_pieces):
    points = blobs(np.random.default_rng(1), 200, 6.0)
    graph = graph_of(points, 4)
    whole = link(*graph, join_pieces=join_pieces, features=points)
    for n_clusters in range(1, 200, 7):
        stopped = link(*graph, n_clusters=n_clusters, join_pieces=join_pieces, features=points)
        assert stopped.n_roots == n_clusters
        assert (stopped.cut(n_clusters) == whole.cut(n_clusters)).all()
        assert whole.cut(n_clusters).max() == n_clusters - 1


def test_permuting_the_points_permutes_the_labels():
    rng = np.random.default_rng(2)
    points = blobs(rng, 200)
    labels = link(*graph_of(points, 8), features=points).cut(6)
    order = rng.permutation(200)
    permuted = link(*graph_of(points[order], 8), features=points[order]).cut(6)
    assert len({(a, b) for a, b in zip(labels[order], permuted, strict=True)}) == 6


def test_the_first_clusters_are_merges_with_infinite_affinity():
    points = blobs(np.random.default_rng(3), 100)
    ids, weights, labels = graph_of(points, 10)
    tree = link(ids, weights, labels, join_pieces=False)
    n_first = labels.max() + 1
    assert np.isinf(tree.affinity[: 100 - n_first]).all()
    assert np.isfinite(tree.affinity[100 - n_first :]).all()
    assert (tree.cut(n_first) == labels).all()


def test_labels_of_any_numbering_and_type_may_begin():
    points = blobs(np.random.default_rng(3), 100)
    ids, weights, labels = graph_of(points, 10)
    expected = link(ids, weights, labels).cut(4)
    assert (link(ids, weights, 1000 - 7 * labels.astype(np.int64)).cut(4) == expected).all()


def test_a_stray_pair_takes_no_place_among_the_clusters():
    rng = np.random.default_rng(4)
    points = np.concatenate([rng.normal(size=(40, 2)), rng.normal(size=(40, 2)) + 12, [[6, -9], [6.2, -9]]])
    graph = graph_of(points.astype(np.float32), 10)
    published = link(*graph, join_pieces=False).cut(3)
    assert sorted(np.bincount(published)) == [2, 40, 40]
    joined = link(*graph).cut(2)
    assert sorted(np.bincount(joined)) in ([40, 42], [41, 41])
    assert len(np.unique(joined[80:])) == 1


def test_parts_without_an_edge_between_them_join_last_and_nearest_first():
    centres = np.array([[0, 0], [200, 0], [90, 20], [0, 900]])
    points = np.repeat(centres, 20, axis=0) + np.random.default_rng(5).normal(size=(80, 2))
    tree = link(*graph_of(points.astype(np.float32), 5), features=points.astype(np.float32))
    blocks = [tree.cut(k)[::20].tolist() for k in (4, 3, 2)]
    assert blocks == [[0, 1, 2, 3], [0, 1, 0, 2], [0, 0, 0, 1]]
    assert (tree.affinity[-3:] == 0).all()


def test_one_way_edges_decide_when_affinity_is_used_up():
    # Three mutual pairs; the only other edges are 0 → 2 and 4 → 2 (stronger). No two clusters have affinity.
    ids = np.array([[1, 2], [0, 3], [3, 0], [2, 1], [5, 2], [4, 3]], np.int32)
    weights = np.array([[1, 0.25], [1, 0], [1, 0], [1, 0], [1, 0.5], [1, 0]], np.float32)
    tree = link(ids, weights, np.arange(6), join_pieces=False)
    assert tree.cut(3).tolist() == [0, 0, 1, 1, 2, 2]
    assert tree.cut(2).tolist() == [0, 0, 1, 1, 1, 1]
    assert tree.affinity[-2:].tolist() == [0, 0]


def test_duplicates_and_constant_features_make_a_tree():
    points = np.repeat(np.random.default_rng(6).normal(size=(5, 2)), 20, axis=0).astype(np.float32)
    assert sorted(np.bincount(link(*graph_of(points, 5), features=points).cut(5))) == [20] * 5
    constant = np.ones((30, 4), np.float32)
    assert link(*graph_of(constant, 5), features=constant).cut(3).max() == 2


def test_two_rows_make_one_merge():
    points = np.array([[0.0], [1.0]], np.float32)
    tree = link(*graph_of(points, 20))
    assert tree.children.tolist() == [[0, 1]]


def test_wrong_calls_are_named():
    ids, weights, labels = graph_of(blobs(np.random.default_rng(7), 30), 5)
    with pytest.raises(UserError, match="n_clusters=31 of 30 rows"):
        link(ids, weights, labels, n_clusters=31)
    with pytest.raises(UserError, match="labels of shape"):
        link(ids, weights, labels[:-1])
    with pytest.raises(UserError, match="n_neighbor_clusters=0"):
        link(ids, weights, labels, n_neighbor_clusters=0)
