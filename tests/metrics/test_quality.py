import numpy as np
import pytest

from raycluster.errors import UserError
from raycluster.metrics.quality import clustering_quality

TRUTH = np.array([0, 0, 0, 1, 1, 1, 2, 2])
FOUND = np.array([0, 0, 0, 0, 0, 1, 1, 1])
BY_HAND = {"nmi": 0.485010, "nmi_geometric": 0.499768, "acc": 0.625, "ari": 0.259259}


def test_scores_of_a_hand_checked_example():
    assert clustering_quality(TRUTH, FOUND) == pytest.approx(BY_HAND, abs=1e-6)


def test_scores_do_not_depend_on_how_clusters_are_numbered():
    assert clustering_quality(TRUTH * 7 + 3, 5 - FOUND) == pytest.approx(BY_HAND, abs=1e-6)


def test_rows_without_a_label_are_ignored():
    labels = np.concatenate([TRUTH, [-1, -1]])
    assert clustering_quality(labels, np.concatenate([FOUND, [9, 1]])) == pytest.approx(BY_HAND, abs=1e-6)


def test_perfect_and_useless_clusterings_are_at_the_ends_of_the_scale():
    assert clustering_quality(TRUTH, (TRUTH + 1) % 3) == pytest.approx(
        {"nmi": 1, "nmi_geometric": 1, "acc": 1, "ari": 1}
    )
    useless = clustering_quality(TRUTH, np.zeros(8, int))
    assert useless == pytest.approx({"nmi": 0, "nmi_geometric": 0, "acc": 3 / 8, "ari": 0})


def test_more_clusters_than_classes_match_one_to_one():
    assert clustering_quality(np.zeros(4, int), np.array([0, 0, 1, 2]))["acc"] == 0.5


def test_missing_labels_and_different_lengths_are_errors():
    with pytest.raises(UserError, match="No row has a known label"):
        clustering_quality(np.full(3, -1), np.zeros(3))
    with pytest.raises(UserError, match="2 labels for 3"):
        clustering_quality(np.zeros(2), np.zeros(3))
