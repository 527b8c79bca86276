import math

import pytest

from raycluster.methods.jule.health import warnings_of
from raycluster.methods.jule.settings import PRESETS

DEFAULT = PRESETS["default"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"entropy_at_best": math.log(10), "largest_share": 0.9}, ("90%", "--n-neighbors")),
        ({"mean_cosine": 0.9995}, ("collapsed", "--margin")),
        ({"batches_without_pair": 0.8}, ("80% of the batches", "--batch-size")),
    ],
)
def test_each_sign_of_trouble_comes_with_something_to_try(row, words):
    (sentence,) = warnings_of(row, DEFAULT)
    assert "try" in sentence
    for word in words:
        assert word in sentence


def test_a_healthy_run_gives_no_warning():
    healthy = {"entropy_at_best": math.log(10), "largest_share": 0.2, "mean_cosine": 0.3, "clusters_in_use": 10}
    assert warnings_of(healthy | {"batches_without_pair": 0.0}, DEFAULT) == []


def test_a_setting_that_a_run_has_already_is_not_suggested():
    row = {"entropy_at_best": math.log(10), "largest_share": 0.9}
    assert "--affinity" not in warnings_of(row, DEFAULT)[0]
    assert "--affinity local" in warnings_of(row, PRESETS["paper"])[0]
