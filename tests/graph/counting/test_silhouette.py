import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import silhouette_score

from raycluster.graph import GraphDegreeLinkage
from raycluster.graph.counting.silhouette import SAMPLE, peaks, silhouettes


@pytest.fixture(scope="module")
def digits():
    pixels = load_digits().data.astype(np.float32)
    pixels /= np.linalg.norm(pixels, axis=1, keepdims=True)
    return pixels, GraphDegreeLinkage(10).fit(pixels).tree_


def test_silhouettes_are_those_of_scikit_learn_by_cosine(digits):
    pixels, tree = digits
    numbers = np.array([2, 3, 7, 10, 40])
    expected = [silhouette_score(pixels, tree.cut(int(k)), metric="cosine") for k in numbers]
    np.testing.assert_allclose(silhouettes(tree, pixels, numbers), expected, atol=1e-4)


def test_of_many_rows_a_sample_is_compared_and_always_the_same(digits):
    pixels, _ = digits
    twice = np.concatenate([pixels, pixels + 0.01])
    tree = GraphDegreeLinkage(10).fit(twice).tree_
    found = silhouettes(tree, twice, np.arange(5, 15))
    np.testing.assert_array_equal(found, silhouettes(tree, twice, np.arange(5, 15)))
    exact = [silhouette_score(twice, tree.cut(k)) for k in range(5, 15)]
    assert len(twice) > SAMPLE
    assert np.corrcoef(found, exact)[0, 1] > 0.9


def test_rows_that_are_alone_count_as_zero():
    rows = np.array([[0.0], [0.0], [9.0]], np.float32).repeat(20, axis=0)[:41]
    tree = GraphDegreeLinkage(2, n_neighbors=5, join_small_components=False).fit(rows).tree_
    (found,) = silhouettes(tree, rows, np.array([2]))
    assert found == pytest.approx(silhouette_score(rows, tree.cut(2), metric="sqeuclidean"))


def test_too_few_rows_for_the_highest_number_have_no_silhouettes(digits):
    pixels, tree = digits
    assert len(silhouettes(tree, pixels, np.array([2, 360]))) == 0
    assert len(silhouettes(tree, pixels, np.array([], int))) == 0


def test_peaks_are_higher_than_both_neighbors_and_the_highest_comes_first():
    assert peaks(np.array([3.0, 1.0, 2.0, 2.0, 0.0, 5.0])).tolist() == [5, 0]
    assert peaks(np.array([1.0, 4.0, 2.0])).tolist() == [1]
    assert len(peaks(np.empty(0))) == 0
