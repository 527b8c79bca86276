import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from raycluster.metrics.pooled import cosine_silhouette, mean_agreements, mean_ranks, pooled_silhouettes

# Two directions with two rows each, at right angles except for the last row, in the middle.
ROWS = np.array([[1, 0], [2, 0], [0, 1], [1, 1]], np.float32)


def test_the_silhouette_of_four_directions_is_that_computed_by_hand():
    near = 1 - 0.5**0.5  # the cosine distance of the last row to each of the others
    # The first two rows are at distance 0 of each other; the last one is as near to one cluster as to the other.
    assert cosine_silhouette(ROWS, np.array([0, 0, 1, 1])) == pytest.approx((1 + 1 + (1 - near) + 0) / 4, abs=1e-6)


def test_it_is_the_silhouette_of_scikit_learn_without_a_pair_of_rows_being_compared():
    rng = np.random.default_rng(0)
    clusters = np.array([7, *rng.choice([2, 3, 5], 99)])  # one row is alone, and numbers are left out
    rows = (np.eye(8)[clusters] + 0.3 * rng.standard_normal((100, 8))).astype(np.float32)
    assert cosine_silhouette(rows, clusters) == pytest.approx(
        silhouette_score(rows, clusters, metric="cosine"), abs=1e-6
    )


@pytest.mark.parametrize("clusters", [[0, 0, 0, 0], [0, 1, 2, 3]])
def test_a_single_cluster_and_one_for_each_row_score_zero(clusters):
    assert cosine_silhouette(ROWS, np.array(clusters)) == 0.0


def test_rows_that_all_point_one_way_score_zero():
    assert cosine_silhouette(np.ones((4, 3), np.float32), np.array([0, 0, 1, 1])) == pytest.approx(0.0, abs=1e-6)


def test_an_embedding_counts_by_the_square_of_what_all_clusterings_score_in_it():
    # The means of the columns are 0.6 and 0.2, their squares 9 to 1; the third is not positive and says nothing.
    table = np.array([[0.7, 0.1, 0.9], [0.5, 0.3, -0.9], [0.6, 0.2, -0.3]])
    assert pooled_silhouettes(table) == pytest.approx([0.64, 0.48, 0.56])


def test_the_agreement_with_itself_is_left_out():
    assert mean_agreements(np.array([[1, 0.8, 0.2], [0.8, 1, 0.4], [0.2, 0.4, 1]])) == pytest.approx([0.5, 0.6, 0.3])
    assert mean_agreements(np.ones((1, 1))) == [1.0]


def test_ranks_are_shares_and_those_of_equals_are_shared():
    assert mean_ranks(np.array([0.1, 0.9, 0.5, 0.5])) == pytest.approx([0.25, 1.0, 0.625, 0.625])
    assert mean_ranks(np.array([1, 2]), np.array([2, 1]), np.array([1, 2])) == pytest.approx([2 / 3, 5 / 6])
    assert mean_ranks(np.array([0.3])) == [1.0]
