"""How far a merging is, for the terminal."""

from __future__ import annotations

import time

from raycluster.runtime.units import duration

SOON_S = 5.0  # a merging that takes no longer says nothing about the time that is left


class MergeProgress:
    """The merges that are done, noted by the thread that merges, and described by another one."""

    def __init__(self) -> None:
        self._done = self._total = 0
        self._first = (0.0, 0)  # when the first merges were noted, before which the kernel may have been compiled

    def note(self, done: int, total: int) -> None:
        """Note how many merges are done, of how many."""
        if not self._done or done < self._done:
            self._first = time.monotonic(), done
        self._done, self._total = done, total

    def describe(self) -> str:
        """Return a line such as ``merging clusters: 40,960 of 202,763 merges, about 20 s left``; empty at first."""
        if not self._done:
            return ""
        line = f"merging clusters: {self._done:,} of {self._total:,} merges"
        began, before = self._first
        taken = time.monotonic() - began
        if taken < SOON_S or self._done == before:
            return line
        left = taken * (self._total - self._done) / (self._done - before)
        return f"{line}, about {duration(left)} left" if left >= 1 else line
