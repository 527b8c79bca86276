"""The ledger of a sweep: which trials are planned, with which settings, and how each of them ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from raycluster.runtime.files import write_json
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.stand_in import shown

State = Literal["finished", "stopped", "failed", "begun", "waiting"]
DONE = ("finished", "stopped")


class Ledger:
    """The files of a sweep in its folder; each is written atomically, so that a killed sweep knows where it was.

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
        """Return the settings of all planned trials, by number."""
        planned: list[dict[str, Any]] = json.loads(self._plan.read_text())["trials"] if self._plan.exists() else []
        return planned

    def write_plan(self, settings: list[dict[str, Any]]) -> None:
        """Write the settings of all planned trials."""
        write_json(self._plan, {"trials": settings})

    def outcome(self, number: int) -> dict[str, Any] | None:
        """Return how a trial ended, or None if it has not."""
        path = self._outcomes / f"{number:04d}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def write_outcome(self, number: int, outcome: dict[str, Any]) -> None:
        """Write how a trial ended: ``state``, ``scores``, ``objective``, ``clusters``, ``seconds``, ``error``."""
        self._outcomes.mkdir(parents=True, exist_ok=True)
        write_json(self._outcomes / f"{number:04d}.json", outcome)

    def outcomes(self) -> dict[int, dict[str, Any]]:
        """Return how the trials ended that have, by number."""
        found = {number: self.outcome(number) for number in range(len(self.plan()))}
        return {number: outcome for number, outcome in found.items() if outcome}

    def state(self, number: int) -> State:
        """Return how far a trial has come."""
        outcome = self.outcome(number)
        if outcome:
            state: State = outcome["state"]
            return state
        return "begun" if (self.trial_dir(number) / "config.json").exists() else "waiting"

    def present_settings(self, number: int) -> dict[str, Any]:
        """Return a trial's settings: those planned, unless population-based training has changed them since."""
        return self._present(number, self.plan()[number])

    def _present(self, number: int, planned: dict[str, Any]) -> dict[str, Any]:
        run_dir = RunDir(self.trial_dir(number))
        if not (run_dir.path / "config.json").exists():
            return planned
        now = run_dir.config()["identity"]
        return {name: now[name] for name in planned}

    def to_do(self, trials: int) -> list[int]:
        """Return the numbers of the planned trials that are not done; failed ones are tried again."""
        return [n for n in range(min(trials, len(self.plan()))) if self.state(n) not in DONE]

    def left(self, trials: int) -> int:
        """Return how many of ``trials`` trials remain, including those that are not planned yet."""
        return len(self.to_do(trials)) + max(0, trials - len(self.plan()))

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per planned trial, with its number, state, settings and folder, and how it ended."""
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
                    "clusters": outcome.get("clusters"),
                    "helped": outcome.get("helped"),
                    "predictability": outcome.get("predictability"),
                    "seconds": outcome.get("seconds"),
                    "error": outcome.get("error"),
                    "folder": shown(str(self.trial_dir(number))),
                }
            )
        return rows
