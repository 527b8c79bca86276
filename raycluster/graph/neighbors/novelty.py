"""New rows compared with known ones: which known rows are nearest, and whether the new row resembles any of them."""

from __future__ import annotations

import numpy as np

from raycluster.graph.neighbors.nearest import NeighborIndex

# Of the distances among known rows, the one that new rows are measured by; larger ones belong to outliers.
QUANTILE = 0.99
SAMPLE = 2000


class KnownRows:
    """The rows of a clustering, ready for new rows to be compared with them.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, d)
        At least two.
    n_neighbors : int
        How many of the nearest known rows to return.
    n_queries : int
        Roughly how many new rows there will be; the search is exact unless there are very many.
    seed : int
        Draws the sample on which :attr:`reach` is measured if n is large.

    Attributes
    ----------
    index : NeighborIndex
    reach : float
        Of 100 known rows, 99 have another known row within this distance.
    """

    def __init__(self, rows: np.ndarray, n_neighbors: int, n_queries: int, seed: int = 0) -> None:
        sample = np.sort(np.random.default_rng(seed).permutation(len(rows))[:SAMPLE]).astype(np.int32)
        self.index = NeighborIndex(rows, n_neighbors, seed, n_queries=n_queries + len(sample))
        nearest = np.sqrt(self.index.of_rows(sample)[1][:, 0])
        # If nearly all rows have a duplicate, take the largest distance, which is from one that has none.
        self.reach = float(np.quantile(nearest, QUANTILE) or nearest.max())

    def compare(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the known rows that are nearest to new ones.

        Parameters
        ----------
        points : ndarray of float32, shape (m, d)

        Returns
        -------
        ids : ndarray of int32, shape (m, n_neighbors)
            Known rows, nearest first.
        novelty : ndarray of float32, shape (m,)
            The distance to the nearest known row, in units of :attr:`reach`. Of 100 known rows, each compared with the
            others, 99 are at most 1.
        """
        ids, squared = self.index.of(points)
        nearest = np.sqrt(squared[:, 0])
        if not self.reach:  # all known rows are identical
            return ids, np.where(nearest > 0, np.inf, 0).astype(np.float32)
        return ids, (nearest / self.reach).astype(np.float32)
