"""What a method sees of the world: its data, its device, the other workers and the driver.

A method is a plain function ``train(settings, context)``. On a cluster the context is
:class:`raycluster.training.worker.RayContext`; :class:`LocalContext` runs the same method in one ordinary process,
for tests, for debugging, and on machines without Ray.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from raycluster.data.feed import Feed
from raycluster.training.checkpoint import load_latest, save_checkpoint

DriverFunction = Callable[..., dict[str, np.ndarray]]


class Context(Protocol):
    """The face that every method is written against.

    Attributes
    ----------
    feed : Feed
        This worker's view of the images.
    rank, world_size : int
        This worker's number, and how many there are.
    device : torch.device
    seed : int
    labels : ndarray of int64, shape (n,), or None
        Known classes, for reporting only; -1 where unknown. No method may let them touch the training.
    """

    feed: Feed
    rank: int
    world_size: int
    device: torch.device
    seed: int
    labels: np.ndarray | None

    def wrap(self, model: nn.Module, sync_batchnorm: bool = True) -> nn.Module:
        """Return the model made ready to be trained by all workers together; BatchNorm sees all or only its own."""

    def all_gather(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the workers' tensors [m, ...] of one shape, concatenated by rank [world_size * m, ...].

        The gradient flows back to each worker's own part, so that a loss computed by everyone on the whole batch,
        with a model from :meth:`wrap`, gives the gradient of one worker with the whole batch.
        """

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Return the mixed-precision region for forward passes on this device."""

    def run_on_driver(
        self, step: int, function: DriverFunction, ids: np.ndarray, features: np.ndarray, **kwargs: Any
    ) -> dict[str, np.ndarray]:
        """Gather feature rows from all workers by id and return ``function(features, **kwargs)`` to every one.

        A collective call. ``ids`` (int64 [m]) and ``features`` (float32 [m, d]) are this worker's share; over all
        workers every row 0..n-1 must be there exactly once. ``step`` numbers the calls of a run: a step that was
        completed before (the run was killed and continued) is answered from the saved state.
        """

    def report(self, row: dict[str, Any]) -> None:
        """Record one line of metrics (rank 0 writes; the others' calls do nothing)."""

    def save(self, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        """Write a checkpoint (rank 0 writes): named tensors and a JSON-able state."""

    def restore(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Return the newest checkpoint of this run, or None at the very start."""


@dataclass(frozen=True)
class Outcome:
    """What a method hands back when it has finished.

    Attributes
    ----------
    model : Module
        The trained network, unwrapped, in evaluation mode.
    architecture : dict
        JSON-able: what is needed to build the network again and to prepare its input.
    clusterings : dict of str to ndarray of int32, shape (n,)
        Every clustering to be reported, by name.
    reported : str
        The name of the clustering that goes into ``assignments.parquet``.
    confidence : ndarray of float32, shape (n,)
    ids : ndarray of int64, shape (m,)
        The rows whose embeddings this worker computed.
    embeddings : ndarray of float32, shape (m, d)
    merges : dict of str to ndarray, or None
        ``left`` and ``right`` int32, ``affinity`` float64, ``size`` int32, each of shape (n - 1,).
    """

    model: nn.Module
    architecture: dict[str, Any]
    clusterings: dict[str, np.ndarray]
    reported: str
    confidence: np.ndarray
    ids: np.ndarray
    embeddings: np.ndarray
    merges: dict[str, np.ndarray] | None = None


@dataclass
class LocalContext:
    """One process, no Ray; checkpoints go to ``folder`` if one is given."""

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
        """Return bfloat16 autocast where the device computes in it natively."""
        return mixed_precision(self.device)

    def run_on_driver(
        self, step: int, function: DriverFunction, ids: np.ndarray, features: np.ndarray, **kwargs: Any
    ) -> dict[str, np.ndarray]:
        """Run the function here and now."""
        return function(gather_rows([(ids, features)], self.feed.n), **kwargs)

    def report(self, row: dict[str, Any]) -> None:
        """Keep the row, and hand it on if somebody listens."""
        self.rows.append(row)
        if self.on_report:
            self.on_report(row)

    def save(self, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        """Write a checkpoint if there is a folder for it."""
        if self.folder:
            save_checkpoint(self.folder, tensors, state)

    def restore(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Return the newest checkpoint in the folder."""
        return load_latest(self.folder) if self.folder else None


def mixed_precision(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Return bfloat16 autocast where the hardware multiplies in bfloat16, else a region that changes nothing."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, dtype=torch.bfloat16) if native else contextlib.nullcontext()


def hash_seed(*numbers: int) -> int:
    """Mix numbers, each -1 or more, into one 63-bit seed."""
    return int(np.random.SeedSequence([number + 1 for number in numbers]).generate_state(1, np.uint64)[0] >> 1)


def gather_rows(parts: list[tuple[np.ndarray, np.ndarray]], n: int) -> np.ndarray:
    """Put rows from several workers in the order of their ids, and check that each is there exactly once.

    Parameters
    ----------
    parts : list of (ids int64 [m], features float32 [m, d])
    n : int
        How many rows there must be.

    Returns
    -------
    features : ndarray of float32, shape (n, d)

    Raises
    ------
    ValueError
        If a row is missing or comes twice.
    """
    seen = np.bincount(np.concatenate([ids for ids, _ in parts]), minlength=n)
    if len(seen) != n or not (seen == 1).all():
        raise ValueError(f"{(seen == 0).sum()} of {n} rows are missing and {(seen > 1).sum()} came more than once")
    features = np.empty((n, parts[0][1].shape[1]), np.float32)
    for ids, part in parts:
        features[ids] = part
    return features
