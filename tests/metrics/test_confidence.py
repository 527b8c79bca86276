import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from raycluster.graph.estimator import GraphDegreeLinkage
from raycluster.graph.neighbors.nearest import nearest_neighbors
from raycluster.metrics import confidence as module
from raycluster.metrics.confidence import ClusterModel, confidence_of
from raycluster.metrics.health import neighbor_agreement


@pytest.fixture(scope="module")
def digits():
    """Pixels, clusters, and whether the cluster is that of the digit."""
    pixels, labels = load_digits(return_X_y=True)
    rows = (pixels / np.linalg.norm(pixels, axis=1, keepdims=True)).astype(np.float32)
    clusters = GraphDegreeLinkage(10).fit_predict(rows)
    counts = np.zeros((10, 10))
    np.add.at(counts, (clusters, labels), 1)
    return rows, clusters, counts.argmax(axis=1)[clusters] == labels


def test_on_a_line_it_is_the_softmax_worked_out_by_hand():
    rows = np.array([[-1], [1], [9], [11]], np.float32)
    clusters = np.array([0, 0, 1, 1])
    # Within clusters the variance is 4 / (4 - 2) = 2, and with a tenth of it added 2.2: the means are 100 / 2.2 apart
    # in squares, which is ln 99 in units of the temperature. Row 1 is at 1 / 2.2 and 81 / 2.2 from the two.
    far = 1 / (1 + np.exp(-(121 - 1) / 100 * np.log(99)))
    near = 1 / (1 + np.exp(-(81 - 1) / 100 * np.log(99)))
    np.testing.assert_allclose(confidence_of(rows, clusters), [far, near, near, far], rtol=1e-4)
    model = ClusterModel.fit(rows, clusters)
    at = model.confidence(np.array([[0], [10], [5], [10]], np.float32), np.array([0, 1, 1, 0]))
    np.testing.assert_allclose(at, [0.99, 0.99, 0.5, 0.01], rtol=1e-4)


def test_clusters_that_overlap_have_the_temperature_of_normal_distributions():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20_000, 1)).astype(np.float32)
    clusters = np.repeat([0, 1], 10_000)
    rows[clusters == 1] += 1
    model = ClusterModel.fit(rows, clusters)
    assert model.temperature == 2
    found = model.confidence(np.array([[0.5], [1.0], [2.0]], np.float32), np.array([1, 1, 1]))
    exact = 1 / (1 + np.exp(-np.array([0, 0.5, 1.5]) / 1.1))  # the posterior, at a variance with a tenth added
    np.testing.assert_allclose(found, exact, atol=0.02)


def test_it_tells_right_from_wrong_better_than_the_share_of_neighbors_in_the_cluster(digits):
    rows, clusters, is_right = digits
    found = confidence_of(rows, clusters)
    assert roc_auc_score(is_right, found) > 0.7
    neighbors, _ = nearest_neighbors(rows, 15)
    assert roc_auc_score(is_right, neighbor_agreement(neighbors, clusters)) < 0.65
    assert ((found > 0) & (found < 1)).all()
    assert len(np.unique(found)) > 1500  # it falls smoothly
    assert abs(found.mean() - is_right.mean()) < 0.1


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_the_unit_of_the_embeddings_and_the_numbers_of_the_clusters_do_not_matter(digits, factor):
    rows, clusters, _ = digits
    found = confidence_of(rows * np.float32(factor) + np.float32(factor), clusters * 7 + 3)
    np.testing.assert_allclose(found, confidence_of(rows, clusters), atol=0.01)


def test_blocks_and_order_do_not_matter_and_twice_is_the_same(digits, monkeypatch):
    rows, clusters, _ = digits
    model, again = ClusterModel.fit(rows, clusters), ClusterModel.fit(rows, clusters)
    whole = model.confidence(rows, clusters)
    np.testing.assert_array_equal(again.confidence(rows, clusters), whole)
    monkeypatch.setattr(module, "BLOCK", 1000)
    np.testing.assert_allclose(model.confidence(rows[::-1], clusters[::-1])[::-1], whole, atol=1e-5)
    np.testing.assert_allclose(confidence_of(rows, clusters), whole, atol=1e-4)


def test_a_sample_of_the_rows_is_enough_for_the_axes(digits, monkeypatch):
    rows, clusters, _ = digits
    whole = confidence_of(rows, clusters)
    monkeypatch.setattr(module, "SAMPLE", 900)
    sampled = confidence_of(rows, clusters)
    assert not np.array_equal(sampled, whole)
    np.testing.assert_allclose(sampled, whole, atol=0.05)


def test_extremes_are_numbers_from_0_to_1():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30, 5)).astype(np.float32)
    assert (confidence_of(rows, np.zeros(30, int)) == 1).all()  # one cluster
    alone = confidence_of(rows, np.arange(30))  # each row is a cluster
    assert ((alone > 1 / 30) & (alone < 1)).all()
    np.testing.assert_allclose(confidence_of(np.ones((4, 3), np.float32), np.array([0, 0, 1, 1])), 0.5)  # identical
    apart = confidence_of(np.repeat(np.eye(3, dtype=np.float32), 4, axis=0), np.repeat([0, 1, 2], 4))
    np.testing.assert_allclose(apart, 0.99, atol=1e-3)  # copies of three images
    np.testing.assert_allclose(confidence_of(np.array([[0], [1]], np.float32), np.array([0, 1])), 0.99, rtol=1e-3)


def test_a_cluster_that_no_image_of_the_run_is_in_has_no_confidence(digits):
    rows, clusters, _ = digits
    model = ClusterModel.fit(rows, clusters)
    assert (model.confidence(rows[:3], np.array([-1, 10, 99])) == 0).all()
