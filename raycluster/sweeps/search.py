"""Which settings are tried next: searchers for Ray Tune."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray import tune
from ray.tune.search import BasicVariantGenerator, Searcher

from raycluster.sweeps.ledger import Ledger
from raycluster.sweeps.search_space import Range, Space

METRIC, TIME = "objective", "epochs"  # in what a trial reports


class PlannedSearch(Searcher):
    """Suggests the planned trials that are not done, then others that are thought of one by one, and added to the plan.

    Trials and their folders are numbered by the ledger, because Ray Tune starts counting anew every time.

    Parameters
    ----------
    ledger : Ledger
    to_do : list of int
        Numbers of planned trials.
    trials : int
        How many trials the sweep has in all.
    think : callable, optional
        Returns the settings of another trial.
    """

    def __init__(
        self, ledger: Ledger, to_do: list[int], trials: int, think: Callable[[], dict[str, Any]] | None = None
    ) -> None:
        super().__init__()
        self._ledger, self._to_do, self._trials, self._think = ledger, list(to_do), trials, think

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # FINISHED is a str
        """Return ``number`` and settings of the next trial."""
        if self._to_do:
            number = self._to_do.pop(0)
            return {"number": number} | self._ledger.present_settings(number)
        plan = self._ledger.plan()
        if self._think is None or len(plan) >= self._trials:
            return Searcher.FINISHED
        settings = self._think()
        self._ledger.write_plan([*plan, settings])
        return {"number": len(plan)} | settings

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Do nothing: the ledger knows how a trial has ended."""

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the ledger holds the whole state."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: the ledger holds the whole state."""


def optuna_suggestion(space: Space, seed: int, ledger: Ledger) -> dict[str, Any]:
    """Return the settings that Optuna suggests for the next trial, by the objectives of the finished ones.

    They are looked up every time, because the pooled objective of every trial changes when another one finishes.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # A seed of its own for every trial: those that are running at the same time must not repeat each other's draws.
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed + len(ledger.plan()))
    )
    distributions = {name: _distribution(dimension) for name, dimension in space.items()}
    for row in ledger.rows():
        settings, objective = row["settings"], row["objective"]
        if row["state"] == "finished" and objective is not None and all(settings[n] in space[n] for n in space):
            known = optuna.trial.create_trial(params=settings, distributions=distributions, value=objective)
            study.add_trial(known)
    return dict(study.ask(distributions).params)


def _distribution(dimension: Any) -> Any:
    """Return a dimension as Optuna represents it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(dimension, Range):
        return CategoricalDistribution(dimension.values)
    if dimension.whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def population(ledger: Ledger, to_do: list[int]) -> BasicVariantGenerator:
    """Return the searcher for population-based training, which accepts no other kind."""
    return BasicVariantGenerator([{"number": number} | ledger.present_settings(number) for number in to_do])


def domain(dimension: Any) -> Any:
    """Return a dimension as Ray Tune represents it."""
    if not isinstance(dimension, Range):
        return tune.choice(list(dimension.values))
    if dimension.whole:
        low, high = int(dimension.low), int(dimension.high) + 1  # Ray Tune excludes the upper end
        return tune.lograndint(low, high) if dimension.log else tune.randint(low, high)
    return (tune.loguniform if dimension.log else tune.uniform)(dimension.low, dimension.high)
