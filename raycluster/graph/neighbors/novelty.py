"""New rows beside known ones: which of these are nearest, and whether the new ones are like any of them at all."""

from __future__ import annotations

import numpy as np

from raycluster.graph.neighbors.nearest import NeighborIndex

# The distances among known rows that a new row is measured by. The largest ones are outliers of the known rows.
QUANTILE = 0.99
SAMPLE = 2000


class KnownRows:
    """The rows of a clustering, for new rows to be compared with.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, d)
        At least two.
    n_neighbors : int
        How many of the nearest ones are looked at.
    n_queries : int
        About how many new rows there will be; the search is exact unless there are very many.
    seed : int
        Draws the sample that :attr:`reach` is measured on, where n is large.

    Attributes
    ----------
    index : NeighborIndex
    reach : float
        Of 100 known rows, 99 have another one within this distance.
    """

    def __init__(self, rows: np.ndarray, n_neighbors: int, n_queries: int, seed: int = 0) -> None:
        sample = np.sort(np.random.default_rng(seed).permutation(len(rows))[:SAMPLE]).astype(np.int32)
        self.index = NeighborIndex(rows, n_neighbors, seed, n_queries=n_queries + len(sample))
        nearest = np.sqrt(self.index.of_rows(sample)[1][:, 0])
        # Where nearly all rows are there twice, those that are not have to do.
        self.reach = float(np.quantile(nearest, QUANTILE) or nearest.max())

    def compare(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the known rows nearest to new ones.

        Parameters
        ----------
        points : ndarray of float32, shape (m, d)

        Returns
        -------
        ids : ndarray of int32, shape (m, n_neighbors)
            Known rows, nearest first.
        novelty : ndarray of float32, shape (m,)
            The distance to the nearest known row, in units of :attr:`reach`. Up to 1 for 99 of 100 known rows, each
            measured among the others.
        """
        ids, squared = self.index.of(points)
        nearest = np.sqrt(squared[:, 0])
        if not self.reach:  # all known rows are the same
            return ids, np.where(nearest > 0, np.inf, 0).astype(np.float32)
        return ids, (nearest / self.reach).astype(np.float32)
