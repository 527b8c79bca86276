"""Which settings are tried next, and which trials go on: Ray Tune's searchers and schedulers."""

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
    """Hands out the planned trials that are not done, then those that another searcher thinks of, and notes them.

    The numbers of trials, and with them their folders, are those of the ledger; Ray Tune numbers anew at every start.

    Parameters
    ----------
    ledger : Ledger
    to_do : list of int
        Numbers of planned trials.
    trials : int
        How many there are to be in all.
    thinker : Searcher, optional
        Asked for more.
    """

    def __init__(self, ledger: Ledger, to_do: list[int], trials: int, thinker: Searcher | None = None) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._ledger, self._to_do, self._trials, self._thinker = ledger, list(to_do), trials, thinker
        self._thought: set[str] = set()

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # FINISHED is a str
        """Return ``number`` and settings of the next trial."""
        if self._to_do:
            number = self._to_do.pop(0)
            return {"number": number} | self._ledger.present_settings(number)
        plan = self._ledger.plan()
        if self._thinker is None or len(plan) >= self._trials:
            return Searcher.FINISHED
        settings = self._thinker.suggest(trial_id)
        if not isinstance(settings, dict):
            return settings
        self._thought.add(trial_id)
        self._ledger.write_plan([*plan, settings])
        return {"number": len(plan)} | settings

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tell the other searcher how a trial that it thought of has ended."""
        if self._thinker and trial_id in self._thought:
            self._thinker.on_trial_complete(trial_id, result, error)

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the ledger holds all there is to know."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: the ledger holds all there is to know."""


def optuna_search(space: Space, seed: int, ledger: Ledger) -> Searcher:
    """Return Optuna's searcher, which has been told of the trials that are done."""
    import optuna
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    done = [
        row
        for row in ledger.rows()
        if row["objective"] is not None and all(row["settings"][name] in space[name] for name in space)
    ]
    return OptunaSearch(
        {name: _domain(dimension) for name, dimension in space.items()},
        metric=METRIC,
        mode="max",
        seed=seed + len(done),  # else a continued search would draw what it has drawn
        points_to_evaluate=[row["settings"] for row in done] or None,
        evaluated_rewards=[row["objective"] for row in done] or None,
    )


def population(ledger: Ledger, to_do: list[int]) -> BasicVariantGenerator:
    """Return what hands out the planned trials for population-based training, which refuses every other searcher."""
    return BasicVariantGenerator([{"number": number} | ledger.present_settings(number) for number in to_do])


class Population(PopulationBasedTraining):
    """Population-based training in which trials that share a core take turns.

    Ray Tune's own prefers the trial that has trained least, which is one that has just gone back to the checkpoint of
    another: it would go back again and again, and the other never come to its turn.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._turns, self._had_turn = 0, dict[Any, int]()

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Note when the trial had its turn, and decide on it."""
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
        Epochs between two looks at the objective.
    space : Space
        With a range of learning rates, for population-based training.
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
    """Return a dimension as Ray Tune has it."""
    if not isinstance(dimension, Range):
        return tune.choice(list(dimension.values))
    if dimension.whole:
        low, high = int(dimension.low), int(dimension.high) + 1  # Ray Tune's end is not included
        return tune.lograndint(low, high) if dimension.log else tune.randint(low, high)
    return (tune.loguniform if dimension.log else tune.uniform)(dimension.low, dimension.high)
