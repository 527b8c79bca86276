"""How fast images are embedded, which stage takes the most time, and when it will be done."""

from __future__ import annotations

import time
from collections import Counter

from raycluster.data.image.contrast import MOST_NAMED
from raycluster.embedding.stream import STAGES, Done
from raycluster.runtime.units import time_left


class Throughput:
    """Counts shards as they are done.

    Parameters
    ----------
    n : int
        How many rows there are in all.
    before : int
        How many of them were done by an earlier run of the command.
    workers : int
        How many there are. The first shard of each does not count toward the speed: its start was not measured.

    Attributes
    ----------
    rows, rejected : int
        How many rows this process has embedded, and rejected.
    blank : int
        In how many embedded images nothing, or hardly anything, can be seen.
    seconds : Counter
        Seconds of work by stage, over all workers and tasks.
    """

    def __init__(self, n: int, before: int, workers: int) -> None:
        self._n, self._before, self._to_come = n, before, workers
        self.rows = self.rejected = self.blank = 0
        self.seconds: Counter[str] = Counter(dict.fromkeys(STAGES, 0.0))
        self._blank_paths: dict[int, list[str]] = {}
        self._first: tuple[float, int] | None = None
        self._last = time.perf_counter()

    def add(self, done: Done) -> None:
        """Count a shard."""
        self.rows, self.rejected = self.rows + done.rows, self.rejected + done.rejected
        self.blank += done.blank
        self._blank_paths[done.shard] = done.blank_paths
        self.seconds.update(done.seconds)
        self._last = time.perf_counter()
        self._to_come -= 1
        if self._to_come == 0:
            self._first = self._last, self.rows + self.rejected

    @property
    def blank_paths(self) -> list[str]:
        """Return the paths of the first nearly blank images, whatever the order in which shards were done."""
        found = [path for shard in sorted(self._blank_paths) for path in self._blank_paths[shard]]
        return found[:MOST_NAMED]

    @property
    def rate(self) -> float | None:
        """Images per second since every worker may have finished its first shard; None before that."""
        if self._first is None or self._last == self._first[0]:
            return None
        return (self.rows + self.rejected - self._first[1]) / (self._last - self._first[0])

    def describe(self) -> str:
        """Say how many images are done, how fast, and what takes the time."""
        done = self._before + self.rows + self.rejected
        parts = [f"{done:,}/{self._n:,} images"]
        parts += [f"{self.rate:,.0f} images/s"] if self.rate else []
        parts += [self.slowest()] if sum(self.seconds.values()) else []
        parts += [time_left((self._n - done) / self.rate)] if self.rate and done < self._n else []
        return "  ".join(parts)

    def slowest(self) -> str:
        """Say which stage takes the largest share of the work."""
        stage = max(STAGES, key=self.seconds.__getitem__)
        return f"{stage} takes {self.seconds[stage] / sum(self.seconds.values()):.0%} of the work"
