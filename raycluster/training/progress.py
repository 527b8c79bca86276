"""Metrics as they come: a JSON object a line, TensorBoard, and sentences on the terminal."""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from raycluster.training.run_dir import plain, written_whole

Say = Callable[[str], None]

# Without the flush, nothing is seen of a run whose output goes to a file until it ends.
say_at_once = functools.partial(print, flush=True)


class MetricsLog:
    """The writer of ``metrics.jsonl`` and of the TensorBoard files; there is one in a run, on worker 0.

    Parameters
    ----------
    path, tensorboard : Path
    keep : int
        How many lines of an earlier sitting belong to the checkpoint that the run continues from. Later ones are cut
        off: what they tell of is computed again.
    """

    def __init__(self, path: Path, tensorboard: Path, keep: int = 0) -> None:
        from torch.utils.tensorboard import SummaryWriter

        kept = path.read_text().splitlines(keepends=True)[:keep] if path.exists() else []
        with written_whole(path) as partial:
            partial.write_text("".join(kept))
        self.lines = len(kept)
        self._file = open(path, "a")  # noqa: SIM115
        self._tensorboard = SummaryWriter(str(tensorboard), purge_step=self.lines)

    def append(self, row: dict[str, Any]) -> None:
        """Write a row; its place in the file is the step that TensorBoard shows it at."""
        self._file.write(json.dumps(plain(row), ensure_ascii=False) + "\n")
        self._file.flush()
        for name, number in _numbers(row):
            self._tensorboard.add_scalar(name, number, self.lines)
        self._tensorboard.flush()
        self.lines += 1

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        self._tensorboard.close()


class Follower:
    """Reads a growing ``metrics.jsonl`` and hands on each row once, also when the file is cut back and goes on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: list[str] = []
        self._version: tuple[int, int, int] | None = None

    def new_rows(self) -> list[dict[str, Any]]:
        """Return the rows that were not there at the last call."""
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


def describe(row: dict[str, Any]) -> str:
    """Say a row of metrics in one line, with a line more for each warning."""
    writers: dict[str, Callable[[dict[str, Any]], list[str]]] = {"epoch": _epoch, "period": _period, "start": _start}
    parts = writers.get(row.get("kind", ""), _other)(row)
    return "\n".join(["  ".join(parts), *(f"  warning: {warning}" for warning in row.get("warnings", []))])


def duration(seconds: float) -> str:
    """Return seconds as people say them: ``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _epoch(row: dict[str, Any]) -> list[str]:
    epochs = f"/{row['epochs']}" if "epochs" in row else ""
    period = f"period {row['period'] + 1}, " if "period" in row else ""
    parts = [f"{period}epoch {row.get('epoch', 0)}{epochs}"]
    parts += [f"loss {row['loss']:.4f}"] if row.get("loss") is not None else []
    parts += [f"{row['images_per_second']:,.0f} images/s"] if row.get("images_per_second") else []
    parts += [f"{row['clusters']:,} clusters"] if "clusters" in row else []
    parts += [f"ACC {row['quality']['acc']:.3f}"] if "quality" in row else []
    return parts + ([f"about {duration(row['eta'])} left"] if row.get("eta") else [])


def _period(row: dict[str, Any]) -> list[str]:
    clustering = f" ({row['clustering']})" if "clustering" in row else ""
    period = f"period {row['period']} " if "period" in row else ""
    parts = [f"{period}done{clustering}", f"{row['clusters']:,} clusters"]
    parts += [f"or {', '.join(map(str, row['alternatives']))}"] if row.get("alternatives") else []
    parts += [f"{row['neighbor_recall']:.1%} of the neighbours found"] if row.get("neighbor_recall", 1) < 1 else []
    parts += [
        f"{title} {row['quality'][name]:.3f}" for name, title in (("nmi", "NMI"), ("acc", "ACC")) if row.get("quality")
    ]
    parts += [
        f"{title} {duration(row[name])}"
        for name, title in (("graph_seconds", "graph"), ("merge_seconds", "merging"))
        if name in row
    ]
    return parts + ([f"about {duration(row['eta'])} left"] if row.get("eta") else [])


def _start(row: dict[str, Any]) -> list[str]:
    where = f"{row['workers']} worker(s) on {row['device']}, {row['threads']} thread(s) each"
    if not row["continued"]:
        return [f"training began: {where}"]
    return [f"training goes on from the checkpoint of {duration(row['seconds'])} into the run: {where}"]


def _other(row: dict[str, Any]) -> list[str]:
    return [f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in _numbers(row)]


def _numbers(row: dict[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in row.items():
        if isinstance(value, dict):
            found += _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((f"{prefix}{name}", value))
    return found
