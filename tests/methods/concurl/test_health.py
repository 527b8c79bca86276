import math

import pytest

from raycluster.methods.concurl.health import warnings_of


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"entropy_at_best": math.log(10), "largest_share": 0.9}, ("90%", "--beta")),
        ({"mean_cosine": 0.9995}, ("collapsed", "--beta")),
        (
            {"entropy_at_best": math.log(10), "consensus_loss": 2.31},
            ("has not learned anything about the clusters yet",),
        ),
        ({"entropy_at_best": math.log(10), "batch_size": 8}, ("a --batch-size of 60 or more",)),
    ],
)
def test_each_sign_of_trouble_comes_with_something_to_try(row, words):
    (sentence,) = warnings_of(row)
    assert "try" in sentence
    for word in words:
        assert word in sentence


def test_a_healthy_run_gives_no_warning():
    healthy = {"entropy_at_best": math.log(10), "largest_share": 0.2, "mean_cosine": 0.3, "clusters_in_use": 10}
    assert warnings_of(healthy | {"consensus_loss": 1.9, "batch_size": 128}) == []
