import numpy as np
import pytest
from sklearn.datasets import make_blobs

from raycluster.metrics.label_free import (
    SAMPLE,
    predictability,
    sample_rows,
    silhouette,
)

SCORES = (silhouette, predictability)


@pytest.fixture(scope="module")
def blobs():
    """300 points in 20 dimensions around three centers, and which center each belongs to."""
    points, centers = make_blobs(300, 20, centers=3, cluster_std=1.0, random_state=0)
    return points.astype(np.float32), centers


def test_the_silhouette_of_four_points_is_that_computed_by_hand():
    points = np.array([[0.0], [1.0], [10.0], [11.0]])
    # Inner points: 1 - 1/9.5, outer ones: 1 - 1/10.5.
    assert silhouette(points, np.array([0, 0, 1, 1])) == pytest.approx(1 - (1 / 9.5 + 1 / 10.5) / 2)


def test_clusters_that_show_in_the_pixels_are_predictable_and_random_ones_are_not(blobs):
    points, centers = blobs
    assert predictability(points, centers) == 1.0
    assert abs(predictability(points, np.random.default_rng(0).permutation(centers))) < 0.15


@pytest.mark.parametrize("score", SCORES)
def test_a_single_cluster_scores_zero(score, blobs):
    assert score(blobs[0], np.zeros(300, np.int32)) == 0.0


def test_one_cluster_per_row_scores_zero_or_less(blobs):
    points = blobs[0][:40]
    assert silhouette(points, np.arange(40)) == 0.0
    assert predictability(points, np.arange(40)) < 0  # none of them is in the training part


@pytest.mark.parametrize("clusters", [[0] * 39 + [1], [0, 1], [0, 1, 1]])
def test_clusters_too_small_for_a_fold_do_not_break_the_scores(clusters, blobs):
    points, clusters = blobs[0][: len(clusters)], np.array(clusters)
    assert np.isfinite([score(points, clusters) for score in SCORES]).all()
    assert predictability(points, clusters) == 0.0


@pytest.mark.parametrize("score", SCORES)
def test_true_clusters_score_better_than_random_ones(score, blobs):
    points, centers = blobs
    assert score(points, centers) > score(points, np.random.default_rng(0).permutation(centers))


def test_large_sets_always_have_the_same_sample():
    rows = sample_rows(10 * SAMPLE)
    assert len(rows) == len(np.unique(rows)) == SAMPLE
    np.testing.assert_array_equal(rows, sample_rows(10 * SAMPLE))
    np.testing.assert_array_equal(sample_rows(5), np.arange(5))
