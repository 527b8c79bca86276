import numpy as np
import pytest

from raycluster.graph import first_clusters, link, nearest_neighbors, sample_affinity
from raycluster.graph.stages.isolated import IsolatedRule, join_isolated

# Rows 0-1, 2-3, and 4-5 are the clusters A, B, and C.
PAIRS = np.array([0, 0, 1, 1, 2, 2], np.int32)
PLACES = np.array([[0.0], [1.0], [10.0], [11.0], [7.0], [7.0]], np.float32)


def joined_to(edges):
    """What joins, if each row has its partner as a neighbor, and one more neighbor as given, by default none."""
    ids = np.array([[row ^ 1, edges.get(row, row)] for row in range(6)], np.int32)
    weights = np.array([[1.0, float(row in edges)] for row in range(6)], np.float32)
    labels, kept, joined = join_isolated(ids, weights, PAIRS, PLACES)
    return labels.tolist(), kept.tolist(), joined.tolist()


def test_a_cluster_without_affinity_joins_the_one_with_the_nearest_centroid():
    # A and B have edges both ways at row 1; those from C to A are not returned.
    assert joined_to({1: 2, 2: 1, 4: 0, 5: 0}) == ([0, 0, 1, 1, 1, 1], [2], [4])


def test_edges_both_ways_count_only_at_the_same_row():
    assert joined_to({1: 2, 2: 1, 4: 0, 0: 4}) == ([0, 0, 1, 1, 2, 2], [], [])
    assert joined_to({1: 2, 2: 1, 4: 0, 3: 5}) == ([0, 0, 1, 1, 1, 1], [2], [4])


def test_clusters_that_are_all_isolated_join_in_turn():
    # A to C, at 7, then B to C.
    assert joined_to({}) == ([0] * 6, [0, 0], [4, 2])


def graph(n=400, seed=0):
    points = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    ids, distances = nearest_neighbors(points, 2)
    return ids, sample_affinity(distances), points


def test_isolated_clusters_are_those_whose_sums_of_s_are_0():
    ids, weights, points = graph()
    labels = first_clusters(ids)
    w = np.zeros((len(points), len(points)))
    np.put_along_axis(w, ids, weights, axis=1)
    members = np.eye(labels.max() + 1)[labels]
    s = ((w.T @ members) * (w @ members)).T @ members  # Σ of in · out over the rows of the other cluster
    np.fill_diagonal(s, 0)
    isolated = np.flatnonzero((s.sum(axis=0) == 0) & (s.sum(axis=1) == 0))
    assert 0 < len(isolated) < labels.max()
    after, _, _ = join_isolated(ids, weights, labels, points)
    for cluster in range(labels.max() + 1):
        alone = len(np.unique(labels[after == after[labels == cluster][0]])) == 1
        assert not (cluster in isolated and alone)
    centroids = (members / members.sum(axis=0)).T @ points.astype(np.float64)
    for cluster in isolated:
        distances = ((centroids - centroids[cluster]) ** 2).sum(axis=1)
        distances[cluster] = np.inf
        assert after[labels == cluster][0] == after[labels == distances.argmin()][0]


def test_the_merging_goes_in_steps_and_isolated_clusters_join_at_the_start_of_each():
    ids, weights, points = graph()
    tree = link(ids, weights, first_clusters(ids), join_small_components=False, features=points)
    rule = IsolatedRule(above=20, unroll_rate=0.5)
    stepped = link(ids, weights, first_clusters(ids), join_small_components=False, features=points, isolated=rule)
    assert len(stepped.left) == 399
    first = int(np.flatnonzero(np.isfinite(tree.affinity))[0])
    joins = np.flatnonzero(np.isinf(stepped.affinity[first:]))
    assert (joins == 0).any()  # at the first step,
    assert (np.diff(joins) > 1).any()  # and later ones
    # Where no cluster is isolated, the steps change nothing.
    ids, distances = nearest_neighbors(points, 20)
    weights = sample_affinity(distances)
    tree = link(ids, weights, first_clusters(ids), features=points)
    stepped = link(ids, weights, first_clusters(ids), features=points, isolated=rule)
    np.testing.assert_array_equal(stepped.children, tree.children)
    np.testing.assert_allclose(stepped.affinity, tree.affinity, rtol=1e-6)


def test_nothing_joins_below_the_limit():
    ids, weights, points = graph()
    expected = link(ids, weights, first_clusters(ids), features=points)
    rule = IsolatedRule(above=400, unroll_rate=0.9)
    found = link(ids, weights, first_clusters(ids), features=points, isolated=rule)
    np.testing.assert_array_equal(found.children, expected.children)


@pytest.mark.parametrize("n_clusters", [50, 90])
def test_the_merging_still_stops_where_it_should(n_clusters):
    ids, weights, points = graph()
    rule = IsolatedRule(above=20, unroll_rate=0.9)
    tree = link(ids, weights, first_clusters(ids), n_clusters=n_clusters, features=points, isolated=rule)
    assert tree.n_roots == n_clusters
