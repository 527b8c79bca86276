"""The progress of a sweep: a line for each trial that ends, and a live line that counts trials."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from ray.tune import Callback

from raycluster.runtime.console import Console
from raycluster.runtime.units import count
from raycluster.sweeps.ledger import DONE, Ledger
from raycluster.sweeps.objective import BY_TRIALS
from raycluster.sweeps.pooling import pool_scores
from raycluster.sweeps.results import best_row, line, write_results
from raycluster.sweeps.search import METRIC
from raycluster.training.trainer import TrainingRun


class ProgressCallback(Callback):
    """Follows the trials of Ray Tune, records what a trial could not record itself, and shows how far the sweep is.

    Parameters
    ----------
    ledger : Ledger
    run : TrainingRun
    objective : str
    scheduler : {"none", "asha", "pbt"}
        With "none", only the time budget stops trials.
    trials : int
        How many there are to be in all.
    deadline : float or None
        By ``time.monotonic``. A trial that ends later was stopped by the time budget, and is continued another time.

    Notes
    -----
    Ray Tune calls this in its own thread, and pickles it: it keeps the lines for the console until :meth:`show`.
    """

    def __init__(
        self,
        ledger: Ledger,
        run: TrainingRun,
        objective: str,
        scheduler: str,
        trials: int,
        deadline: float | None,
    ) -> None:
        self._ledger, self._run, self._objective, self._scheduler = ledger, run, objective, scheduler
        self._trials, self._deadline = trials, deadline
        self._lines: deque[str] = deque()
        self._rows = ledger.rows()
        self._failed: set[int] = set()
        self._running = 0

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Report a trial that has finished, or that the scheduler has stopped."""
        number = int(str(trial))
        if self._ledger.state(number) not in DONE:
            if self._scheduler == "none" or (self._deadline is not None and time.monotonic() >= self._deadline):
                return
            last = trial.last_result or {}
            self._ledger.write_outcome(
                number,
                {
                    "state": "stopped",
                    "objective": None if self._objective in BY_TRIALS else last.get(METRIC),
                    "epochs": last.get("epochs"),
                    "seconds": round(last.get("time_total_s", 0.0), 2),
                },
            )
        self._report(number)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Report a trial that has failed for good."""
        number = int(str(trial))
        if self._ledger.outcome(number) is None:
            self._ledger.write_outcome(number, {"state": "failed", "error": _sentence(trial)})
        self._failed.add(number)
        self._report(number)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Count the trials that are running."""
        self._running = sum(trial.status == "RUNNING" for trial in trials)

    def show(self, console: Console) -> None:
        """Show the trials that have ended since the last call, and how far the sweep is."""
        while self._lines:
            console.say(self._lines.popleft())
        console.progress("running trials", self.describe())

    def describe(self) -> str:
        """Say how many trials are done, running and left, and which is the best so far."""
        done = len(self._failed) + sum(row["state"] in DONE for row in self._rows[: self._trials])
        left = max(0, self._trials - done - self._running)
        parts = [f"{done} of {count(self._trials, 'trial')} done"]
        parts += [f"{self._running} running"] if self._running else []
        parts += [f"{left} left"] if left else []
        best = best_row(self._rows)
        parts += [f"best {self._objective} {best['objective']:.4f} (trial {best['trial']})"] if best else []
        return "  ".join(parts)

    def _report(self, number: int) -> None:
        pool_scores(self._ledger, self._objective)
        self._rows = self._ledger.rows()
        best = best_row(self._rows)
        note = "  best so far" if best and best["trial"] == number else ""
        row = self._rows[number]
        self._lines.append(line(row, list(row["settings"]), note))
        write_results(self._ledger, self._run, self._objective)


def _sentence(trial: Any) -> str:
    """Return why a trial failed that could not record it: on a machine without the folder, or because it died."""
    story = (trial.get_error() or "").splitlines()
    return next((line for line in reversed(story) if "UserError: " in line), "its process died twice")
