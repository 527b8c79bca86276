import numpy as np
import pytest
from ray.tune.search import Searcher

from raycluster.methods.jule.settings import JuleSettings
from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.search import PlannedSearch, optuna_suggestion, population
from raycluster.sweeps.search_space import parse_space

SPACE = parse_space(["learning_rate=log:1e-3:1e-1", "n_neighbors=5:9", "affinity=local,global"], JuleSettings())


def planned(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.write_plan([{"learning_rate": rate} for rate in (0.1, 0.2, 0.3)])
    return ledger


def test_trials_that_are_to_do_are_handed_out_by_their_numbers(tmp_path):
    search = PlannedSearch(planned(tmp_path), [0, 2], 3)
    assert search.suggest("a") == {"number": 0, "learning_rate": 0.1}
    assert search.suggest("b") == {"number": 2, "learning_rate": 0.3}
    assert search.suggest("c") == Searcher.FINISHED
    assert search.metric is None  # or Ray Tune would reject trials without a score of their own


def test_settings_that_are_thought_of_are_noted_before_they_are_tried(tmp_path):
    ledger = planned(tmp_path)
    search = PlannedSearch(ledger, [1], 4, lambda: {"learning_rate": 0.5})
    assert search.suggest("a")["number"] == 1
    assert search.suggest("b") == {"number": 3, "learning_rate": 0.5}
    assert search.suggest("c") == Searcher.FINISHED
    assert ledger.plan()[3] == {"learning_rate": 0.5}


@pytest.fixture
def ledger_of_many(tmp_path):
    """Return a ledger of 20 finished trials; the smaller the learning rate, the better."""
    pytest.importorskip("optuna")
    ledger, rates = Ledger(tmp_path), np.geomspace(1e-3, 1e-1, 20)
    outside = {"learning_rate": 0.01, "n_neighbors": None, "affinity": "local"}  # None is not in the space
    ledger.write_plan([outside, *({"learning_rate": rate, "n_neighbors": 6, "affinity": "global"} for rate in rates)])
    for number in range(21):
        ledger.write_outcome(number, {"state": "finished", "objective": 1 - number / 20, "scores": {}})
    return ledger


def test_optuna_suggests_settings_in_the_space_near_those_of_good_trials(ledger_of_many):
    suggestions = []
    for _ in range(8):
        settings = optuna_suggestion(SPACE, 0, ledger_of_many)
        assert all(settings[name] in SPACE[name] for name in SPACE)
        suggestions.append(settings["learning_rate"])
        ledger_of_many.write_plan([*ledger_of_many.plan(), settings])
    assert len(set(suggestions)) == 8  # although none of them has finished
    assert np.median(suggestions) < 0.005


def test_optuna_goes_by_the_present_objectives(ledger_of_many):
    first = optuna_suggestion(SPACE, 0, ledger_of_many)
    assert optuna_suggestion(SPACE, 0, ledger_of_many) == first
    for number in range(21):
        ledger_of_many.write_outcome(number, {"state": "finished", "objective": number / 20, "scores": {}})
    assert optuna_suggestion(SPACE, 0, ledger_of_many) != first


def test_a_population_begins_with_the_planned_trials_that_are_to_do(tmp_path):
    generator = population(planned(tmp_path), [0, 2])
    assert generator._points_to_evaluate == [
        {"number": 0, "learning_rate": 0.1},
        {"number": 2, "learning_rate": 0.3},
    ]
