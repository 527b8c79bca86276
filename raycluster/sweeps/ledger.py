"""The books of a sweep: which trials there are to be, with which settings, and what became of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from raycluster.runtime.files import write_json
from raycluster.runtime.run_dir import RunDir

State = Literal["finished", "stopped", "failed", "begun", "waiting"]
DONE = ("finished", "stopped")


class Ledger:
    """The files of a sweep in its folder; every one is written whole, so that a killed sweep knows where it stood.

    Parameters
    ----------
    path : path-like
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.run_dir = RunDir(path)
        self._outcomes = self.path / "outcomes"
        self._plan = self.path / "plan.json"

    def trial_dir(self, number: int) -> Path:
        """Return the run folder of a trial."""
        return self.path / "trials" / f"{number:04d}"

    def plan(self) -> list[dict[str, Any]]:
        """Return the settings of all trials that are planned, by number."""
        planned: list[dict[str, Any]] = json.loads(self._plan.read_text())["trials"] if self._plan.exists() else []
        return planned

    def write_plan(self, settings: list[dict[str, Any]]) -> None:
        """Write the settings of all trials that are planned."""
        write_json(self._plan, {"trials": settings})

    def outcome(self, number: int) -> dict[str, Any] | None:
        """Return what became of a trial, if it has come to an end."""
        path = self._outcomes / f"{number:04d}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def write_outcome(self, number: int, outcome: dict[str, Any]) -> None:
        """Write what became of a trial: ``state``, ``scores``, ``objective``, ``seconds``, ``error``."""
        self._outcomes.mkdir(parents=True, exist_ok=True)
        write_json(self._outcomes / f"{number:04d}.json", outcome)

    def state(self, number: int) -> State:
        """Tell how far a trial has come."""
        outcome = self.outcome(number)
        if outcome:
            state: State = outcome["state"]
            return state
        return "begun" if (self.trial_dir(number) / "config.json").exists() else "waiting"

    def present_settings(self, number: int) -> dict[str, Any]:
        """Return a trial's settings: those planned, as far as population-based training has not changed them since."""
        return self._present(number, self.plan()[number])

    def _present(self, number: int, planned: dict[str, Any]) -> dict[str, Any]:
        run_dir = RunDir(self.trial_dir(number))
        if not (run_dir.path / "config.json").exists():
            return planned
        now = run_dir.config()["identity"]
        return {name: now[name] for name in planned}

    def to_do(self, trials: int) -> list[int]:
        """Return the numbers of planned trials that have not been done; those that failed are tried again."""
        return [n for n in range(min(trials, len(self.plan()))) if self.state(n) not in DONE]

    def left(self, trials: int) -> int:
        """Return how many of so many trials are still to be done, those that are not planned yet among them."""
        return len(self.to_do(trials)) + max(0, trials - len(self.plan()))

    def rows(self) -> list[dict[str, Any]]:
        """Return one row a planned trial: number, state, settings, objective, scores, seconds, error, folder."""
        rows = []
        for number, planned in enumerate(self.plan()):
            outcome = self.outcome(number) or {}
            rows.append(
                {
                    "trial": number,
                    "state": self.state(number),
                    "settings": self._present(number, planned),
                    "objective": outcome.get("objective"),
                    "epochs": outcome.get("epochs"),
                    "scores": outcome.get("scores", {}),
                    "seconds": outcome.get("seconds"),
                    "error": outcome.get("error"),
                    "folder": str(self.trial_dir(number)),
                }
            )
        return rows
