"""Batches as large as a device takes: by their bytes at first, and halved where its memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import torch

from raycluster.nn.network import Network

BYTES = {"cpu": 2**25, "cuda": 2**28}  # of prepared images as floats
MOST_ON_CPU = 250

T = TypeVar("T")


def in_batches(net: Network, images: np.ndarray, work: Callable[[torch.Tensor], T]) -> Iterator[tuple[slice, T]]:
    """Yield ``work(prepared images)`` for one batch of images after another, with the rows that are in it.

    Parameters
    ----------
    net : Network
        Prepares the images, on the device that it is on, and remembers how many fit.
    images : ndarray of uint8, shape (n, C, H, W)
    work : callable
        Takes prepared images, float [B, C, H, W] on the device. It is called again with fewer of them where memory
        runs out.

    Raises
    ------
    torch.OutOfMemoryError
        If not even a single image fits.
    """
    device = next(net.parameters()).device
    start = 0
    while start < len(images):
        rows = slice(start, min(start + (net.largest_batch or usual_batch(net, device.type)), len(images)))
        try:
            result = work(net.prepare(torch.tensor(images[rows], device=device)))
        except torch.OutOfMemoryError:
            tried = rows.stop - rows.start
            if tried == 1:
                raise
            net.largest_batch = tried // 2
        else:
            yield rows, result
            start = rows.stop
            continue
        torch.cuda.empty_cache()  # out here, where no traceback holds what did not fit


def usual_batch(net: Network, device: str) -> int:
    """Return how many images make a batch on a kind of device, as far as their own size tells."""
    most = max(1, BYTES[device] // (4 * int(np.prod(net.shape))))
    return min(MOST_ON_CPU, most) if device == "cpu" else most
