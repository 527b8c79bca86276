import faiss
import numpy as np
import pytest

from raycluster.errors import UserError
from raycluster.graph.neighbors import nearest_neighbors


@pytest.fixture
def search_by_products(monkeypatch):
    """FAISS takes differences for small sets and norms and products for large ones; have it take the latter."""
    monkeypatch.setattr(faiss.cvar, "distance_compute_blas_threshold", 1)


def test_neighbours_are_those_of_brute_force():
    features = np.random.default_rng(0).normal(size=(300, 7)).astype(np.float32)
    ids, distances = nearest_neighbors(features, 12)
    exact = ((features[:, None].astype(np.float64) - features[None]) ** 2).sum(axis=2)
    np.fill_diagonal(exact, np.inf)
    assert (ids == exact.argsort(axis=1)[:, :12]).all()
    np.testing.assert_allclose(distances, np.sort(exact, axis=1)[:, :12], rtol=1e-5)
    assert ids.dtype == np.int32
    assert distances.dtype == np.float32


@pytest.mark.usefixtures("search_by_products")
def test_equal_distances_are_in_the_order_of_rows():
    grid = np.stack(np.meshgrid(np.arange(7), np.arange(7)), axis=-1).reshape(-1, 2)[1:].astype(np.float32)
    ids, distances = nearest_neighbors(grid, 20)
    same = np.diff(distances, axis=1) == 0
    assert same.sum() > 400
    assert (np.diff(ids, axis=1)[same] > 0).all()


def test_a_row_is_not_its_own_neighbour_among_duplicates():
    features = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    features[5:15] = features[5]
    ids, distances = nearest_neighbors(features, 4)
    assert (ids != np.arange(20)[:, None]).all()
    assert all(len(set(row)) == 4 for row in ids.tolist())
    assert np.isin(ids[5:15], np.arange(5, 15)).all()
    assert (distances[5:15] == 0).all()


@pytest.mark.usefixtures("search_by_products")
def test_distances_are_exact_far_from_the_origin():
    points = (np.round(np.random.default_rng(0).normal(size=(200, 16)) * 64) / 64).astype(np.float32)
    ids, distances = nearest_neighbors(points + 4096, 5)
    near_ids, near_distances = nearest_neighbors(points, 5)
    assert (ids == near_ids).all()
    assert (distances == near_distances).all()


def test_more_neighbours_than_other_rows_are_clipped():
    ids, distances = nearest_neighbors(np.array([[0.0], [1.0], [3.0]], np.float32), 20)
    assert ids.tolist() == [[1, 2], [0, 2], [1, 0]]
    assert distances.tolist() == [[1, 9], [1, 4], [4, 9]]
    assert nearest_neighbors(np.zeros((1, 3), np.float32), 20)[0].shape == (1, 0)


def test_nan_and_infinity_are_counted_in_the_error():
    features = np.zeros((10, 3), np.float32)
    features[2, 1] = np.nan
    features[7, 0] = np.inf
    with pytest.raises(UserError, match=r"^2 of 10 feature rows hold NaN or infinity"):
        nearest_neighbors(features, 3)


def test_overflowing_distances_are_an_error():
    with pytest.raises(UserError, match="scale them down"):
        nearest_neighbors(np.array([[1e30], [-1e30], [0]], np.float32), 2)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (5,)])
def test_what_is_not_a_matrix_of_features_is_an_error(shape):
    with pytest.raises(UserError, match="features must be a matrix"):
        nearest_neighbors(np.zeros(shape, np.float32), 3)


def test_no_neighbours_is_an_error():
    with pytest.raises(UserError, match="n_neighbors=0"):
        nearest_neighbors(np.zeros((5, 2), np.float32), 0)
