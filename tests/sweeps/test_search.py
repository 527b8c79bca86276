from types import SimpleNamespace

import pytest
from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from raycluster.methods.jule.settings import JuleSettings
from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.search import PlannedSearch, make_scheduler, optuna_search, population
from raycluster.sweeps.search_space import parse_space

SPACE = parse_space(["learning_rate=log:1e-3:1e-1", "n_neighbors=5:9", "affinity=local,global"], JuleSettings())


class Thinker(Searcher):
    """Thinks of the same settings every time, and remembers what it is told."""

    def __init__(self):
        super().__init__(metric="objective", mode="max")
        self.told = []

    def suggest(self, trial_id):
        return {"learning_rate": 0.5}

    def on_trial_complete(self, trial_id, result=None, error=False):
        self.told.append((trial_id, result))


def planned(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.write_plan([{"learning_rate": rate} for rate in (0.1, 0.2, 0.3)])
    return ledger


def test_trials_that_are_to_do_are_handed_out_by_their_numbers(tmp_path):
    search = PlannedSearch(planned(tmp_path), [0, 2], 3)
    assert search.suggest("a") == {"number": 0, "learning_rate": 0.1}
    assert search.suggest("b") == {"number": 2, "learning_rate": 0.3}
    assert search.suggest("c") == Searcher.FINISHED


def test_what_another_searcher_thinks_of_is_noted_before_it_is_tried(tmp_path):
    ledger, thinker = planned(tmp_path), Thinker()
    search = PlannedSearch(ledger, [1], 4, thinker)
    assert search.suggest("a")["number"] == 1
    assert search.suggest("b") == {"number": 3, "learning_rate": 0.5}
    assert search.suggest("c") == Searcher.FINISHED
    assert ledger.plan()[3] == {"learning_rate": 0.5}
    for trial in ("a", "b"):
        search.on_trial_complete(trial, {"objective": 1.0})
    assert thinker.told == [("b", {"objective": 1.0})]


def test_optuna_is_told_of_what_is_done_and_stays_in_the_space(tmp_path):
    pytest.importorskip("optuna")
    ledger = Ledger(tmp_path)
    ledger.write_plan(
        [
            {"learning_rate": 0.01, "n_neighbors": None, "affinity": "local"},  # None is not in the space
            {"learning_rate": 0.02, "n_neighbors": 6, "affinity": "global"},
        ]
    )
    for number in range(2):
        ledger.write_outcome(number, {"state": "finished", "scores": {"stability": 0.5}})
    search = optuna_search(SPACE, 0, ledger, "stability")
    assert len(search._ot_study.trials) == 1
    settings = search.suggest("a")
    assert all(settings[name] in SPACE[name] for name in SPACE)


def test_schedulers_count_epochs():
    assert make_scheduler("none", 5, SPACE) is None
    assert make_scheduler("asha", 5, SPACE)._time_attr == "epochs"
    assert make_scheduler("pbt", 5, SPACE)._time_attr == "epochs"


def test_trials_of_a_population_take_turns_even_where_one_has_gone_back_in_time():
    scheduler = make_scheduler("pbt", 5, SPACE)
    scheduler.set_search_properties("objective", "max")
    trials = [Trial("train", stub=True) for _ in range(3)]
    controller = SimpleNamespace(search_alg=None, get_trials=lambda: trials)
    for trial in trials:
        trial.set_status(Trial.PAUSED)
        trial.config = {"learning_rate": 0.01}
        scheduler.on_trial_add(controller, trial)
    turns = []
    for _ in range(6):
        chosen = scheduler.choose_trial_to_run(controller)
        turns.append(trials.index(chosen))
        scheduler.on_trial_result(controller, chosen, {"objective": 0.5, "epochs": 1})
    assert turns == [0, 1, 2, 0, 1, 2]
    trials[0].set_status(Trial.TERMINATED)
    assert scheduler.choose_trial_to_run(controller) is trials[1]


def test_a_population_begins_with_the_planned_trials_that_are_to_do(tmp_path):
    generator = population(planned(tmp_path), [0, 2])
    assert generator._points_to_evaluate == [
        {"number": 0, "learning_rate": 0.1},
        {"number": 2, "learning_rate": 0.3},
    ]
