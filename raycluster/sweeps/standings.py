"""How the trials in training stand, for schedulers: by what they say of each other, or by known classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from raycluster.options import Scheduler
from raycluster.sweeps.objective import BY_TRIALS
from raycluster.sweeps.pooling import Opinion, opinion_of, pooled_scores
from raycluster.sweeps.sample import load_sample, sample_path

REDUCTION = 3  # of the trials that reach a rung, one in three goes on


def is_rung(epochs: int, interval: int) -> bool:
    """Return whether trials are compared after so many epochs by successive halving: 1, 3, 9, ... intervals."""
    rung = interval
    while rung < epochs:
        rung *= REDUCTION
    return rung == epochs


def comparison_folder(sweep: Path, scheduler: Scheduler, interval: int, epochs: int) -> Path | None:
    """Return where a trial leaves its sample after so many epochs, or None if it is not compared then.

    Successive halving compares trials of the same age, and population-based training the present ones.
    """
    running = sweep / "running"
    if scheduler == "pbt":
        return running / "latest" if epochs % interval == 0 else None
    return running / f"{epochs:06d}" if is_rung(epochs, interval) else None


class Standings:
    """The scores of trials that are compared with each other; they change with every trial that comes.

    Parameters
    ----------
    objective : str
        If it is pooled, trials are compared by their samples.
    folder : Path
        Where trials leave them, by number; those of an interrupted sweep count, too.
    """

    def __init__(self, objective: str, folder: Path) -> None:
        self._objective, self._folder = objective, folder
        self._own: dict[int, float] = {}
        self._opinions: dict[tuple[int, int], Opinion] = {}
        for path in sorted(folder.glob("*.npz")) if objective in BY_TRIALS else ():
            self._compare(int(path.stem))

    def update(self, number: int, score: float | None) -> dict[int, float]:
        """Take in that a trial has reported, and return the scores of all trials so far, by number.

        Parameters
        ----------
        number : int
        score : float or None
            By labels, or that of a network that has diverged; None if it has left a sample.
        """
        self._own.pop(number, None)
        if score is None:
            self._compare(number)
        else:
            self._forget(number)
            self._own[number] = score
        return self._own | self._pooled()

    def _forget(self, number: int) -> None:
        self._opinions = {pair: opinion for pair, opinion in self._opinions.items() if number not in pair}

    def _compare(self, number: int) -> None:
        self._forget(number)
        new = load_sample(sample_path(self._folder, number))
        for other in {first for first, _ in self._opinions}:
            old = load_sample(sample_path(self._folder, other))
            self._opinions[number, other] = opinion_of(new, old)
            self._opinions[other, number] = opinion_of(old, new)
        self._opinions[number, number] = opinion_of(new, new)

    def _pooled(self) -> dict[int, float]:
        numbers = sorted({first for first, _ in self._opinions})
        if not numbers:
            return {}
        table = np.array([[self._opinions[one, other] for other in numbers] for one in numbers])
        scores = pooled_scores(table[:, :, 0], table[:, :, 1])[self._objective]
        return dict(zip(numbers, scores.tolist(), strict=True))
