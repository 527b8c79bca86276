"""Seconds a stage, and how people say them."""

from __future__ import annotations

import time

import numpy as np


class Clock:
    """Seconds a stage."""

    def __init__(self, began: float, first: str) -> None:
        self._last = time.perf_counter()
        self.stages = {first: self._last - began}

    def lap(self, stage: str) -> None:
        """Give the time since the last lap to a stage."""
        now = time.perf_counter()
        self.stages[stage] = self.stages.get(stage, 0.0) + now - self._last
        self._last = now


def duration(seconds: float) -> str:
    """Return seconds as people say them: ``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def size(n_bytes: float) -> str:
    """Return bytes as people say them: ``784 B``, ``33.6 MB``, ``4.3 GB``."""
    power = 0 if n_bytes < 1000 else min(4, int(np.log10(n_bytes) // 3))
    return f"{n_bytes / 1000**power:.{1 if power else 0}f} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"
