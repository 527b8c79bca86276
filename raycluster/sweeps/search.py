"""Which settings are tried next and which trials continue: Ray Tune's searchers and schedulers."""

from __future__ import annotations

from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, PopulationBasedTraining, TrialScheduler
from ray.tune.search import BasicVariantGenerator, Searcher

from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.search_space import Range, Space

METRIC, TIME = "objective", "epochs"


class PlannedSearch(Searcher):
    """Suggests the planned trials that are not done, then those of another searcher, which it adds to the plan.

    Trials and their folders are numbered by the ledger, because Ray Tune starts counting anew every time.

    Parameters
    ----------
    ledger : Ledger
    to_do : list of int
        Numbers of planned trials.
    trials : int
        How many trials the sweep has in all.
    searcher : Searcher, optional
        Suggests further trials.
    """

    def __init__(self, ledger: Ledger, to_do: list[int], trials: int, searcher: Searcher | None = None) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._ledger, self._to_do, self._trials, self._searcher = ledger, list(to_do), trials, searcher
        self._suggested: set[str] = set()

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # FINISHED is a str
        """Return ``number`` and settings of the next trial."""
        if self._to_do:
            number = self._to_do.pop(0)
            return {"number": number} | self._ledger.present_settings(number)
        plan = self._ledger.plan()
        if self._searcher is None or len(plan) >= self._trials:
            return Searcher.FINISHED
        settings = self._searcher.suggest(trial_id)
        if not isinstance(settings, dict):
            return settings
        self._suggested.add(trial_id)
        self._ledger.write_plan([*plan, settings])
        return {"number": len(plan)} | settings

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tell the other searcher how a trial that it suggested has ended."""
        if self._searcher and trial_id in self._suggested:
            self._searcher.on_trial_complete(trial_id, result, error)

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the ledger holds the whole state."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: the ledger holds the whole state."""


def optuna_search(space: Space, seed: int, ledger: Ledger, score: str) -> Searcher:
    """Return Optuna's searcher for a score, initialized with the trials that have finished."""
    import optuna
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    done = [
        row
        for row in ledger.rows()
        if row["scores"].get(score) is not None and all(row["settings"][name] in space[name] for name in space)
    ]
    return OptunaSearch(
        {name: _domain(dimension) for name, dimension in space.items()},
        metric=METRIC,
        mode="max",
        seed=seed + len(done),  # or else a continued search would repeat its draws
        points_to_evaluate=[row["settings"] for row in done] or None,
        evaluated_rewards=[row["scores"][score] for row in done] or None,
    )


def population(ledger: Ledger, to_do: list[int]) -> BasicVariantGenerator:
    """Return the searcher for population-based training, which accepts no other kind."""
    return BasicVariantGenerator([{"number": number} | ledger.present_settings(number) for number in to_do])


class Population(PopulationBasedTraining):
    """Population-based training in which trials that share a core take turns.

    Ray Tune itself prefers the trial that has trained least. That is one that has just restarted from another trial's
    checkpoint: it would restart again and again, and the other trial would never get its turn.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._turns, self._had_turn = 0, dict[Any, int]()

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Record the trial's turn, and decide how it continues."""
        self._turns += 1
        self._had_turn[trial] = self._turns
        return str(super().on_trial_result(tune_controller, trial, result))

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """Return the trial that has waited longest."""
        waiting = [trial for trial in tune_controller.get_trials() if trial.status in (Trial.PENDING, Trial.PAUSED)]
        return min(waiting, key=lambda trial: self._had_turn.get(trial, 0), default=None)


def make_scheduler(name: str, interval: int, space: Space) -> TrialScheduler | None:
    """Return the scheduler of this name; time is counted in epochs.

    Parameters
    ----------
    name : {"none", "asha", "pbt"}
    interval : int
        Epochs between two reports of the objective.
    space : Space
        For population-based training, with a range of learning rates.
    """
    if name == "none":
        return None
    if name == "asha":
        return ASHAScheduler(time_attr=TIME, max_t=1_000_000, grace_period=interval, reduction_factor=3)
    return Population(
        time_attr=TIME,
        perturbation_interval=interval,
        hyperparam_mutations={"learning_rate": _domain(space["learning_rate"])},
        log_config=False,
    )


def _domain(dimension: Any) -> Any:
    """Return a dimension as Ray Tune represents it."""
    if not isinstance(dimension, Range):
        return tune.choice(list(dimension.values))
    if dimension.whole:
        low, high = int(dimension.low), int(dimension.high) + 1  # Ray Tune excludes the upper end
        return tune.lograndint(low, high) if dimension.log else tune.randint(low, high)
    return (tune.loguniform if dimension.log else tune.uniform)(dimension.low, dimension.high)
