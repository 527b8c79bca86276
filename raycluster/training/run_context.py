"""What the contexts of all runs have in common: checkpoints and metrics in a run folder."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from raycluster.data.feed import Feed
from raycluster.nn.precision import mixed_precision
from raycluster.runtime.checkpoint import load_latest, put_damaged_aside, save_checkpoint
from raycluster.runtime.kept_tensor import kept_tensor
from raycluster.runtime.metrics_log import MetricsLog
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.stand_in import deliver
from raycluster.training.cluster_grid import draw_grid, examples_of


class RunContext:
    """The part of :class:`raycluster.methods.base.Context` that needs no other worker and no driver.

    Parameters
    ----------
    feed : Feed
    run_dir : RunDir
    device : torch.device
    seed : int
    labels : ndarray of int64, shape (n,), or None
    rank, world_size : int

    Attributes
    ----------
    lines_before : int
        The rows of metrics that led to the checkpoint that this start continues from; 0 without one.
    """

    def __init__(
        self,
        feed: Feed,
        run_dir: RunDir,
        device: torch.device,
        seed: int = 0,
        labels: np.ndarray | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.feed, self.device, self.seed, self.labels = feed, device, seed, labels
        self.rank, self.world_size = rank, world_size
        self._path, self._folder, self._kept = run_dir.path, run_dir.checkpoints / "training", run_dir.kept
        # One worker renames. The others skip what is damaged, whether or not it has been renamed by then.
        damaged = put_damaged_aside(self._folder) if rank == 0 else []
        self._saved = load_latest(self._folder)
        if damaged and self._saved is None:
            damaged.append("No checkpoint is intact: the training starts anew.")
        before: dict[str, Any] = self._saved[1] if self._saved else {"lines": 0, "seconds": 0.0}
        self.lines_before: int = before["lines"]
        self._began, self._seconds_before = time.perf_counter(), before["seconds"]
        self._metrics = MetricsLog(run_dir.metrics, run_dir.tensorboard, before["lines"]) if rank == 0 else None
        self.report(
            {
                "kind": "start",
                "continued": self._saved is not None,
                "seconds": before["seconds"],
                "workers": world_size,
                "device": str(self.device),
                "threads": torch.get_num_threads(),
                **({"warnings": damaged} if damaged else {}),
            }
        )

    @property
    def seconds(self) -> float:
        """Seconds since this start."""
        return time.perf_counter() - self._began

    @property
    def seconds_in_all(self) -> float:
        """Seconds of training, including those that led to the checkpoint that this start continues from."""
        return self._seconds_before + self.seconds

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Return bfloat16 autocast if the device supports it natively."""
        return mixed_precision(self.device)

    def keep(self, name: str, compute: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return a tensor that an earlier start of this run has computed, or compute it now."""
        return kept_tensor(self._kept / f"{name}-{self.rank}-of-{self.world_size}.safetensors", compute)

    def report(self, row: dict[str, Any], clusters: np.ndarray | None = None) -> None:
        """Write a row to ``metrics.jsonl`` and to TensorBoard, and to this also images of the largest clusters."""
        if self._metrics:
            examples = [] if clusters is None else examples_of(clusters)
            picture = draw_grid([self.feed.pick(rows) for rows in examples]) if examples else None
            self._metrics.append(row, picture)

    def save(self, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        """Write a checkpoint."""
        if self._metrics:
            own = {"method": state, "lines": self._metrics.lines, "seconds": self.seconds_in_all}
            save_checkpoint(self._folder, tensors, own)
            deliver(self._path)

    def restore(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Return the newest checkpoint."""
        return (dict(self._saved[0]), self._saved[1]["method"]) if self._saved else None

    def close(self) -> None:
        """Close the metrics files, in case the process outlives the run."""
        if self._metrics:
            self._metrics.close()
