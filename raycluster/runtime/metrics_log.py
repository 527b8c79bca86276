"""``metrics.jsonl``, a JSON object per line, and TensorBoard: written by the training, followed by the console."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from raycluster.runtime.files import atomic_write, plain

CLUSTERS = "largest_clusters"  # a tag that no number has: TensorBoard keeps one kind of data for each


class MetricsLog:
    """Writes ``metrics.jsonl`` and the TensorBoard files. A run has one, on worker 0.

    Parameters
    ----------
    path, tensorboard : Path
    keep : int
        How many lines written before belong to the checkpoint that the run continues from. Later ones are removed:
        what they describe is computed again.
    """

    def __init__(self, path: Path, tensorboard: Path, keep: int = 0) -> None:
        from torch.utils.tensorboard import SummaryWriter

        kept = path.read_text().splitlines(keepends=True)[:keep] if path.exists() else []
        with atomic_write(path) as partial:
            partial.write_text("".join(kept))
        self.lines = len(kept)
        self._file = open(path, "a")  # noqa: SIM115
        self._tensorboard = SummaryWriter(str(tensorboard), purge_step=self.lines)

    def append(self, row: dict[str, Any], clusters: np.ndarray | None = None) -> None:
        """Write a row. Its line number is its step in TensorBoard, also for a picture of clusters, uint8 [H, W, 3]."""
        self._file.write(json.dumps(plain(row), ensure_ascii=False) + "\n")
        self._file.flush()
        for name, number in _numbers(row):
            self._tensorboard.add_scalar(name, number, self.lines)
        if clusters is not None:
            self._tensorboard.add_image(CLUSTERS, clusters, self.lines, dataformats="HWC")
        self._tensorboard.flush()
        self.lines += 1

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        self._tensorboard.close()


class MetricsFollower:
    """Reads a growing ``metrics.jsonl``, and returns each row once, even if the file is cut back in between."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: list[str] = []
        self._version: tuple[int, int, int] | None = None

    def new_rows(self) -> list[dict[str, Any]]:
        """Return the rows that are new since the last call."""
        try:
            info = os.stat(self._path)
            version = info.st_ino, info.st_size, info.st_mtime_ns
            if version == self._version:
                return []
            lines = [line for line in self._path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        except FileNotFoundError:
            return []
        self._version = version
        same = next(
            (i for i, (old, new) in enumerate(zip(self._seen, lines, strict=False)) if old != new),
            min(len(self._seen), len(lines)),
        )
        self._seen = lines
        return [json.loads(line) for line in lines[same:]]


def _numbers(row: dict[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in row.items():
        if isinstance(value, dict):
            found += _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((f"{prefix}{name}", value))
    return found
