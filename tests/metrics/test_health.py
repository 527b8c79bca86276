import math

import numpy as np
import pytest

from raycluster.metrics.health import (
    Advice,
    clustering_health,
    embedding_health,
    neighbor_agreement,
    probability_health,
    warnings_for,
)

ADVICE = Advice("they have chained together; try local", "try a larger margin")


def test_clustering_health_of_four_images_by_hand():
    health = clustering_health(np.array([0, 0, 0, 2]), n_clusters=3)
    assert health["clusters_in_use"] == 2
    assert health["largest_share"] == 0.75
    assert health["entropy"] == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert health["entropy_at_best"] == pytest.approx(math.log(3))


def test_the_mean_cosine_distinguishes_a_point_from_a_sphere():
    rng = np.random.default_rng(0)
    assert embedding_health(np.ones((50, 4)))["mean_cosine"] == pytest.approx(1)
    assert abs(embedding_health(rng.normal(size=(500, 64)))["mean_cosine"]) < 0.05


def test_neighbor_agreement_is_the_share_of_neighbors_in_the_same_cluster():
    neighbors = np.array([[1, 2], [0, 2], [0, 1]])
    np.testing.assert_allclose(neighbor_agreement(neighbors, np.array([0, 0, 1])), [0.5, 0.5, 0.0])
    counted = np.array([[True, False], [True, True], [False, False]])
    np.testing.assert_allclose(neighbor_agreement(neighbors, np.array([0, 0, 1]), counted), [1.0, 0.5, 0.0])


def test_probability_health_has_quantiles_of_the_probabilities():
    spread = probability_health(np.linspace(0, 1, 101))
    assert list(spread) == [f"probability_{share}" for share in (10, 30, 50, 70, 90)]
    assert list(spread.values()) == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])


@pytest.mark.parametrize(
    ("row", "word"),
    [
        (
            {"entropy_at_best": math.log(10), "largest_share": 0.9},
            "90% of the images are in one cluster: they have chained together",
        ),
        ({"entropy_at_best": math.log(10), "clusters_in_use": 7}, "only 7 of 10"),
        (
            {"mean_cosine": 0.9995},
            "collapsed to a point, or has not learned to tell images apart yet; try a larger margin",
        ),
        ({"loss": float("nan")}, "loss is not finite"),
        ({"gradient_norm": float("inf")}, "gradient norm is not finite"),
        ({"neighbor_agreement": 0.2}, "20% of nearest neighbors"),
    ],
)
def test_each_sign_of_trouble_is_named_with_a_remedy(row, word):
    (sentence,) = warnings_for(row, ADVICE)
    assert word in sentence
    assert "try" in sentence


def test_vectors_are_called_vectors():
    (sentence,) = warnings_for({"entropy_at_best": math.log(10), "largest_share": 0.9}, ADVICE, "vectors")
    assert sentence.startswith("90% of the vectors are in one cluster")


def test_a_healthy_run_gives_no_warning():
    healthy = clustering_health(np.arange(100) % 10, 10) | {
        "mean_cosine": 0.3,
        "loss": 0.1,
        "gradient_norm": 1.0,
        "neighbor_agreement": 0.95,
    }
    assert warnings_for(healthy, ADVICE) == []
    # Unlike each other in small ways, as faces are, in a network that still puts them all into one corner.
    assert warnings_for(healthy | {"mean_cosine": 0.99}, ADVICE) == []
    # Few clusters are more unequal than many.
    assert warnings_for(clustering_health(np.repeat(np.arange(4), [60, 20, 10, 10]), 4), ADVICE) == []
    assert warnings_for(clustering_health(np.repeat(np.arange(4), [70, 10, 10, 10]), 4), ADVICE) != []
