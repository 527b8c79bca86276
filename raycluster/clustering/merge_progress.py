"""How far a merging is, for the terminal."""

from __future__ import annotations

import time

from raycluster.runtime.units import duration

SOON_S = 5.0  # a merging that takes no longer says nothing about the time that is left


class MergeProgress:
    """The merges that are done, noted by the thread that merges, and described by another one."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._done = self._total = 0

    def note(self, done: int, total: int) -> None:
        """Note how many merges are done, of how many."""
        self._done, self._total = done, total

    def describe(self) -> str:
        """Return a line such as ``merging clusters: 40,960 of 202,763 merges, about 20 s left``; empty at first."""
        if not self._done:
            return ""
        line = f"merging clusters: {self._done:,} of {self._total:,} merges"
        taken = time.monotonic() - self._began
        left = taken * (self._total - self._done) / self._done
        return f"{line}, about {duration(left)} left" if taken > SOON_S and left >= 1 else line
