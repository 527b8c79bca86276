import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.neighbors import NearestNeighbors, kneighbors_graph

from raycluster.errors import UserError
from raycluster.graph.neighbors.nearest import nearest_neighbors
from raycluster.graph.neighbors.sparse import nearest_from_sparse, neighbors_from_sparse

INF = np.inf
# Row 0: 1 at 3, 2 at 0; row 1: itself at 0; row 2: 3, 1 and 0, all at 2; row 3: 2 at 1.
GRAPH = csr_array(
    (np.array([3.0, 0, 0, 2, 2, 2, 1]), np.array([1, 2, 1, 3, 1, 0, 2]), np.array([0, 2, 3, 6, 7])), shape=(4, 4)
)


def test_stored_entries_are_edges_nearest_first():
    ids, sq_distances = neighbors_from_sparse(GRAPH)
    assert ids.tolist() == [[2, 1, 0], [1, 1, 1], [0, 1, 3], [2, 3, 3]]
    assert sq_distances.tolist() == [[0, 9, INF], [INF, INF, INF], [4, 4, 4], [1, INF, INF]]
    assert (ids.dtype, sq_distances.dtype) == (np.int32, np.float32)


def test_only_so_many_of_the_nearest_are_kept():
    ids, sq_distances = neighbors_from_sparse(GRAPH, 1)
    assert ids.tolist() == [[2], [1], [0], [2]]
    assert sq_distances.tolist() == [[0], [INF], [4], [1]]


@pytest.mark.parametrize("include_self", [True, False])
def test_a_graph_of_scikit_learn_is_the_same_as_ours(include_self):
    points = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    graph = kneighbors_graph(points, 8 + include_self, mode="distance", include_self=include_self)
    ids, sq_distances = neighbors_from_sparse(graph)
    expected_ids, expected = nearest_neighbors(points, 8)
    assert (ids == expected_ids).all()
    np.testing.assert_allclose(sq_distances, expected, rtol=1e-5)


def test_graphs_that_make_no_sense_are_errors():
    with pytest.raises(UserError, match=r"must be a square matrix of distances, but this one has shape \(3, 4\)"):
        neighbors_from_sparse(GRAPH[:3])
    with pytest.raises(UserError, match="must have edges"):
        neighbors_from_sparse(csr_array(np.eye(3)))
    with pytest.raises(UserError, match="at least 0"):
        neighbors_from_sparse(-GRAPH)
    with pytest.raises(UserError, match="squares overflow"):
        neighbors_from_sparse(GRAPH * 1e20)


def test_the_nearest_is_the_smallest_stored_entry_and_the_first_of_equal_ones():
    assert nearest_from_sparse(GRAPH).tolist() == [2, 1, 0, 2]
    points = np.random.default_rng(0).normal(size=(50, 3))
    search = NearestNeighbors(n_neighbors=4).fit(points[:40])
    nearest = nearest_from_sparse(search.kneighbors_graph(points[40:], mode="distance"))
    assert (nearest == search.kneighbors(points[40:])[1][:, 0]).all()
    with pytest.raises(UserError, match="1 of 2 points have no distance"):
        nearest_from_sparse(csr_array(np.array([[0, 1.0], [0, 0]])))
