import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import is_valid_linkage

from raycluster.errors import UserError
from raycluster.graph import linkage
from raycluster.graph.affinity import sample_affinity
from raycluster.graph.linkage import link
from raycluster.graph.neighbors.nearest import nearest_neighbors
from raycluster.graph.stages import partition, small_components
from raycluster.graph.stages.first_clusters import first_clusters


def graph_of(points, k, kind="local"):
    ids, distances = nearest_neighbors(points, k)
    return ids, sample_affinity(distances, kind=kind), first_clusters(ids)


def blobs(rng, n, distance=4.0):
    centers = rng.normal(size=(4, 3)) * distance
    return (centers[rng.integers(0, 4, n)] + rng.normal(size=(n, 3))).astype(np.float32)


@pytest.mark.parametrize("join_small_components", [True, False])
@pytest.mark.parametrize("distance", [1.0, 4.0, 40.0])
def test_the_tree_is_a_tree(distance, join_small_components):
    n = 300
    points = blobs(np.random.default_rng(0), n, distance)
    tree = link(*graph_of(points, 5), join_small_components=join_small_components, features=points)
    assert sorted(tree.children.ravel().tolist()) == list(range(2 * n - 2))
    assert (tree.children < n + np.arange(n - 1)[:, None]).all()
    size = np.concatenate([np.ones(n), tree.size])
    assert (tree.size == size[tree.left] + size[tree.right]).all()
    heights = np.column_stack([tree.children.astype(float), np.arange(n - 1.0), tree.size])
    assert is_valid_linkage(heights)


@pytest.mark.parametrize("join_small_components", [True, False])
def test_cut_at_k_is_the_same_as_stopping_at_k(join_small_components):
    points = blobs(np.random.default_rng(1), 200, 6.0)
    graph = graph_of(points, 4)
    whole = link(*graph, join_small_components=join_small_components, features=points)
    for n_clusters in range(1, 200, 7):
        stopped = link(*graph, n_clusters=n_clusters, join_small_components=join_small_components, features=points)
        assert stopped.n_roots == n_clusters
        assert (stopped.cut(n_clusters) == whole.cut(n_clusters)).all()
        assert whole.cut(n_clusters).max() == n_clusters - 1


@st.composite
def graphs(draw):
    """Draw a graph whose weights all differ, labels from its nearest neighbors, and settings of the merging."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(2, 60))
    points = rng.normal(size=(n, draw(st.integers(1, 4)))).astype(np.float32)
    if draw(st.booleans()):
        points[rng.random(n) < 0.3] += draw(st.sampled_from([3, 100]))
    ids, _, labels = graph_of(points, draw(st.integers(1, 12)))
    weights = -np.sort(-(1 + rng.permutation(ids.size).reshape(ids.shape)) / ids.size).astype(np.float32)
    settings = {
        "n_neighbor_clusters": draw(st.integers(2, 8)),
        "local_structure": draw(st.sampled_from([0.0, 1.0])),
        "join_small_components": draw(st.booleans()),
    }
    return points, ids, weights, labels, settings


@given(graphs(), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_permuting_the_points_permutes_the_labels(graph, random):
    points, ids, weights, labels, options = graph
    n = len(ids)
    order = np.array(random.sample(range(n), n))
    place = np.argsort(order).astype(np.int32)
    tree = link(ids, weights, labels, features=points, **options)
    permuted = link(place[ids[order]], weights[order], labels[order], features=points[order], **options)
    # Merges with affinity depend only on the affinities, no two of which are equal; others may be ties.
    ordered = np.flatnonzero(np.isfinite(tree.affinity) & (tree.affinity > 0))
    for step in (*ordered[:: max(len(ordered) // 5, 1)] + 1, n - labels.max() - 1):
        same = set(zip(tree.cut(n - step)[order].tolist(), permuted.cut(n - step).tolist(), strict=True))
        assert len(same) == n - step


@given(graphs(), st.integers(1, 5))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_sizes_add_up_and_every_node_is_merged_once(graph, n_clusters):
    points, ids, weights, labels, options = graph
    n, n_clusters = len(ids), min(n_clusters, len(ids))
    tree = link(ids, weights, labels, n_clusters=n_clusters, features=points, **options)
    assert len(tree.left) == n - n_clusters
    children = tree.children.ravel().tolist()
    assert len(set(children)) == len(children)
    assert (tree.children < n + np.arange(n - n_clusters)[:, None]).all()
    size = np.concatenate([np.ones(n, np.int32), tree.size])
    assert (tree.size == size[tree.left] + size[tree.right]).all()
    roots = np.setdiff1d(np.arange(2 * n - n_clusters), children)
    assert size[roots].sum() == n
    assert sorted(np.bincount(tree.cut(n_clusters)).tolist()) == sorted(size[roots].tolist())


def test_the_first_clusters_are_merges_with_infinite_affinity():
    points = blobs(np.random.default_rng(3), 100)
    ids, weights, labels = graph_of(points, 10)
    tree = link(ids, weights, labels, join_small_components=False)
    n_first = labels.max() + 1
    assert np.isinf(tree.affinity[: 100 - n_first]).all()
    assert np.isfinite(tree.affinity[100 - n_first :]).all()
    assert (tree.cut(n_first) == labels).all()


def test_the_merges_of_small_components_come_before_the_merging():
    rng = np.random.default_rng(4)
    points = np.concatenate([rng.normal(size=(40, 2)), rng.normal(size=(40, 2)) + 12, [[6, -9], [6.2, -9]]])
    ids, weights, labels = graph_of(points.astype(np.float32), 10)
    after, kept, _ = small_components.join_small_components(ids, weights, labels)
    tree = link(ids, weights, labels)
    n_start = 82 - after.max() - 1
    assert len(kept) > 0
    assert np.isinf(tree.affinity[:n_start]).all()
    assert np.isfinite(tree.affinity[n_start:]).all()
    assert (tree.cut(82 - n_start) == after).all()


def test_the_first_labels_may_be_any_integers():
    points = blobs(np.random.default_rng(3), 100)
    ids, weights, labels = graph_of(points, 10)
    expected = link(ids, weights, labels).cut(4)
    assert (link(ids, weights, 1000 - 7 * labels.astype(np.int64)).cut(4) == expected).all()


def test_a_stray_pair_does_not_count_as_a_cluster():
    rng = np.random.default_rng(4)
    points = np.concatenate([rng.normal(size=(40, 2)), rng.normal(size=(40, 2)) + 12, [[6, -9], [6.2, -9]]])
    graph = graph_of(points.astype(np.float32), 10)
    published = link(*graph, join_small_components=False).cut(3)
    assert sorted(np.bincount(published)) == [2, 40, 40]
    joined = link(*graph).cut(2)
    assert sorted(np.bincount(joined)) in ([40, 42], [41, 41])
    assert len(np.unique(joined[80:])) == 1


def test_components_that_no_edge_connects_join_last_and_closest_first():
    centers = np.array([[0, 0], [200, 0], [90, 20], [0, 900]])
    points = np.repeat(centers, 20, axis=0) + np.random.default_rng(5).normal(size=(80, 2))
    tree = link(*graph_of(points.astype(np.float32), 5), features=points.astype(np.float32))
    blocks = [tree.cut(k)[::20].tolist() for k in (4, 3, 2)]
    assert blocks == [[0, 1, 2, 3], [0, 1, 0, 2], [0, 0, 0, 1]]
    assert (tree.affinity[-3:] == 0).all()


def test_one_way_edges_decide_when_no_affinity_is_left():
    # Three mutual pairs; the only other edges are 0 → 2 and 4 → 2 (stronger). No two clusters have affinity.
    ids = np.array([[1, 2], [0, 3], [3, 0], [2, 1], [5, 2], [4, 3]], np.int32)
    weights = np.array([[1, 0.25], [1, 0], [1, 0], [1, 0], [1, 0.5], [1, 0]], np.float32)
    tree = link(ids, weights, np.arange(6), join_small_components=False)
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


def test_errors_name_the_argument():
    ids, weights, labels = graph_of(blobs(np.random.default_rng(7), 30), 5)
    with pytest.raises(UserError, match="n_clusters=31 of 30 rows"):
        link(ids, weights, labels, n_clusters=31)
    with pytest.raises(UserError, match="labels have shape"):
        link(ids, weights, labels[:-1])
    with pytest.raises(UserError, match="n_neighbor_clusters=0"):
        link(ids, weights, labels, n_neighbor_clusters=0)


@pytest.mark.parametrize("join_small_components", [True, False])
@pytest.mark.parametrize("distance", [2.0, 40.0])
def test_the_order_in_memory_does_not_change_the_tree(distance, join_small_components, monkeypatch):
    points = blobs(np.random.default_rng(4), 500, distance)
    graph = graph_of(points, 6)
    expected = link(*graph, join_small_components=join_small_components, features=points)
    monkeypatch.setattr(linkage, "REORDER_ABOVE", 1)
    monkeypatch.setattr(partition, "PARTITION_ROWS", 50)
    tree = link(*graph, join_small_components=join_small_components, features=points)
    np.testing.assert_array_equal(tree.children, expected.children)
    np.testing.assert_allclose(tree.affinity, expected.affinity, rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"weights": np.ones((4, 1), np.float32)}, "weights must have the same"),
        ({"features": np.ones((3, 2), np.float32)}, "features 4 rows"),
        ({"neighbor_ids": np.array([[1, 2], [0, -1], [0, 1], [0, 1]], np.int32)}, "must be rows, 0 to 3"),
        ({"neighbor_ids": np.array([[1, 4], [0, 2], [0, 1], [0, 1]], np.int32)}, "must be rows, 0 to 3"),
        ({"weights": np.full((4, 2), np.nan, np.float32)}, "neither NaN nor infinite"),
        ({"weights": np.full((4, 2), -1, np.float32)}, "0 or more"),
        ({"n_clusters": 1.5}, "a whole number from 1 to 4"),
        ({"local_structure": float("nan")}, "local_structure=nan"),
    ],
)
def test_arrays_that_are_no_graph_are_errors(change, sentence):
    graph = {
        "neighbor_ids": np.array([[1, 2], [0, 2], [0, 1], [0, 1]], np.int32),
        "weights": np.ones((4, 2), np.float32),
        "labels": np.arange(4),
    }
    with pytest.raises(UserError, match=sentence):
        link(**(graph | change))
