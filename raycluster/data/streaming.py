"""The feed for sets that do not fit in memory: Ray Data reads and decodes them in every pass while the model trains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat

import numpy as np
import ray
import torch

from raycluster.data.blocks import read_ranges
from raycluster.data.feed import Batch, local_batch_size, share, shuffled_order, training_steps
from raycluster.data.images import ImageSet
from raycluster.errors import UserError

WINDOW_BYTES = 2**28
FIRST_WINDOW_ROWS = 4096

Block = tuple[np.ndarray, np.ndarray]


class StreamingFeed:
    """A worker's view of an image set that stays on disk. Ray must be initialized where it is created and used.

    A set is a list of ranges: up to 1,000 images that are stored together in one file, or adjacent image files. An
    epoch shuffles that list and cuts it into equal shares of images, one per worker. Each worker streams its own
    share, decoded by Ray tasks in this order. Images are mixed within windows of many ranges. The first window is
    small, so that training starts soon, but spans several folders or files; each following one is twice as large, up
    to ``window_bytes``.

    Parameters
    ----------
    image_set : ImageSet
    device : torch.device
    rank, world_size : int
    seed : int
    window_bytes : int
        How much of the set a worker keeps in memory at a time.
    """

    def __init__(
        self,
        image_set: ImageSet,
        device: torch.device | str = "cpu",
        rank: int = 0,
        world_size: int = 1,
        seed: int = 0,
        window_bytes: int = WINDOW_BYTES,
    ) -> None:
        self.n, self._image_set = image_set.n, image_set
        self.shape, self._canvas = image_set.shape, image_set.canvas
        self._ranges = image_set.ranges(0, image_set.n)
        self._rows = ray.put(image_set.rows)
        self._device, self._rank, self._world_size, self._seed = torch.device(device), rank, world_size, seed
        self._window_rows = max(1, window_bytes // int(np.prod(self.shape)))

    def steps(self, batch_size: int) -> int:
        """Return the number of training batches in an epoch, the same on every worker."""
        return training_steps(self.n, batch_size, self._world_size)

    def train_batches(self, batch_size: int, epoch: int, groups: np.ndarray | None = None) -> Iterator[Batch]:
        """Yield this worker's part of every batch of the epoch.

        The order depends only on the seed, the epoch and the number of workers.
        """
        local = local_batch_size(self.n, batch_size, self._world_size)
        ranges = np.random.default_rng([self._seed, epoch]).permutation(self._ranges)
        start, _ = share(self.n, self._rank, self._world_size)
        mine = cut_ranges(ranges, start, start + self.steps(batch_size) * local)

        def mix(window: int, rows: np.ndarray) -> np.ndarray:
            seed = [self._seed, epoch, self._rank, window]
            return shuffled_order(np.arange(len(rows)), seed, None if groups is None else groups[rows])

        sizes = _doubling(FIRST_WINDOW_ROWS, self._window_rows)
        return self._batches(_windows(self._read(mine), sizes), local, mix)

    def eval_batches(self, batch_size: int) -> Iterator[Batch]:
        """Yield this worker's contiguous share in order; over all workers, every image appears exactly once."""
        mine = cut_ranges(self._ranges, *share(self.n, self._rank, self._world_size))
        windows = _windows(self._read(mine), repeat(batch_size))
        return self._batches(windows, batch_size, lambda window, rows: np.arange(len(rows)))

    def pick(self, rows: np.ndarray) -> np.ndarray:
        """Return a few images, read in this process."""
        images, chosen = np.empty((len(rows), *self.shape), np.uint8), self._image_set.rows.select(rows)
        for places, block, _ in read_ranges(chosen, self._canvas, chosen.ranges(0, len(rows))):
            images[places] = block
        return images

    def _read(self, ranges: np.ndarray) -> Iterator[Block]:
        blocks = read_ranges(self._rows, self._canvas, ranges, in_order=True, n_streams=self._world_size)
        for rows, images, reasons in blocks:
            if reasons:
                raise UserError(
                    f"{len(reasons)} images that were readable when the job began no longer are "
                    f"({next(iter(reasons.values()))}): do not change the data while the job runs, and run the same "
                    "command again."
                )
            yield rows, images

    def _batches(
        self, windows: Iterable[list[Block]], size: int, order: Callable[[int, np.ndarray], np.ndarray]
    ) -> Iterator[Batch]:
        """Cut windows into batches; the remainder of one goes into the next, and the last batch may be short."""
        rows, images = np.empty(0, np.int64), np.empty((0, *self.shape), np.uint8)
        for number, window in enumerate(windows):
            rows = np.concatenate([rows, *(block[0] for block in window)])
            images = np.concatenate([images, *(block[1] for block in window)])
            positions = order(number, rows)
            whole = len(rows) // size * size
            for chosen in positions[:whole].reshape(-1, size):
                yield self._batch(rows[chosen], images[chosen])
            rows, images = rows[positions[whole:]], images[positions[whole:]]
        if len(rows):
            yield self._batch(rows, images)

    def _batch(self, rows: np.ndarray, images: np.ndarray) -> Batch:
        return Batch(torch.from_numpy(images).to(self._device), torch.from_numpy(rows).to(self._device))


def cut_ranges(ranges: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Place ranges end to end and return the part from ``start`` to ``stop``, again as ranges.

    Parameters
    ----------
    ranges : ndarray of int64, shape (m, 2)
        The first row of each range, and the row after its last.
    start, stop : int

    Returns
    -------
    part : ndarray of int64, shape (k, 2)
    """
    length = ranges[:, 1] - ranges[:, 0]
    end = np.cumsum(length)
    first = ranges[:, 0] + np.clip(start - (end - length), 0, length)
    last = ranges[:, 1] - np.clip(end - stop, 0, length)
    return np.stack([first, last], axis=1)[first < last]


def _windows(blocks: Iterable[Block], sizes: Iterator[int]) -> Iterator[list[Block]]:
    """Collect blocks until each window has at least its size in rows; the last window has what is left."""
    window: list[Block] = []
    n_rows, size = 0, next(sizes)
    for block in blocks:
        window.append(block)
        n_rows += len(block[0])
        if n_rows >= size:
            yield window
            window, n_rows, size = [], 0, next(sizes)
    if window:
        yield window


def _doubling(size: int, most: int) -> Iterator[int]:
    while True:
        yield min(size, most)
        size *= 2
