import math

import numpy as np
import pytest

from raycluster.metrics.health import (
    clustering_health,
    confidence_health,
    embedding_health,
    neighbor_agreement,
    warnings_for,
)


def test_clustering_health_of_four_images_by_hand():
    health = clustering_health(np.array([0, 0, 0, 2]), n_clusters=3)
    assert health["clusters_in_use"] == 2
    assert health["largest_share"] == 0.75
    assert health["entropy"] == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert health["entropy_at_best"] == pytest.approx(math.log(3))


def test_mean_cosine_tells_a_point_from_a_sphere():
    rng = np.random.default_rng(0)
    assert embedding_health(np.ones((50, 4)))["mean_cosine"] == pytest.approx(1)
    assert abs(embedding_health(rng.normal(size=(500, 64)))["mean_cosine"]) < 0.05


def test_neighbor_agreement_is_the_share_of_neighbours_in_the_own_cluster():
    neighbors = np.array([[1, 2], [0, 2], [0, 1]])
    np.testing.assert_allclose(neighbor_agreement(neighbors, np.array([0, 0, 1])), [0.5, 0.5, 0.0])


def test_confidence_health_is_the_spread_of_the_probabilities():
    spread = confidence_health(np.linspace(0, 1, 101))
    assert list(spread) == [f"probability_{share}" for share in (10, 30, 50, 70, 90)]
    assert list(spread.values()) == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])


def test_advice_on_one_large_cluster_is_that_of_the_kind_of_method():
    collapsed = {"entropy_at_best": math.log(10), "largest_share": 0.9}
    assert "--n-neighbors" in warnings_for(collapsed)[0]
    assert "--graph-threshold" in warnings_for(collapsed | {"probability_50": 0.5})[0]
    assert "--beta" in warnings_for(collapsed | {"method": "concurl"})[0]
    assert "--beta" in warnings_for({"mean_cosine": 0.99, "method": "concurl"})[0]


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({"entropy_at_best": math.log(10), "largest_share": 0.9}, "90%"),
        ({"entropy_at_best": math.log(10), "clusters_in_use": 7}, "only 7 of 10"),
        ({"mean_cosine": 0.99}, "collapsed"),
        ({"batches_without_pair": 0.8}, "80% of the batches"),
        ({"loss": float("nan")}, "loss is not finite"),
        ({"gradient_norm": float("inf")}, "gradient norm is not finite"),
        ({"neighbor_agreement": 0.2}, "20% of nearest neighbours"),
        ({"entropy_at_best": math.log(10), "link_density": 0.8}, "80% of all pairs are linked"),
        ({"without_unlinked": 0.3}, "30% of the images are linked to all others"),
        ({"entropy_at_best": math.log(10), "consensus_loss": 2.31}, "nothing is learned of the clusters yet"),
        ({"entropy_at_best": math.log(10), "batch_size": 8}, "a --batch-size of 60 or more"),
    ],
)
def test_each_sign_of_trouble_is_named_with_a_mend(row, word):
    (sentence,) = warnings_for(row)
    assert word in sentence
    assert "try" in sentence


def test_a_healthy_run_gives_no_warning():
    healthy = clustering_health(np.arange(100) % 10, 10) | {
        "mean_cosine": 0.3,
        "batches_without_pair": 0.0,
        "loss": 0.1,
        "gradient_norm": 1.0,
        "neighbor_agreement": 0.95,
        "link_density": 0.1,
        "without_unlinked": 0.0,
        "consensus_loss": 1.9,
        "batch_size": 128,
    }
    assert warnings_for(healthy) == []
