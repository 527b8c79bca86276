"""Which trials continue while they are trained: successive halving, and population-based training."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, PopulationBasedTraining, TrialScheduler

from raycluster.options import Scheduler
from raycluster.sweeps.search import METRIC, TIME, domain
from raycluster.sweeps.search_space import Space
from raycluster.sweeps.standings import REDUCTION, Standings, comparison_folder


def make_scheduler(name: Scheduler, objective: str, sweep: Path, interval: int, space: Space) -> TrialScheduler | None:
    """Return the scheduler of this name; time is counted in epochs.

    Parameters
    ----------
    name : {"none", "asha", "pbt"}
    objective : str
    sweep : Path
        The folder of the sweep.
    interval : int
        Epochs to the first comparison of trials and, for population-based training, between two.
    space : Space
        For population-based training, with a range of learning rates.
    """
    if name == "none":
        return None
    if name == "asha":
        return Halving(objective, sweep, interval)
    folder = comparison_folder(sweep, name, interval, interval)
    assert folder is not None
    return Population(
        Standings(objective, folder),
        metric=METRIC,
        mode="max",
        time_attr=TIME,
        perturbation_interval=interval,
        hyperparam_mutations={"learning_rate": domain(space["learning_rate"])},
        log_config=False,
    )


class Halving(FIFOScheduler):
    """Asynchronous successive halving (Li et al., MLSys 2020): at every rung, the best third of the trials goes on.

    Those are compared that have reached the rung so far. The scores of earlier ones are brought up to date with every
    one that comes, which Ray Tune's own scheduler cannot do.
    """

    def __init__(self, objective: str, sweep: Path, interval: int) -> None:
        super().__init__()
        self._objective, self._sweep, self._interval = objective, sweep, interval
        self._rungs: dict[Path, Standings] = {}

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Stop the trial unless it is among the best third."""
        folder = comparison_folder(self._sweep, "asha", self._interval, result[TIME]) if TIME in result else None
        if folder is None:
            return str(TrialScheduler.CONTINUE)
        rung = self._rungs.setdefault(folder, Standings(self._objective, folder))
        scores = rung.update(int(str(trial)), result.get(METRIC))
        better = sum(score > scores[int(str(trial))] for score in scores.values())
        return str(TrialScheduler.CONTINUE if better < math.ceil(len(scores) / REDUCTION) else TrialScheduler.STOP)


class Population(PopulationBasedTraining):
    """Population-based training by the present standings, in which trials that share a core take turns.

    Ray Tune itself prefers the trial that has trained least. That is one that has just restarted from another trial's
    checkpoint: it would restart again and again, and the other trial would never get its turn.
    """

    def __init__(self, standings: Standings, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._standings = standings
        self._turns, self._had_turn = 0, dict[Any, int]()

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Record the trial's turn, bring the scores of all up to date, and decide how it continues."""
        self._turns += 1
        self._had_turn[trial] = self._turns
        scores = self._standings.update(int(str(trial)), result.get(METRIC))
        for other, state in self._trial_state.items():
            if state.last_score is not None:
                state.last_score = scores[int(str(other))]
        return str(super().on_trial_result(tune_controller, trial, result | {METRIC: scores[int(str(trial))]}))

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """Return the trial that has waited longest."""
        waiting = [trial for trial in tune_controller.get_trials() if trial.status in (Trial.PENDING, Trial.PAUSED)]
        return min(waiting, key=lambda trial: self._had_turn.get(trial, 0), default=None)
