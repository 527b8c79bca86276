import numpy as np
import pytest

from raycluster.errors import UserError
from raycluster.options import DEFAULT_OBJECTIVE
from raycluster.sweeps.objective import (
    BY_TRIALS,
    OBJECTIVES,
    check_objective,
    comparable,
    own_score,
    own_scores,
)

RNG = np.random.default_rng(0)
CLUSTERS = np.repeat([0, 1, 2], 40)
EMBEDDINGS = (np.eye(3)[CLUSTERS] * 9 + RNG.standard_normal((120, 3))).astype(np.float32)
PIXELS = RNG.integers(0, 256, (120, 1, 4, 4), np.uint8)
LABELS = np.where(CLUSTERS == 2, 1, CLUSTERS)


def test_its_own_scores_hold_every_objective_but_those_by_all_trials_and_those_by_labels_only_where_there_are_some():
    found = own_scores(EMBEDDINGS, CLUSTERS, PIXELS, LABELS)
    assert set(found) == set(OBJECTIVES) - set(BY_TRIALS)
    # 40 of the 80 images of the second class are in the wrong one of its two clusters.
    assert found["acc"] == pytest.approx(80 / 120)
    assert set(OBJECTIVES) - set(own_scores(EMBEDDINGS, CLUSTERS, PIXELS, None)) == {*BY_TRIALS, "nmi", "acc", "ari"}


@pytest.mark.parametrize("name", OBJECTIVES[len(BY_TRIALS) :])
def test_an_objective_alone_is_that_among_all_scores(name):
    everything = own_scores(EMBEDDINGS, CLUSTERS, PIXELS, LABELS)
    assert own_score(name, EMBEDDINGS, CLUSTERS, PIXELS, LABELS) == everything[name]


def test_the_default_asks_for_no_labels():
    check_objective(DEFAULT_OBJECTIVE, None, "photos/")
    with pytest.raises(UserError, match="compares with known classes, but photos/ has none"):
        check_objective("nmi", None, "photos/")
    check_objective("nmi", LABELS, "photos/")


def test_an_unknown_objective_is_refused_with_those_that_there_are():
    with pytest.raises(UserError, match="There is no objective 'loss': choose one of pooled_rank"):
        check_objective("loss")


def test_what_is_no_number_comes_last():
    assert sorted([0.5, None, float("nan"), -2.0], key=comparable)[-2:] == [-2.0, 0.5]
