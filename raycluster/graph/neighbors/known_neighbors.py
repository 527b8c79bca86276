"""A sample of rows whose nearest rows are known, by which an approximate search is judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from raycluster.graph.neighbors.distances import squared_distances
from raycluster.graph.neighbors.flat import QUERIES
from raycluster.graph.neighbors.parallel import in_threads
from raycluster.graph.neighbors.scan import Nearest, squared_lengths

SAMPLE = 500  # rows
PART = 64  # of these, one thread answers for so many at a time


@dataclass(frozen=True)
class KnownNeighbors:
    """How far the nearest rows of a sample reach.

    Attributes
    ----------
    features : ndarray of float32, shape (n, d)
    k : int
    rows : ndarray of int, shape (m,)
        The sample.
    farthest : ndarray of float32, shape (m,)
        The squared distance within which a row has k rows, itself among them.
    """

    features: np.ndarray
    k: int
    rows: np.ndarray
    farthest: np.ndarray

    @property
    def queries(self) -> np.ndarray:
        """The features of the sample, float32 [m, d]."""
        return self.features[self.rows]

    def recall(self, found: np.ndarray) -> float:
        """Return the share of the nearest other rows that are found with the sample, int [m, any]; -1 stands for none.

        Of rows at the same distance, any will do.
        """
        near = squared_distances(self.queries, self.features, found) <= self.farthest[:, None]
        return float((np.minimum(near.sum(axis=1), self.k) - 1).mean() / max(self.k - 1, 1))


def know_neighbors(features: np.ndarray, mean: np.ndarray, k: int, rng: np.random.Generator) -> KnownNeighbors:
    """Draw a sample, and compare it with all rows."""
    rows = np.sort(rng.choice(len(features), min(SAMPLE, len(features)), replace=False))
    nearest = nearest_of_all(features[rows] - mean, features, k, mean)
    return KnownNeighbors(features, k, rows, squared_distances(features[rows], features, nearest).max(axis=1))


def nearest_of_all(queries: np.ndarray, rows: np.ndarray, k: int, mean: np.ndarray | float = 0.0) -> np.ndarray:
    """Return the k rows that, minus the mean, are nearest to every query, in no particular order: int32 [m, k]."""
    parts = [Nearest(queries[i : i + PART], k) for i in range(0, len(queries), PART)]
    for first in range(0, len(rows), QUERIES):
        _compare(parts, rows[first : first + QUERIES] - mean, first)
    return np.concatenate([part.ids for part in parts])


def _compare(parts: list[Nearest], rows: np.ndarray, first: int) -> None:
    norms = squared_lengths(rows)
    in_threads(lambda i: parts[i].compare(rows, norms, first), range(len(parts)))
