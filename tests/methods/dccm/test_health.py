import math

import pytest

from raycluster.methods.dccm.health import warnings_of


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"entropy_at_best": math.log(10), "largest_share": 0.9}, ("90%", "--graph-threshold")),
        ({"mean_cosine": 0.9995}, ("collapsed", "--beta")),
        ({"entropy_at_best": math.log(10), "link_density": 0.8}, ("80% of all pairs are linked",)),
        ({"without_unlinked": 0.3}, ("30% of the images are linked to all others",)),
    ],
)
def test_each_sign_of_trouble_comes_with_something_to_try(row, words):
    (sentence,) = warnings_of(row)
    assert "try" in sentence
    for word in words:
        assert word in sentence


def test_a_healthy_run_gives_no_warning():
    healthy = {"entropy_at_best": math.log(10), "largest_share": 0.2, "mean_cosine": 0.3, "clusters_in_use": 10}
    assert warnings_of(healthy | {"link_density": 0.1, "without_unlinked": 0.0}) == []
