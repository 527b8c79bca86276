"""The progress of a training on the console, from the rows of metrics that worker 0 writes."""

from __future__ import annotations

import re
from typing import Any

from raycluster.runtime.console import Console
from raycluster.runtime.metric_lines import clustering_line, embedding_line, epoch_line, start_line


class TrainingProgress:
    """Shows rows of metrics: features and epochs in the live line, a clustering in a line that lasts, and new warnings.

    Parameters
    ----------
    console : Console

    Attributes
    ----------
    begun : bool
        Whether there has been a row.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._loss: float | None = None
        self._warned: dict[str, set[str]] = {}
        self.begun = False

    def show(self, row: dict[str, Any]) -> None:
        """Show a row."""
        self.begun = True
        kind = row["kind"]
        if kind == "start":
            self._console.say(start_line(row))
        elif kind == "embedding":
            self._console.progress("embedding", embedding_line(row))
        elif kind == "epoch":
            self._loss = row.get("loss")
            self._console.progress("training", epoch_line(row))
        else:
            self._console.say(clustering_line(row, self._loss))
            self._loss = None
        self._warn(kind, row.get("warnings", []))

    def _warn(self, kind: str, warnings: list[str]) -> None:
        """Warn of what the row of this kind before did not warn of, apart from its numbers."""
        without_numbers = {re.sub(r"[\d.]+", "", warning): warning for warning in warnings}
        for words, warning in without_numbers.items():
            if words not in self._warned.get(kind, ()):
                self._console.warn(warning)
        self._warned[kind] = set(without_numbers)
