"""Batches of images for training and evaluation, with one interface wherever the images are kept."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch

FeedName = Literal["resident", "streaming"]


class Batch(NamedTuple):
    """Images, uint8 [B, C, H, W], and their row numbers in the image set, int64 [B], both on the device."""

    images: torch.Tensor
    ids: torch.Tensor


class Feed(Protocol):
    """One worker's view of an image set: ``n`` images of one ``shape`` (channels, height, width)."""

    n: int
    shape: tuple[int, int, int]

    def steps(self, batch_size: int) -> int:
        """Return the number of training batches in an epoch, the same on every worker."""

    def train_batches(self, batch_size: int, epoch: int, groups: np.ndarray | None = None) -> Iterator[Batch]:
        """Yield this worker's part of each of the ``steps(batch_size)`` shuffled batches.

        ``batch_size`` is the size of the whole batch, over all workers. The order depends only on the seed and the
        epoch. With ``groups`` (int [n]), images of the same group appear together in batches.
        """

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        """Yield this worker's share in order; over all workers, every image appears exactly once."""

    def pick(self, rows: np.ndarray) -> np.ndarray:
        """Return a few images, uint8 [m, C, H, W], by their row numbers, int64 [m], whichever worker's they are."""


class ResidentFeed:
    """All images in memory, on the training device: an epoch only indexes them, and no image is copied to it.

    Parameters
    ----------
    images : ndarray or Tensor of uint8, shape (n, C, H, W)
    device : torch.device
    rank, world_size : int
    seed : int
    """

    def __init__(
        self,
        images: np.ndarray | torch.Tensor,
        device: torch.device | str = "cpu",
        rank: int = 0,
        world_size: int = 1,
        seed: int = 0,
    ) -> None:
        with warnings.catch_warnings():
            # Images from the object store are read-only, and nothing here writes to them.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            self.images = torch.as_tensor(images).to(device)
        self.n = len(self.images)
        channels, height, width = self.images.shape[1:]
        self.shape = (channels, height, width)
        self._rank, self._world_size, self._seed = rank, world_size, seed

    def steps(self, batch_size: int) -> int:
        """Return the number of training batches in an epoch."""
        return training_steps(self.n, batch_size, self._world_size)

    def train_batches(self, batch_size: int, epoch: int, groups: np.ndarray | None = None) -> Iterator[Batch]:
        """Yield this worker's part of every batch of the epoch."""
        order = shuffled_order(np.arange(self.n), [self._seed, epoch], groups)
        local = local_batch_size(self.n, batch_size, self._world_size)
        steps = self.steps(batch_size)
        mine = order[: steps * local * self._world_size].reshape(steps, self._world_size, local)[:, self._rank]
        for ids in torch.from_numpy(np.ascontiguousarray(mine)).to(self.images.device):
            yield Batch(self.images[ids], ids)

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        """Yield this worker's contiguous share."""
        start, stop = share(self.n, self._rank, self._world_size)
        for ids in torch.arange(start, stop, device=self.images.device).split(batch_size):
            yield Batch(self.images[ids], ids)

    def pick(self, rows: np.ndarray) -> np.ndarray:
        """Return a few images."""
        return self.images[torch.from_numpy(rows).to(self.images.device)].cpu().numpy()


def choose_feed(n_bytes: int, budget: float, requested: FeedName | Literal["auto"] = "auto") -> tuple[FeedName, str]:
    """Choose how training gets its images: from memory if all of them fit, otherwise as a stream.

    Parameters
    ----------
    n_bytes : int
        The size of all images as uint8.
    budget : float
        How many bytes of memory they may take.
    requested : {"auto", "resident", "streaming"}

    Returns
    -------
    name : {"resident", "streaming"}
    sentence : str
        The choice and its reason, for the user.
    """
    name: FeedName = requested if requested != "auto" else "resident" if n_bytes <= budget else "streaming"
    how = {"resident": "kept in memory", "streaming": "streamed from their source in every epoch"}[name]
    size = f"{n_bytes / 1e6:,.1f} MB"
    why = "as requested" if requested != "auto" else f"{size} of images, up to {budget / 1e6:,.1f} MB fit"
    return name, f"The images are {how} ({why})."


def share(n: int, rank: int, world_size: int) -> tuple[int, int]:
    """Return ``(start, stop)`` of a worker's contiguous share of n rows; shares differ by at most one row."""
    return rank * n // world_size, (rank + 1) * n // world_size


def local_batch_size(n: int, batch_size: int, world_size: int) -> int:
    """Return how many images of each batch one worker gets: at least one, and no more than its share of all images."""
    return max(1, min(-(-batch_size // world_size), n // world_size))


def training_steps(n: int, batch_size: int, world_size: int) -> int:
    """Return the number of full batches in an epoch of n images."""
    return max(1, n // (local_batch_size(n, batch_size, world_size) * world_size))


def shuffled_order(
    rows: np.ndarray, seed: list[int], groups: np.ndarray | None = None, run_length: int = 5
) -> np.ndarray:
    """Return the rows in random order; with groups, as short runs of one group each, in random order.

    Early in JULE there are thousands of tiny clusters, and random batches contain few pairs from the same cluster.
    Runs of up to ``run_length`` images of one group keep pairs together and still mix many groups in a batch.

    Parameters
    ----------
    rows : ndarray of int64, shape (m,)
    seed : list of int
    groups : ndarray of int, shape (n,), optional
        The group of every row of the image set.
    run_length : int

    Returns
    -------
    order : ndarray of int64, shape (m,)
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(rows)
    if groups is None:
        return order
    by_group = order[np.argsort(groups[order], kind="stable")]
    _, first, size = np.unique(groups[by_group], return_index=True, return_counts=True)
    position = np.arange(len(by_group)) - np.repeat(first, size)
    starts_run = position % run_length == 0
    run = np.cumsum(starts_run) - 1
    return by_group[np.argsort(rng.permutation(starts_run.sum())[run], kind="stable")]
