"""How an export goes: images a second, which stage takes the most time, when it will be done."""

from __future__ import annotations

import time
from collections import Counter

from raycluster.embedding.stream import STAGES, Done
from raycluster.runtime.clock import duration

EVERY_S = 5.0


class Throughput:
    """Counts shards as they are done.

    Parameters
    ----------
    n : int
        How many rows there are in all.
    before : int
        How many of them were done earlier.
    workers : int
        Their first shards, which they began before anything could be counted, do not count for the speed.

    Attributes
    ----------
    rows, aside : int
        What this sitting has embedded, and set aside.
    seconds : Counter
        Seconds of work by stage, over all workers and tasks.
    """

    def __init__(self, n: int, before: int, workers: int) -> None:
        self._n, self._before, self._to_come = n, before, workers
        self.rows = self.aside = 0
        self.seconds: Counter[str] = Counter(dict.fromkeys(STAGES, 0.0))
        self._first: tuple[float, int] | None = None
        self._last = self._told = time.perf_counter()

    def add(self, done: Done) -> None:
        """Count a shard."""
        self.rows, self.aside = self.rows + done.rows, self.aside + done.aside
        self.seconds.update(done.seconds)
        self._last = time.perf_counter()
        self._to_come -= 1
        if self._to_come == 0:
            self._first = self._last, self.rows + self.aside

    @property
    def rate(self) -> float | None:
        """Images a second since every worker can have had its first shard done; None before."""
        if self._first is None or self._last == self._first[0]:
            return None
        return (self.rows + self.aside - self._first[1]) / (self._last - self._first[0])

    def line(self) -> str | None:
        """Return how far it is, if something was done and five seconds have passed since this was last told."""
        now = time.perf_counter()
        if now - self._told < EVERY_S or not self.rows + self.aside:
            return None
        self._told = now
        return self.describe()

    def describe(self) -> str:
        """Say how far it is."""
        done = self._before + self.rows + self.aside
        parts = [f"{done:,}/{self._n:,} images"]
        parts += [f"{self.rate:,.0f} images/s"] if self.rate else []
        parts += [self.slowest()] if sum(self.seconds.values()) else []
        parts += [f"about {duration((self._n - done) / self.rate)} left"] if self.rate and done < self._n else []
        return "  ".join(parts)

    def slowest(self) -> str:
        """Say which stage takes most of the work, and its share."""
        stage = max(STAGES, key=self.seconds.__getitem__)
        return f"{stage} takes {self.seconds[stage] / sum(self.seconds.values()):.0%} of the work"
