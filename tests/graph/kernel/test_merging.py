"""The sparse merge loop against graph degree linkage as in the papers, computed anew from dense matrices."""

import numpy as np
import pytest

from raycluster.graph.affinity import sample_affinity
from raycluster.graph.kernel import merging
from raycluster.graph.kernel.hubs import room_for_hubs
from raycluster.graph.kernel.merging import merge
from raycluster.graph.kernel.touches import find_touches
from raycluster.graph.neighbors.nearest import nearest_neighbors
from raycluster.graph.stages.first_clusters import first_clusters


def dense_affinity(w, clusters):
    """Return A(i,j) = S[i,j]/|i|² + S[j,i]/|j|², S[i,j] = 1ᵀ W(C_i,C_j) W(C_j,C_i) 1; clusters are lists of rows."""
    members = np.zeros((len(clusters), len(w)))
    for i, rows in enumerate(clusters):
        members[i, rows] = 1
    size = members.sum(axis=1)
    inward, outward = members @ w, members @ w.T
    s = (inward * outward) @ members.T
    one_way = s / (size * size)[:, None]
    affinity = one_way + one_way.T
    np.fill_diagonal(affinity, 0)
    return affinity


def dense_merges(w, labels, n_clusters, k_c, local_structure):
    """Return [(smallest rows of the two, affinity)], until no pair has affinity."""
    clusters = sorted(np.flatnonzero(labels == c).tolist() for c in np.unique(labels))
    merges = []
    while len(clusters) > n_clusters:
        affinity = dense_affinity(w, clusters)
        best = -np.sort(-np.pad(affinity, ((0, 0), (0, k_c))), axis=1)[:, :k_c]
        score = best[:, 0].copy()
        if k_c > 1:
            score += local_structure / (k_c - 1) * sum(best[:, 0] - best[:, k] for k in range(1, k_c))
        # The clusters are in the order of their smallest rows, so that argmax breaks ties as it should.
        i = int(score.argmax())
        j = int(affinity[i].argmax())
        if affinity[i, j] <= 0:
            break
        i, j = min(i, j), max(i, j)
        merges.append((clusters[i][0], clusters[j][0], affinity[i, j]))
        clusters[i] = sorted(clusters[i] + clusters.pop(j))
    return merges


def sparse_merges(ids, weights, labels, n_clusters, k_c, local_structure, two_way=False):
    c = labels.max() + 1
    size = np.bincount(labels).astype(np.int32)
    smallest_row = np.unique(labels, return_index=True)[1].astype(np.int32)
    touches = find_touches(ids, weights, labels, c, two_way)
    return list(zip(*merge(touches, labels, size, smallest_row, n_clusters, k_c, local_structure), strict=True))


def dense_weights(ids, weights):
    dense = np.zeros((len(ids), len(ids)))
    np.put_along_axis(dense, ids.astype(np.int64), weights.astype(np.float64), axis=1)
    return dense


def random_graph(rng, n, k):
    ids = np.stack([rng.permutation(np.delete(np.arange(n), i))[:k] for i in range(n)]).astype(np.int32)
    return ids, rng.random((n, k)).astype(np.float32)


def assert_same_merges(sparse, dense):
    assert [m[:2] for m in sparse] == [m[:2] for m in dense]
    np.testing.assert_allclose([m[2] for m in sparse], [m[2] for m in dense], rtol=1e-5)


@pytest.mark.parametrize("local_structure", [0.0, 1.0])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("k_c", [1, 2, 3, 5, 8])
def test_merges_are_those_of_the_dense_reference(k_c, ties, local_structure):
    rng = np.random.default_rng(k_c)
    n_merges = 0
    for _ in range(125):
        n = int(rng.integers(2, 40))
        ids, weights = random_graph(rng, n, int(rng.integers(1, min(n, 12))))
        if ties:
            weights = (2.0 ** -rng.integers(0, 3, ids.shape)).astype(np.float32)  # sums are exact, so ties are too
        if rng.random() < 0.5:
            weights[rng.random(ids.shape) < 0.4] = 0
        if rng.random() < 0.5:  # a disconnected graph
            component = rng.integers(0, 3, n)
            weights[component[:, None] != component[ids]] = 0
        _, first, labels = np.unique(rng.integers(0, n, n), return_index=True, return_inverse=True)
        labels = np.argsort(np.argsort(first))[labels].astype(np.int32)
        expected = dense_merges(dense_weights(ids, weights), labels, 1, k_c, local_structure)
        assert_same_merges(sparse_merges(ids, weights, labels, 1, k_c, local_structure), expected)
        n_merges += len(expected)
    assert n_merges > 700


@pytest.mark.parametrize("ties", [False, True])
def test_merges_are_those_of_the_dense_reference_if_clusters_have_many_neighbors(ties):
    rng = np.random.default_rng(0)
    for n, k in ((120, 20), (120, 60), (80, 79)):
        ids, weights = random_graph(rng, n, k)
        if ties:
            weights = (2.0 ** -rng.integers(0, 2, ids.shape)).astype(np.float32)
        labels = np.arange(n, dtype=np.int32)
        expected = dense_merges(dense_weights(ids, weights), labels, 1, 5, 1.0)
        assert_same_merges(sparse_merges(ids, weights, labels, 1, 5, 1.0), expected)
        assert len(expected) == n - 1


@pytest.mark.parametrize("ties", [False, True])
def test_a_large_cluster_takes_in_small_ones_as_in_the_dense_reference(ties):
    # The touches of 150 rows merge with those of single rows: their runs have very different lengths.
    rng = np.random.default_rng(3)
    for _ in range(3):
        ids, weights = random_graph(rng, 250, 12)
        if ties:
            weights = (2.0 ** -rng.integers(0, 3, ids.shape)).astype(np.float32)
        labels = np.maximum(np.arange(250) - 149, 0).astype(np.int32)
        expected = dense_merges(dense_weights(ids, weights), labels, 1, 5, 1.0)
        assert_same_merges(sparse_merges(ids, weights, labels, 1, 5, 1.0), expected)
        assert len(expected) > 90


def test_two_way_edges_are_the_graph_plus_its_transpose():
    rng = np.random.default_rng(1)
    ids, weights = random_graph(rng, 40, 2)
    w = dense_weights(ids, weights)
    labels = np.arange(40, dtype=np.int32)
    expected = dense_merges(w + w.T, labels, 1, 5, 1.0)
    assert_same_merges(sparse_merges(ids, weights, labels, 1, 5, 1.0, two_way=True), expected)
    assert len(expected) > len(dense_merges(w, labels, 1, 5, 1.0))


def test_stopping_early_gives_the_first_of_the_same_merges():
    ids, weights = random_graph(np.random.default_rng(2), 60, 6)
    labels = np.arange(60, dtype=np.int32)
    whole = sparse_merges(ids, weights, labels, 1, 5, 1.0)
    assert sparse_merges(ids, weights, labels, 25, 5, 1.0) == whole[:35]


def test_affinity_of_a_hand_made_graph():
    # Clusters {0, 1} and {2}. Sample 2 has an edge from 0 (.5) and one to 1 (.25): S[01,2] = .5 · .25, over |01|² = 4.
    # Sample 0 has an edge to 2 only, sample 1 one from 2 only: S[2,01] = 0.
    ids = np.array([[2], [0], [1]], np.int32)
    weights = np.array([[0.5], [1.0], [0.25]], np.float32)
    merges = sparse_merges(ids, weights, np.array([0, 0, 1], np.int32), 1, 5, 1.0)
    assert merges == [(0, 2, 0.125 / 4)]


def test_local_structure_prefers_a_pair_that_stands_out():
    # A(0,1) = 2 · 1, but 0 and 1 also have a third neighbor, 2, with A = 2 · .81. A(3,4) = 2 · .9² = 1.62 stands alone.
    ids = np.array([[1, 2], [0, 2], [0, 1], [4, 0], [3, 0]], np.int32)
    weights = np.array([[1, 0.9], [1, 0.9], [0.9, 0.9], [0.9, 0], [0.9, 0]], np.float32)
    labels = np.arange(5, dtype=np.int32)
    assert sparse_merges(ids, weights, labels, 4, 2, 0.0)[0][:2] == (0, 1)
    assert sparse_merges(ids, weights, labels, 4, 2, 1.0)[0][:2] == (3, 4)


@pytest.fixture
def with_hubs(monkeypatch):
    """Return a function that sets from how many pairs on clusters become hubs, and how far these may drift."""

    def set_rules(min_pairs, tolerance):
        monkeypatch.setattr(merging, "room_for_hubs", lambda n_pairs: room_for_hubs(n_pairs, min_pairs, tolerance))

    return set_rules


@pytest.mark.parametrize("tolerance", [0.0, 1e-3, np.inf])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("k_c", [1, 2, 5])
def test_merges_with_hubs_are_those_of_the_dense_reference(k_c, ties, tolerance, with_hubs):
    rng = np.random.default_rng(k_c)
    for trial in range(12):
        with_hubs(1 + trial % 4, tolerance)
        n = int(rng.integers(10, 40))
        ids, weights = random_graph(rng, n, int(rng.integers(3, min(n, 20))))
        if ties:
            weights = (2.0 ** -rng.integers(0, 3, ids.shape)).astype(np.float32)
        labels = np.arange(n, dtype=np.int32)
        expected = dense_merges(dense_weights(ids, weights), labels, 1, k_c, 1.0)
        assert_same_merges(sparse_merges(ids, weights, labels, 1, k_c, 1.0), expected)


@pytest.mark.parametrize("tolerance", [1e-3, 1.0])
@pytest.mark.parametrize("ties", [False, True])
def test_merges_with_many_hubs_are_those_without(ties, tolerance, with_hubs):
    # Crowded points: late in the merging, each cluster has a pair with almost every other one, and hubs join hubs.
    rng = np.random.default_rng(7)
    points = rng.normal(size=(2500, 12)).astype(np.float32)
    ids, distances = nearest_neighbors(points, 25)
    weights = sample_affinity(distances, kind="local")
    if ties:
        weights = (2.0 ** np.round(np.log2(weights))).astype(np.float32)
    labels = first_clusters(ids)
    with_hubs(10**9, 0.0)
    expected = sparse_merges(ids, weights, labels, 1, 5, 1.0)
    assert len(expected) > 400
    for min_pairs in (4, 40):
        with_hubs(min_pairs, tolerance)
        assert sparse_merges(ids, weights, labels, 1, 5, 1.0) == expected


def test_progress_is_told_until_the_last_merge(monkeypatch):
    monkeypatch.setattr(merging, "MERGES", 10)
    ids, weights = random_graph(np.random.default_rng(2), 60, 6)
    labels, one = np.arange(60, dtype=np.int32), np.ones(60, np.int32)
    told = []
    touches = find_touches(ids, weights, labels, 60, False)
    merge(touches, labels, one, labels.copy(), 25, 5, 1.0, lambda *numbers: told.append(numbers))
    assert told == [(10, 35), (20, 35), (30, 35), (35, 35)]
