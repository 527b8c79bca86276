import numpy as np
import pytest

from raycluster.runtime.summary import RunSummary
from raycluster.sweeps.verdict import no_training_helped, ranks_by_pixels, verdict_of

WORSE = {"helped": False, "predictability_before": 0.9, "predictability_after": 0.4}


def summary(reported, training):
    return RunSummary("any", 60, 0, 3, 1.0, {}, reported=reported, health={"training": training} if training else {})


def test_a_trial_says_whether_training_helped_and_how_well_its_clusters_are_seen_in_the_pixels():
    assert verdict_of(summary("population", WORSE)) == {"helped": False, "predictability": 0.4}
    assert verdict_of(summary("rc", WORSE | {"helped": True})) == {"helped": True, "predictability": 0.4}


def test_a_trial_that_reports_the_clusters_of_the_pixels_is_judged_by_these():
    assert verdict_of(summary("pixels", WORSE)) == {"helped": False, "predictability": 0.9}


def test_pixels_without_clear_clusters_are_no_judge():
    unclear = WORSE | {"predictability_before": 0.3}
    assert verdict_of(summary("population", unclear)) == {"helped": False, "predictability": None}


def test_a_trial_of_an_earlier_version_does_not_say():
    assert verdict_of(summary("population", None)) == {"helped": None, "predictability": None}


def trial(predictability, helped=False, **settings):
    return {"helped": helped, "predictability": predictability, "settings": settings}


def test_trials_rank_by_the_pixels_if_training_helped_in_none():
    ranks = ranks_by_pixels([trial(0.3), trial(0.6), trial(0.5), trial(0.3)])
    np.testing.assert_allclose(ranks, [0.375, 1, 0.75, 0.375])


@pytest.mark.parametrize(
    "trials",
    [
        [],
        [trial(0.3), trial(0.6, helped=True)],
        [trial(0.3), trial(0.6, helped=None)],
        [trial(0.3), trial(None)],
        [trial(0.3, clusters=4), trial(0.6, clusters=8)],
    ],
    ids=["no trials", "one helped", "one does not say", "pixels are no judge", "over K"],
)
def test_other_trials_do_not(trials):
    assert ranks_by_pixels(trials) is None


def test_training_has_helped_in_none_if_every_trial_says_so():
    assert no_training_helped([trial(None), trial(0.5)])
    assert not no_training_helped([trial(0.4), trial(0.5, helped=None)])
    assert not no_training_helped([])
