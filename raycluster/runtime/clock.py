"""Where the seconds of a run go, stage by stage."""

from __future__ import annotations

import time
from typing import Any


class Clock:
    """Seconds spent in each stage of a run.

    Parameters
    ----------
    began : float
        When the first stage began, by ``time.perf_counter``.
    first : str
        The stage that ends now.

    Attributes
    ----------
    stages : dict of str to float
    """

    def __init__(self, began: float, first: str) -> None:
        self._last = time.perf_counter()
        self.stages = {first: self._last - began}

    def lap(self, stage: str) -> None:
        """Credit the time since the last lap to a stage."""
        now = time.perf_counter()
        self.stages[stage] = self.stages.get(stage, 0.0) + now - self._last
        self._last = now

    def figures(self) -> dict[str, Any]:
        """Return ``seconds`` in all and ``stages``, as summaries have them."""
        stages = {stage: round(seconds, 2) for stage, seconds in self.stages.items()}
        return {"seconds": round(sum(self.stages.values()), 2), "stages": stages}
