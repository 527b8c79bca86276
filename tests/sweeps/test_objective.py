import numpy as np
import pytest

from raycluster.errors import UserError
from raycluster.options import DEFAULT_OBJECTIVE
from raycluster.sweeps.objective import (
    BY_TRIALS,
    OBJECTIVES,
    check_objective,
    comparable,
    scores_by_labels,
)

CLUSTERS = np.repeat([0, 1, 2], 40)
LABELS = np.where(CLUSTERS == 2, 1, CLUSTERS)


def test_scores_by_labels_are_there_only_where_labels_are():
    found = scores_by_labels(LABELS, CLUSTERS)
    assert set(found) == set(OBJECTIVES) - set(BY_TRIALS)
    # 40 of the 80 images of the second class are in the wrong one of its two clusters.
    assert found["acc"] == pytest.approx(80 / 120)
    assert scores_by_labels(None, CLUSTERS) == scores_by_labels(np.full(120, -1), CLUSTERS) == {}


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
