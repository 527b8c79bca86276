"""What a method is: its settings, its training, its network, and the context that it trains in."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch import nn

from raycluster.data.feed import Feed
from raycluster.methods.description import Method as Method
from raycluster.nn.network import Network

Clusters = int | Literal["auto"]

# What a function on the driver answers: a dataclass of arrays and numbers, which a checkpoint can hold.
Answer = TypeVar("Answer")


class Context(Protocol):
    """What a method sees of the world: its data, its device, the other workers and the driver.

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
        self, step: int, function: Callable[..., Answer], ids: np.ndarray, features: np.ndarray, **kwargs: Any
    ) -> Answer:
        """Gather feature rows from all workers by id and return ``function(features, **kwargs)`` to every one.

        A collective call. ``ids`` (int64 [m]) and ``features`` (float32 [m, d]) are this worker's share; over all
        workers every row 0..n-1 must be there exactly once. The function is annotated with the dataclass of arrays
        that it returns. ``step`` numbers the calls of a run: a step that was completed before (the run was killed and
        continued) is answered from the saved state.
        """

    def report(self, row: dict[str, Any]) -> None:
        """Record one line of metrics (rank 0 writes; the others' calls do nothing)."""

    def save(self, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        """Write a checkpoint (rank 0 writes): named tensors and a JSON-able state."""

    def restore(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Return the newest checkpoint of this run, or None at the very start."""


class Prediction(NamedTuple):
    """What a trained network makes of a batch of images.

    Attributes
    ----------
    embeddings : Tensor of float32, shape (B, d)
    clusters : Tensor of int64, shape (B,), or None
        None, as confidence, where an image's cluster is that of the nearest image of the run.
    confidence : Tensor of float32, shape (B,), or None
    clustered : Tensor of float32, shape (B, m), or None
        The features that the clusters were found in, where these are not the embeddings.
    """

    embeddings: torch.Tensor
    clusters: torch.Tensor | None = None
    confidence: torch.Tensor | None = None
    clustered: torch.Tensor | None = None


class MethodNetwork(Network):
    """The network that a method trains.

    Attributes
    ----------
    assigns : bool
        Whether the network itself gives an image its cluster.
    n_clusters : int
        K, where it does.
    """

    assigns = False
    n_clusters: int

    @abstractmethod
    def architecture(self) -> dict[str, Any]:
        """Return what is needed to build this network again and to prepare its input, fit for JSON."""

    def predict(self, inputs: torch.Tensor) -> Prediction:
        """Return the embeddings of prepared images, and their clusters where the network assigns them."""
        return Prediction(list(self.layers(inputs).values())[-1])

    def calibrate(self, batches: Iterable[torch.Tensor]) -> None:
        """Measure on random batches of prepared images what evaluation mode needs and training does not keep up."""


@dataclass(frozen=True)
class Outcome:
    """What a method hands back when it has finished.

    Attributes
    ----------
    model : MethodNetwork
        The trained network, unwrapped, in evaluation mode.
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

    model: MethodNetwork
    clusterings: dict[str, np.ndarray]
    reported: str
    confidence: np.ndarray
    ids: np.ndarray
    embeddings: np.ndarray
    merges: dict[str, np.ndarray] | None = None
