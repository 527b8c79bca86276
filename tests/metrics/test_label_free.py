import numpy as np
import pytest
from sklearn.datasets import make_blobs

from raycluster.metrics.label_free import (
    SAMPLE,
    SCORES,
    agreement_beyond_chance,
    balance,
    label_free_score,
    label_free_scores,
    predictability,
    sample_rows,
    silhouette,
    stability,
)

# Two groups of 11 points each on a line: the 10 nearest neighbors of a point are the rest of its group.
LINE = np.concatenate([np.arange(11), np.arange(100, 111)])[:, None].astype(np.float32)
HALVES = np.repeat([0, 1], 11)


@pytest.fixture(scope="module")
def blobs():
    """300 points in 20 dimensions around three centers, and which center each belongs to."""
    points, centers = make_blobs(300, 20, centers=3, cluster_std=1.0, random_state=0)
    return points.astype(np.float32), centers


def test_neighbors_that_all_share_a_cluster_score_one():
    assert agreement_beyond_chance(LINE, HALVES) == 1.0


def test_the_agreement_of_random_rows_is_subtracted():
    clusters = HALVES.copy()
    clusters[0] = 1
    # The row that moved agrees with none of its 10 neighbors, and the 10 others in its group agree with 9 of 10.
    agreement = (0 + 10 * 0.9 + 11) / 22
    chance = (10 * 9 + 12 * 11) / (22 * 21)
    assert agreement_beyond_chance(LINE, clusters) == pytest.approx((agreement - chance) / (1 - chance))


def test_the_silhouette_of_four_points_is_that_computed_by_hand():
    points = np.array([[0.0], [1.0], [10.0], [11.0]])
    # Inner points: 1 - 1/9.5, outer ones: 1 - 1/10.5.
    assert silhouette(points, np.array([0, 0, 1, 1])) == pytest.approx(1 - (1 / 9.5 + 1 / 10.5) / 2)


def test_clusters_that_show_in_the_pixels_are_predictable_and_random_ones_are_not(blobs):
    points, centers = blobs
    assert predictability(points, centers) == 1.0
    assert abs(predictability(points, np.random.default_rng(0).permutation(centers))) < 0.15


def test_clear_clusters_are_found_again_on_subsets_of_the_rows_and_random_ones_are_not(blobs):
    points, centers = blobs
    assert stability(points, centers) == 1.0
    assert abs(stability(points, np.random.default_rng(0).permutation(centers))) < 0.1


def test_balance_is_the_entropy_of_the_sizes_over_its_maximum():
    assert balance(np.array([0, 0, 1, 1])) == pytest.approx(1.0)
    assert balance(np.array([5, 5, 5, 2])) == pytest.approx(0.25 * 2 + 0.75 * np.log2(4 / 3))


def test_a_single_cluster_scores_zero_everywhere(blobs):
    found = label_free_scores(blobs[0], np.zeros(300, np.int32), blobs[0])
    assert found == dict.fromkeys(SCORES, 0.0)


def test_one_cluster_per_row_scores_zero_except_for_balance(blobs):
    points = blobs[0][:40]
    found = label_free_scores(points, np.arange(40), points)
    assert found.pop("balance") == pytest.approx(1.0)
    assert found.pop("predictability") < 0  # none of them is in the training part
    assert found == dict.fromkeys(found, 0.0)


@pytest.mark.parametrize("clusters", [[0] * 39 + [1], [0, 1], [0, 1, 1]])
def test_clusters_too_small_for_a_fold_do_not_break_the_scores(clusters, blobs):
    points = blobs[0][: len(clusters)]
    found = label_free_scores(points, np.array(clusters), points)
    assert set(found) == set(SCORES)
    assert np.isfinite(list(found.values())).all()
    assert found["predictability"] == 0.0


def test_true_clusters_score_better_than_random_ones_except_in_consensus_and_balance(blobs):
    points, centers = blobs
    right = label_free_scores(points, centers, points)
    chance = label_free_scores(points, np.random.default_rng(0).permutation(centers), points)
    for name in SCORES:
        # Consensus measures whether the features form clear clusters, and balance only how large they are.
        assert right[name] > chance[name] or name in ("consensus", "balance"), name
    assert label_free_score("silhouette", points, centers, points) == right["silhouette"]


def test_large_sets_always_have_the_same_sample():
    rows = sample_rows(10 * SAMPLE)
    assert len(rows) == len(np.unique(rows)) == SAMPLE
    np.testing.assert_array_equal(rows, sample_rows(10 * SAMPLE))
    np.testing.assert_array_equal(sample_rows(5), np.arange(5))
