"""The context of a method in one ordinary process: for tests, for debugging, and on machines without Ray."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from raycluster.data.feed import Feed
from raycluster.methods.base import Answer
from raycluster.nn.precision import mixed_precision
from raycluster.runtime.checkpoint import load_latest, save_checkpoint
from raycluster.runtime.kept_tensor import kept_tensor
from raycluster.training.gather import gather_rows


@dataclass
class LocalContext:
    """One process, no Ray; checkpoints are kept only if a ``folder`` is given."""

    feed: Feed
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    seed: int = 0
    labels: np.ndarray | None = None
    folder: Path | None = None
    on_report: Callable[[dict[str, Any]], None] | None = None
    rank: int = 0
    world_size: int = 1
    rows: list[dict[str, Any]] = field(default_factory=list)

    def wrap(self, model: nn.Module, sync_batchnorm: bool = True) -> nn.Module:
        """Return the model on the device."""
        return model.to(self.device)

    def all_gather(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the tensor: it is the whole batch."""
        return tensor

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Return bfloat16 autocast if the device supports it natively."""
        return mixed_precision(self.device)

    def run_on_driver(
        self, step: int, function: Callable[..., Answer], ids: np.ndarray, features: np.ndarray, **kwargs: Any
    ) -> Answer:
        """Run the function here and now."""
        return function(gather_rows([(ids, features)], self.feed.n), **kwargs)

    def keep(self, name: str, compute: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return a tensor that is kept in the folder, if there is one, or compute it now."""
        return kept_tensor(self.folder / "kept" / f"{name}.safetensors", compute) if self.folder else compute()

    def report(self, row: dict[str, Any], clusters: np.ndarray | None = None) -> None:
        """Keep the row, and pass it on to ``on_report``."""
        self.rows.append(row)
        if self.on_report:
            self.on_report(row)

    def save(self, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        """Write a checkpoint, if there is a folder for it."""
        if self.folder:
            save_checkpoint(self.folder, tensors, state)

    def restore(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Return the newest checkpoint in the folder."""
        return load_latest(self.folder) if self.folder else None
