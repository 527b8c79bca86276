"""Exact search on GPUs, with everything that follows it: exact distances, and the order of the neighbors."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch

from raycluster.graph.neighbors.flat import ALIGNMENT

PRODUCT_BYTES = 2**31  # of the products of some queries with all rows
DIFFERENCE_BYTES = 2**28  # of the differences between some queries and the rows found for them
SPARE = 8  # rows found beyond those wanted, because products are rounded more coarsely than differences


def gpus() -> list[torch.device]:
    """Return all GPUs of this machine."""
    return [torch.device("cuda", i) for i in range(torch.cuda.device_count())]


def nearest_on(
    devices: Sequence[torch.device],
    features: np.ndarray,
    mean: np.ndarray,
    queries: np.ndarray,
    k: int,
    rows: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k rows nearest to every query, nearest first, equal distances by row number.

    Parameters
    ----------
    devices : sequence of torch.device
        Each holds all rows, and answers every so many blocks of queries.
    features : ndarray of float32, shape (n, d)
    mean : ndarray of float32, shape (d,)
        Of the rows; far from the origin, products lose small differences to rounding.
    queries : ndarray of float32, shape (m, d)
    k : int
        At most n; at most n - 1 with ``rows``.
    rows : ndarray of int32, shape (m,), optional
        Which rows the queries are; none is then its own neighbor.

    Returns
    -------
    ids : ndarray of int32, shape (m, k)
    sq_distances : ndarray of float32, shape (m, k)
        As :func:`raycluster.graph.neighbors.distances.squared_distances` computes them, up to the order of the sum.
    """
    everywhere = [_Rows(features, mean, device) for device in devices]
    size = _block_size(len(features))
    answers = []
    for number, start in enumerate(range(0, len(queries), size)):
        part = slice(start, start + size)
        own = None if rows is None else rows[part]
        answers.append(everywhere[number % len(devices)].nearest(queries[part], k, own))
    ids, distances = (torch.cat([each.cpu() for each in parts]).numpy() for parts in zip(*answers, strict=True))
    return ids, distances


def _block_size(n: int) -> int:
    """Return how many queries are compared with n rows at a time: a power of two, so that blocks stay aligned."""
    return min(ALIGNMENT, max(1, 2 ** ((PRODUCT_BYTES // (4 * n)).bit_length() - 1)))


class _Rows:
    """All rows on one device."""

    def __init__(self, features: np.ndarray, mean: np.ndarray, device: torch.device) -> None:
        self._features, self._mean = _copied(features, device), _copied(mean, device)
        self._centered = self._features - self._mean
        self._lengths = self._centered.square().sum(dim=1)

    def nearest(self, queries: np.ndarray, k: int, rows: np.ndarray | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ids int32 and squared distances float32, [m, k], on the device; nothing here waits for it."""
        points = _copied(queries, self._features.device)
        found = self._candidates(points, min(k + 1 + SPARE, len(self._features)))
        distances = self._distances(points, found)
        if rows is not None:
            itself = _copied(rows, points.device)[:, None]
            distances = torch.where(found == itself, torch.inf, distances)
        # As integers, floats that are not negative have the same order.
        keys = (distances.view(torch.int32).long() << 32) | found
        keys = keys.sort(dim=1).values[:, :k]
        return (keys & 0xFFFFFFFF).int(), (keys >> 32).int().view(torch.float32)

    def _candidates(self, points: torch.Tensor, k: int) -> torch.Tensor:
        """Return the k rows whose distances by products are smallest, int64 [m, k], in no particular order."""
        scores = torch.addmm(self._lengths, points - self._mean, self._centered.T, alpha=-2)
        return scores.topk(k, dim=1, largest=False, sorted=False).indices

    def _distances(self, points: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
        """Return squared distances from differences, float32 [m, k]."""
        at_a_time = max(1, DIFFERENCE_BYTES // (4 * found.shape[1] * points.shape[1]))
        parts = zip(points.split(at_a_time), found.split(at_a_time), strict=True)
        return torch.cat([(self._features[ids] - some[:, None]).square().sum(dim=2) for some, ids in parts])


def _copied(array: np.ndarray, device: torch.device) -> torch.Tensor:
    with warnings.catch_warnings():
        # Arrays from the object store are read-only, and nothing here writes to them.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array).to(device)
