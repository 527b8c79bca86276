"""What a sweep says while it runs: a line a trial, as they end."""

from __future__ import annotations

import time
from typing import Any

from ray.tune import Callback

from raycluster.runtime.clock import duration
from raycluster.runtime.console import Say
from raycluster.sweeps.ledger import DONE, Ledger
from raycluster.sweeps.results import best_row, line, write_results
from raycluster.sweeps.search import METRIC
from raycluster.training.trainer import TrainingRun

QUIET_S = 300.0  # after so long a word is said, so that nobody thinks that nothing happens


class ProgressCallback(Callback):
    """Hears of every trial that ends, notes what the trial could not note itself, and tells of it.

    Parameters
    ----------
    ledger : Ledger
    run : TrainingRun
    objective : str
    scheduler : {"none", "asha", "pbt"}
        With none, nobody stops a trial but the time budget.
    deadline : float or None
        By time.monotonic: what ends after it was stopped by the time budget, and is continued another time.
    say : callable
    """

    def __init__(
        self, ledger: Ledger, run: TrainingRun, objective: str, scheduler: str, deadline: float | None, say: Say
    ) -> None:
        self._ledger, self._run, self._objective, self._scheduler = ledger, run, objective, scheduler
        self._deadline, self._say = deadline, say
        self._began = self._last = time.monotonic()

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tell of a trial that has come to its end, or was stopped by the scheduler."""
        number = int(str(trial))
        if self._ledger.state(number) not in DONE:
            if self._scheduler == "none" or (self._deadline is not None and time.monotonic() >= self._deadline):
                return
            last = trial.last_result or {}
            self._ledger.write_outcome(
                number,
                {
                    "state": "stopped",
                    "objective": last.get(METRIC),
                    "epochs": last.get("epochs"),
                    "seconds": round(last.get("time_total_s", 0.0), 2),
                },
            )
        self._tell(number)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tell of a trial that has failed for good."""
        number = int(str(trial))
        if self._ledger.outcome(number) is None:
            self._ledger.write_outcome(number, {"state": "failed", "error": _sentence(trial)})
        self._tell(number)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Say something where nothing has been said for long."""
        if time.monotonic() - self._last > QUIET_S:
            self._last = time.monotonic()
            begun = sum(row["state"] == "begun" for row in self._ledger.rows())
            self._say(f"       {begun} trial(s) on their way, {duration(self._last - self._began)} so far")

    def _tell(self, number: int) -> None:
        rows = self._ledger.rows()
        best = best_row(rows)
        self._last = time.monotonic()
        note = "  best so far" if best and best["trial"] == number else ""
        self._say(line(rows[number], list(rows[number]["settings"]), note))
        write_results(self._ledger, self._run, self._objective)


def _sentence(trial: Any) -> str:
    """Return why a trial failed that could not note it itself: on a machine without the folder, or dead."""
    story = (trial.get_error() or "").splitlines()
    return next((line for line in reversed(story) if "UserError: " in line), "its process died twice")
