import numpy as np
import pytest
from sklearn.datasets import load_digits

from raycluster.graph.neighbors import lists
from raycluster.graph.neighbors.distances import squared_distances
from raycluster.graph.neighbors.flat import search_flat
from raycluster.graph.neighbors.lists import build_lists
from raycluster.graph.neighbors.search import Search

SHIFTS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)]


def clusters(n, d=8, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(40, d))[rng.integers(0, 40, n)] + 0.1 * rng.normal(size=(n, d))).astype(np.float32)


def shifted_digits():
    """1,797 real images in 5 places, float32 [8985, 64]."""
    images = load_digits().images.astype(np.float32)
    return np.concatenate([np.roll(images, shift, axis=(1, 2)).reshape(-1, 64) for shift in SHIFTS[::2]])


@pytest.fixture
def whatever_it_costs(monkeypatch):
    monkeypatch.setattr(lists, "MOST_COST", np.inf)


def recall_of_all_rows(features, found, k):
    """Return the share of the k - 1 nearest other rows that are found."""
    true = squared_distances(features, features, search_flat(features, features.mean(axis=0), features, k))
    near = squared_distances(features, features, found) <= true.max(axis=1, keepdims=True)
    return ((np.minimum(near.sum(axis=1), k) - 1) / (k - 1)).mean()


@pytest.mark.usefixtures("whatever_it_costs")
@pytest.mark.parametrize("components", [16, 64])
def test_the_recall_told_is_that_of_all_rows_on_real_images(monkeypatch, components):
    monkeypatch.setattr(lists, "COMPONENTS", components)
    features = shifted_digits()
    mean = features.mean(axis=0)
    for wanted in (0.0, 0.99):
        monkeypatch.setattr(lists, "MIN_RECALL", wanted)
        found, chosen = build_lists(features, mean, 21, seed=0)
        true = recall_of_all_rows(features, found.candidates(features, 21), 21)
        assert chosen.recall == pytest.approx(true, abs=0.01)
        assert chosen.recall >= wanted
        assert (chosen.kind, chosen.n_lists, chosen.n_probes) == ("lists", 189, found.n_probes)
        assert (found.components is None) == (components == 64)


@pytest.mark.usefixtures("whatever_it_costs")
def test_more_lists_are_probed_until_the_recall_is_good(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(4000, 16)).astype(np.float32)
    _, chosen = build_lists(rows, rows.mean(axis=0), 11, seed=0)
    assert chosen.recall >= 0.99
    assert chosen.n_probes > 16


@pytest.mark.usefixtures("whatever_it_costs")
def test_the_probing_ends_with_all_lists_even_if_the_recall_is_not_good(monkeypatch):
    monkeypatch.setattr(lists, "MIN_RECALL", 1.1)
    rows = clusters(500)
    found, chosen = build_lists(rows, rows.mean(axis=0), 11, seed=0)
    assert chosen == Search("lists", 1.0, 12, 12)
    assert found.n_probes == 12


@pytest.mark.usefixtures("whatever_it_costs")
def test_components_are_added_until_the_neighbors_are_kept(monkeypatch):
    monkeypatch.setattr(lists, "COMPONENTS", 4)
    features = shifted_digits()
    sizes = []
    for wanted in (0.5, 0.995, 1.1):
        monkeypatch.setattr(lists, "MIN_PROJECTED_RECALL", wanted)
        found, _ = build_lists(features, features.mean(axis=0), 21, seed=0)
        sizes.append(found.rows.shape[1])
    assert sizes[0] < sizes[1] < sizes[2] == 64
    assert found.components is None


@pytest.mark.usefixtures("whatever_it_costs")
def test_every_row_is_in_the_list_of_its_nearest_centroid():
    rows = clusters(3000)
    found, _ = build_lists(rows, rows.mean(axis=0), 11, seed=0)
    assert (np.sort(found.order) == np.arange(3000)).all()
    np.testing.assert_allclose(found.rows, (rows - rows.mean(axis=0))[found.order], atol=1e-6)
    list_of = np.repeat(np.arange(len(found.centroids)), np.diff(found.start))
    distances = ((found.rows[:, None] - found.centroids) ** 2).sum(axis=2)
    assert (np.take_along_axis(distances, list_of[:, None], axis=1)[:, 0] <= distances.min(axis=1) + 1e-5).all()


@pytest.mark.parametrize("rows", [np.random.default_rng(0).normal(size=(4000, 64)), np.ones((500, 3))])
def test_features_without_structure_are_searched_exactly(rows):
    rows = rows.astype(np.float32)
    assert build_lists(rows, rows.mean(axis=0), 11, seed=0) == (None, Search("exact"))


@pytest.mark.usefixtures("whatever_it_costs")
def test_any_of_many_identical_rows_counts_as_found():
    rows = np.repeat(clusters(30), 100, axis=0)
    _, chosen = build_lists(rows, rows.mean(axis=0), 11, seed=0)
    assert chosen.recall == 1
    assert chosen.n_probes == 8


@pytest.mark.usefixtures("whatever_it_costs")
def test_large_numbers_do_not_overflow_where_components_are_sought(monkeypatch):
    monkeypatch.setattr(lists, "COMPONENTS", 16)
    features = shifted_digits()
    large = features * 2.0**58  # to 1.2 of 4.6e18, the largest numbers that are not rejected
    chosen = [build_lists(rows, rows.mean(axis=0), 21, seed=0) for rows in (features, large)]
    assert chosen[1][0].components is not None
    assert chosen[1][1].recall == pytest.approx(chosen[0][1].recall, abs=0.01)


@pytest.mark.usefixtures("whatever_it_costs")
def test_a_row_far_away_does_not_blur_the_distances_between_the_others():
    features = np.random.default_rng(1).normal(size=(800, 2)).astype(np.float32)
    features[0] = 1e6
    found, search = build_lists(features, features.mean(axis=0), 51, 0)
    candidates = found.candidates(features[1:], 51)
    near = squared_distances(features[1:], features, candidates)
    true = np.sort(((features[1:, None].astype(float) - features[None]) ** 2).sum(axis=2), axis=1)[:, 50]
    recall = (np.minimum((near <= true[:, None] * (1 + 1e-5)).sum(axis=1), 51) - 1).mean() / 50
    assert recall > 0.98
    assert search.recall == pytest.approx(recall, abs=0.02)
