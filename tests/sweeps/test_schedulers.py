from types import SimpleNamespace

import numpy as np
import pytest
from ray.tune.experiment import Trial

from raycluster.methods.jule.settings import JuleSettings
from raycluster.sweeps.sample import Sample, save_sample
from raycluster.sweeps.schedulers import make_scheduler
from raycluster.sweeps.search_space import parse_space

SPACE = parse_space(["learning_rate=log:1e-3:1e-1"], JuleSettings())


def trial_of(number):
    return Trial("train", stub=True, trial_name_creator=lambda trial: f"{number:04d}")


def halving(tmp_path, objective="nmi"):
    return make_scheduler("asha", objective, tmp_path, 2, SPACE)


def test_without_a_scheduler_all_trials_go_on(tmp_path):
    assert make_scheduler("none", "nmi", tmp_path, 5, SPACE) is None


def test_of_the_trials_at_a_rung_the_best_third_goes_on(tmp_path):
    scheduler = halving(tmp_path)
    scores = [0.5, 0.4, 0.6, 0.5, 0.55, 0.7, 0.1]
    decisions = [
        scheduler.on_trial_result(None, trial_of(number), {"epochs": 2, "objective": score})
        for number, score in enumerate(scores)
    ]
    #  1 of 1    1 of 2   1 of 3      2 of 4, third  2 of 5      2 of 6      3 of 7
    assert decisions == ["CONTINUE", "STOP", "CONTINUE", "CONTINUE", "CONTINUE", "CONTINUE", "STOP"]


def test_between_rungs_all_go_on_and_each_rung_compares_its_own(tmp_path):
    scheduler = halving(tmp_path)
    reports = [(0, 2, 0.5), (1, 4, 0.1), (1, 6, 0.1), (0, 6, 0.05)]
    decisions = [
        scheduler.on_trial_result(None, trial_of(number), {"epochs": epochs, "objective": score})
        for number, epochs, score in reports
    ]
    assert decisions == ["CONTINUE", "CONTINUE", "CONTINUE", "STOP"]
    assert scheduler.on_trial_result(None, trial_of(0), {"finished": True}) == "CONTINUE"


def leave(folder, number, clusters):
    rng, right = np.random.default_rng(number), np.repeat([0, 1, 2], 20)
    embeddings = (np.eye(3)[right] + 0.3 * rng.standard_normal((60, 3))).astype(np.float32)
    save_sample(folder / f"{number:04d}.npz", Sample(embeddings, clusters))


def test_pooled_trials_are_stopped_by_what_all_that_have_come_so_far_say(tmp_path):
    right = np.repeat([0, 1, 2], 20)
    decisions = []
    for number, clusters in enumerate((right, np.repeat([0, 1, 0, 2], 15), np.roll(right, 7))):
        leave(tmp_path / "running" / "000002", number, clusters)
        # A new scheduler each time: that of a sweep that was killed knows what the one before knew.
        decisions.append(halving(tmp_path, "pooled_rank").on_trial_result(None, trial_of(number), {"epochs": 2}))
    assert decisions == ["CONTINUE", "STOP", "STOP"]


@pytest.fixture
def population(tmp_path):
    scheduler = make_scheduler("pbt", "pooled_rank", tmp_path, 1, SPACE)
    trials = [trial_of(number) for number in range(3)]
    controller = SimpleNamespace(search_alg=None, get_trials=lambda: trials)
    for trial in trials:
        trial.set_status(Trial.PAUSED)
        trial.config = {"learning_rate": 0.01}
        scheduler.on_trial_add(controller, trial)
        leave(tmp_path / "running" / "latest", int(str(trial)), np.repeat([0, 1, 2], 20))
    return scheduler, trials, controller


def test_trials_of_a_population_take_turns_even_where_one_has_gone_back_in_time(population):
    scheduler, trials, controller = population
    turns = []
    for _ in range(6):
        chosen = scheduler.choose_trial_to_run(controller)
        turns.append(trials.index(chosen))
        scheduler.on_trial_result(controller, chosen, {"epochs": 0})
    assert turns == [0, 1, 2, 0, 1, 2]
    trials[0].set_status(Trial.TERMINATED)
    assert scheduler.choose_trial_to_run(controller) is trials[1]


def test_the_scores_of_a_whole_population_change_when_one_reports(population, tmp_path, monkeypatch):
    scheduler, trials, controller = population
    monkeypatch.setattr(scheduler, "_checkpoint_or_exploit", lambda *arguments: None)
    for trial in trials:
        scheduler.on_trial_result(controller, trial, {"epochs": 1})
    before = scheduler._trial_state[trials[0]].last_score
    leave(tmp_path / "running" / "latest", 2, np.repeat([0, 1, 0, 2], 15))
    scheduler.on_trial_result(controller, trials[2], {"epochs": 2})
    scores = [scheduler._trial_state[trial].last_score for trial in trials]
    assert scores[2] == min(scores) == pytest.approx(1 / 3)
    assert scores[0] != before
