"""What a method is: its settings, its training, its network, and the context that it trains in.

Importing this imports no torch, so that the command line can list methods and settings at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

    from raycluster.data.canvas import Canvas, ImageSize
    from raycluster.data.feed import Feed
    from raycluster.methods.network import MethodNetwork

Clusters = int | Literal["auto"]

# What a function on the driver answers: a dataclass of arrays and numbers, which a checkpoint can hold.
Answer = TypeVar("Answer")


class Context(Protocol):
    """A method's view of its surroundings: the data, the device, the other workers and the driver.

    Attributes
    ----------
    feed : Feed
        This worker's view of the images.
    rank, world_size : int
        This worker's number, and how many there are.
    device : torch.device
    seed : int
    labels : ndarray of int64, shape (n,), or None
        Known classes, for reporting only, -1 where unknown. No method may use them in training.
    """

    feed: Feed
    rank: int
    world_size: int
    device: torch.device
    seed: int
    labels: np.ndarray | None

    def wrap(self, model: nn.Module, sync_batchnorm: bool = True) -> nn.Module:
        """Return the model, ready to be trained by all workers; BatchNorm sees the images of all or of its worker."""

    def all_gather(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the workers' tensors [m, ...] of one shape, concatenated by rank [world_size * m, ...].

        Gradients flow back to each worker's own part. If every worker computes the loss of the whole batch, with a
        model from :meth:`wrap`, the gradient is that of a single worker with the whole batch.
        """

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Return the mixed-precision region for forward passes on this device."""

    def run_on_driver(
        self, step: int, function: Callable[..., Answer], ids: np.ndarray, features: np.ndarray, **kwargs: Any
    ) -> Answer:
        """Gather feature rows from all workers by id, and return ``function(features, **kwargs)`` to each of them.

        A collective call. ``ids`` (int64 [m]) and ``features`` (float32 [m, d]) are this worker's share; across all
        workers, every row 0..n-1 must come exactly once. The function is annotated with the dataclass that it returns.
        ``step`` numbers the calls of a run: a step that was completed before the run was killed and continued is
        answered from disk.
        """

    def keep(self, name: str, compute: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return a tensor, on the CPU, that this worker computes once in a run, even if the run is killed later."""

    def report(self, row: dict[str, Any], clusters: np.ndarray | None = None) -> None:
        """Record one line of metrics, and show the clusters of all images, int32 [n], if given; only rank 0 writes."""

    def save(self, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        """Write a checkpoint of named tensors and a JSON-able state; only rank 0 writes."""

    def restore(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Return the newest checkpoint of this run, or None if there is none yet."""


@dataclass(frozen=True)
class Outcome:
    """What a method returns when it has finished.

    Attributes
    ----------
    model : MethodNetwork
        The trained network, unwrapped, in evaluation mode.
    clusterings : dict of str to ndarray of int32, shape (n,)
        Every clustering to be reported, by name.
    reported : str
        The name of the clustering that goes into ``assignments.parquet``.
    ids : ndarray of int64, shape (m,)
        The rows whose embeddings this worker computed.
    embeddings : ndarray of float32, shape (m, d)
    outliers : ndarray of bool, shape (n,), or None
        Rows of small clusters that joined another one (:func:`raycluster.graph.small_clusters.partition_of`).
    merges : dict of str to ndarray, or None
        ``left`` and ``right`` int32, ``affinity`` float64, ``size`` int32, each of shape (n - 1,).
    """

    model: MethodNetwork
    clusterings: dict[str, np.ndarray]
    reported: str
    ids: np.ndarray
    embeddings: np.ndarray
    outliers: np.ndarray | None = None
    merges: dict[str, np.ndarray] | None = None


@dataclass(frozen=True)
class Method:
    """A method: everything that the rest of the project knows about it.

    Attributes
    ----------
    name : str
        As on the command line.
    summary : str
        One line of help.
    settings : type
        The dataclass of its settings.
    presets : dict of str to settings
        Complete settings by name; ``default`` is one of them.
    search_space : tuple of str
        What a sweep tries by default, in the form that ``raycluster sweep --space`` takes.
    train : callable
        ``train(settings, n_clusters, context) -> Outcome``.
    architectures : tuple of str
        The ``name`` in ``model.json`` of the networks that it trains.
    build_network : callable
        Takes an architecture, and returns the :class:`MethodNetwork`, without its weights.
    epochs_between_checks : callable
        Takes settings, and returns how many epochs a scheduler waits between two checks of a trial.
    square_sizes : tuple of int, optional
        The sides of the square images that the network takes; by default it takes any size.
    finds_k : bool
        Whether it can choose the number of clusters.
    recluster : callable, optional
        ``recluster(network, pixels, settings, seed)`` clusters other images uint8 [n, C, H, W], ``frozen`` as in the
        run, or ``refitted``: ``{name of the clustering: {"frozen" or "refitted": int [n]}}``.
    canvas : callable, optional
        ``canvas(settings, image_size, value_range)`` returns what all images are brought to, where the settings decide
        it, or None where the images do.
    pixel_clustering : callable, optional
        Returns the driver function that clusters raw pixels. That one takes their ``neighbors`` if they are known, so
        that the trials of a sweep need not search for them again.
    """

    name: str
    summary: str
    settings: type[Any]
    presets: dict[str, Any]
    search_space: tuple[str, ...]
    train: Callable[[Any, Any, Context], Outcome]
    architectures: tuple[str, ...]
    build_network: Callable[[Mapping[str, Any]], MethodNetwork]
    epochs_between_checks: Callable[[Any], int]
    square_sizes: tuple[int, ...] | None = None
    finds_k: bool = False
    recluster: Callable[[Any, np.ndarray, Any, int], dict[str, dict[str, np.ndarray]]] | None = None
    pixel_clustering: Callable[[], Callable[..., Any]] | None = None
    canvas: Callable[[Any, ImageSize | None, tuple[float, float] | None], Canvas | None] | None = None
