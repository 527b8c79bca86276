import pickle

import faiss
import numpy as np
import pytest

from raycluster.errors import UserError
from raycluster.graph.neighbors import flat, lists, search
from raycluster.graph.neighbors.flat import ALIGNMENT
from raycluster.graph.neighbors.nearest import NeighborIndex, default_n_neighbors, nearest_neighbors


@pytest.fixture
def search_by_products(monkeypatch):
    """Make FAISS use norms and products, as it does for large sets; for small ones, it uses differences."""
    monkeypatch.setattr(faiss.cvar, "distance_compute_blas_threshold", 1)


@pytest.fixture
def search_in_lists(monkeypatch):
    """Make the search approximate even for small sets."""
    monkeypatch.setattr(search, "MAX_EXACT_COST", 0)
    monkeypatch.setattr(lists, "MOST_COST", np.inf)


@pytest.fixture(params=["exact", "lists"])
def either_search(request):
    if request.param == "lists":
        request.getfixturevalue("search_in_lists")


def clusters(n, d=8, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(40, d))[rng.integers(0, 40, n)] + 0.1 * rng.normal(size=(n, d))).astype(np.float32)


def test_neighbors_are_those_of_brute_force():
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


@pytest.mark.usefixtures("either_search")
def test_a_row_is_not_its_own_neighbor_among_duplicates():
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


@pytest.mark.usefixtures("either_search")
def test_more_neighbors_than_other_rows_are_clipped():
    ids, distances = nearest_neighbors(np.array([[0.0], [1.0], [3.0]], np.float32), 20)
    assert ids.tolist() == [[1, 2], [0, 2], [1, 0]]
    assert distances.tolist() == [[1, 9], [1, 4], [4, 9]]
    assert nearest_neighbors(np.zeros((1, 3), np.float32), 20)[0].shape == (1, 0)


@pytest.mark.usefixtures("either_search")
def test_nan_and_infinity_are_counted_in_the_error():
    features = np.zeros((10, 3), np.float32)
    features[2, 1] = np.nan
    features[7, 0] = np.inf
    with pytest.raises(UserError, match=r"^2 of 10 feature rows contain NaN or infinity"):
        nearest_neighbors(features, 3)


@pytest.mark.usefixtures("either_search")
def test_overflowing_distances_are_an_error():
    with pytest.raises(UserError, match="scale them down"):
        nearest_neighbors(np.array([[1e30], [-1e30], [0]], np.float32), 2)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (5,)])
def test_features_that_are_not_a_matrix_are_an_error(shape):
    with pytest.raises(UserError, match="features must be a matrix"):
        nearest_neighbors(np.zeros(shape, np.float32), 3)


def test_no_neighbors_is_an_error():
    with pytest.raises(UserError, match="n_neighbors=0"):
        nearest_neighbors(np.zeros((5, 2), np.float32), 0)


def test_the_search_in_lists_finds_nearly_all_neighbors(monkeypatch):
    features = clusters(5000)
    exact = nearest_neighbors(features, 20)[0]
    monkeypatch.setattr(search, "MAX_EXACT_COST", 0)
    index = NeighborIndex(features, 20)
    ids, distances = index.rows()
    assert (index.search.kind, index.search.n_lists) == ("lists", 128)
    assert (ids != np.arange(5000)[:, None]).all()
    assert (np.diff(distances, axis=1) >= 0).all()
    np.testing.assert_allclose(distances, ((features[:, None] - features[ids]) ** 2).sum(axis=2), rtol=1e-5)
    recall = np.mean([len(np.intersect1d(a, b)) / 20 for a, b in zip(exact, ids, strict=True)])
    assert recall == pytest.approx(index.search.recall, abs=0.01)
    assert recall > 0.97


@pytest.mark.usefixtures("search_in_lists")
def test_the_search_in_lists_depends_on_the_seed_alone(monkeypatch):
    monkeypatch.setattr(lists, "MIN_RECALL", 0.5)
    features = np.random.default_rng(0).normal(size=(4000, 16)).astype(np.float32)
    first = NeighborIndex(features, 50, seed=3)
    threads = faiss.omp_get_max_threads()
    try:
        faiss.omp_set_num_threads(threads + 1)
        second = NeighborIndex(features, 50, seed=3)
        again = second.rows()
    finally:
        faiss.omp_set_num_threads(threads)
    assert first.search == second.search
    assert all((a == b).all() for a, b in zip(first.rows(), again, strict=True))
    other = NeighborIndex(features, 50, seed=4).rows()[0]
    assert (first.rows()[0] != other).any()


@pytest.mark.usefixtures("search_in_lists")
def test_rows_whose_lists_are_short_are_searched_everywhere(monkeypatch):
    monkeypatch.setattr(lists, "MIN_RECALL", 0)  # keep to 8 of 25 lists, about 300 rows
    features = np.random.default_rng(0).normal(size=(1000, 4)).astype(np.float32)
    index = NeighborIndex(features, 500)
    assert index.search.n_probes == 8
    ids, distances = index.rows()
    monkeypatch.setattr(search, "MAX_EXACT_COST", 1e12)
    exact_ids, exact_distances = nearest_neighbors(features, 500)
    assert (ids == exact_ids).mean() > 0.999
    np.testing.assert_allclose(distances, exact_distances, rtol=1e-5)


@pytest.mark.usefixtures("either_search")
def test_thousands_of_identical_rows_have_neighbors_of_their_own_kind():
    features = clusters(6000)
    features[1000:4000] = features[1000]
    ids, distances = nearest_neighbors(features, 20)
    assert ((ids >= 0) & (ids < 6000) & (ids != np.arange(6000)[:, None])).all()
    assert (np.diff(np.sort(ids, axis=1), axis=1) > 0).all()
    assert (distances[1000:4000] == 0).all()
    assert ((ids[1000:4000] >= 1000) & (ids[1000:4000] < 4000)).all()
    assert np.isfinite(distances).all()


@pytest.mark.usefixtures("either_search")
def test_constant_features_have_distance_zero():
    ids, distances = nearest_neighbors(np.full((2000, 3), 7, np.float32), 10)
    assert (distances == 0).all()
    assert (ids != np.arange(2000)[:, None]).all()
    assert (np.diff(ids, axis=1) > 0).all()


@pytest.mark.usefixtures("either_search")
def test_blocks_of_rows_put_together_are_the_whole_bit_for_bit(monkeypatch):
    features = clusters(2 * ALIGNMENT + 100)
    index = NeighborIndex(features, 10)
    whole = index.rows()
    elsewhere = pickle.loads(pickle.dumps(index))
    blocks = [elsewhere.rows(start, start + ALIGNMENT) for start in range(0, len(features), ALIGNMENT)]
    assert [len(ids) for ids, _ in blocks] == [ALIGNMENT, ALIGNMENT, 100]
    for one, parts in zip(whole, zip(*blocks, strict=True), strict=True):
        assert (one == np.concatenate(parts)).all()
    monkeypatch.setattr(flat, "QUERIES", ALIGNMENT)
    assert all((a == b).all() for a, b in zip(whole, index.rows(), strict=True))


@pytest.mark.usefixtures("either_search")
def test_new_points_find_their_nearest_rows():
    features = clusters(4000)
    index = NeighborIndex(features, 5)
    ids, distances = index.of(features[100:200])
    assert (ids[:, 0] == np.arange(100, 200)).all()
    assert (distances[:, 0] == 0).all()
    assert (ids[:, 1:] == index.rows()[0][100:200, :4]).mean() > 0.99
    with pytest.raises(UserError, match="1 of 2 feature rows contain NaN"):
        index.of(np.array([[0.0] * 8, [np.nan] * 8]))
    with pytest.raises(UserError, match=r"8 columns; they have shape \(10, 7\)"):
        index.of(features[:10, :7])


def test_a_single_row_is_the_neighbor_of_new_points():
    ids, distances = NeighborIndex(np.zeros((1, 2), np.float32), 20).of(np.array([[3.0, 4.0]]))
    assert (ids.tolist(), distances.tolist()) == ([[0]], [[25]])


def test_default_neighbors_grow_slowly_with_the_number_of_rows():
    assert [default_n_neighbors(n) for n in (5, 575, 1797, 9298, 70_000, 1_000_000)] == [10, 10, 15, 25, 49, 100]
