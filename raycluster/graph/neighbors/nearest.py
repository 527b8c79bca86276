"""The k-nearest-neighbour graph by FAISS: on every GPU there is, else on all CPU threads; exact unless it is large."""

from __future__ import annotations

from typing import NamedTuple

import faiss
import numpy as np

from raycluster.errors import UserError
from raycluster.graph.neighbors.distances import squared_distances
from raycluster.graph.neighbors.faiss_index import Search, build_flat, build_lists, can_be_exact

# FAISS multiplies matrices in blocks of so many queries. Whoever searches rows from a multiple of it on computes with
# the same blocks as a search of all rows, so that the last bit of all distances is the same.
ALIGNMENT = 4096
QUERIES = 16 * ALIGNMENT  # rows that are held twice at a time
GPU_MAX_K = 2048


def default_n_neighbors(n: int) -> int:
    """Return K_s for n rows: 1.2 n^(1/3), but at least 10 and at most 100.

    It does not depend on the number of clusters, so that one tree serves them all; benchmarks/auto_k.txt compares it
    with other rules.
    """
    return int(np.clip(round(1.2 * n ** (1 / 3)), 10, 100))


def nearest_neighbors(features: np.ndarray, n_neighbors: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest other rows of every row.

    Whether the search is exact is for :class:`NeighborIndex` to say: ``index = NeighborIndex(features, n_neighbors)``,
    ``index.search``, and then ``index.rows()`` for what this function returns.

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
    n_neighbors : int
        K_s. Clipped to n - 1, the number of other rows.
    seed : int
        Of the approximate search.

    Returns
    -------
    ids : ndarray of int32, shape (n, n_neighbors)
        Neighbours, nearest first, equal distances by row number. A row is never its own neighbour, also not among
        exact duplicates of it.
    sq_distances : ndarray of float32, shape (n, n_neighbors)
        Squared Euclidean distances (:func:`raycluster.graph.neighbors.distances.squared_distances`).

    Raises
    ------
    UserError
        When ``features`` is not a matrix with at least one row, or holds NaN, infinity or numbers whose squares are.
    """
    return NeighborIndex(features, n_neighbors, seed).rows()


class Neighbors(NamedTuple):
    """What :func:`find_neighbors` has found: ids int32 [n, k], sq_distances float32 [n, k], and the search's recall."""

    ids: np.ndarray
    sq_distances: np.ndarray
    recall: float


def find_neighbors(features: np.ndarray, n_neighbors: int) -> Neighbors:
    """Find neighbours as :func:`nearest_neighbors` does, and tell which share of the true ones was found."""
    index = NeighborIndex(features, n_neighbors)
    return Neighbors(*index.rows(), index.search.recall)


class NeighborIndex:
    """Rows, prepared for the search of neighbours among them; can be pickled, to search elsewhere.

    Parameters
    ----------
    features, n_neighbors, seed
        As for :func:`nearest_neighbors`.
    n_gpus : int, optional
        How many GPUs will search; it decides up to which size the search is exact. All of this machine if not given.
    n_queries : int, optional
        For how many rows neighbours will be searched, which decides it too. All of ``features`` if not given.

    Attributes
    ----------
    search : Search
        What was chosen, exact or approximate, and with which recall.
    n_neighbors : int
    """

    def __init__(
        self,
        features: np.ndarray,
        n_neighbors: int,
        seed: int = 0,
        n_gpus: int | None = None,
        n_queries: int | None = None,
    ) -> None:
        features = np.ascontiguousarray(features, dtype=np.float32)
        if features.ndim != 2 or 0 in features.shape:
            raise UserError(f"features must be a matrix with at least one row and one column, not {features.shape}.")
        if n_neighbors < 1:
            raise UserError(f"n_neighbors={n_neighbors}: choose at least 1.")
        _check_numbers(features)
        n, d = features.shape
        self.n_neighbors = min(n_neighbors, n - 1)
        self.search = Search()
        self._features, self._mean = features, features.mean(axis=0, dtype=np.float64).astype(np.float32)
        self._lists: faiss.Index | None = None
        if not can_be_exact(n, d, faiss.get_num_gpus() if n_gpus is None else n_gpus, n_queries):
            self._lists, self.search = build_lists(features, self._mean, self.n_neighbors + 1, seed)

    def rows(self, start: int = 0, stop: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return ids int32 and squared distances float32, [stop - start, n_neighbors], of the neighbours of some rows.

        For any ``start`` that is a multiple of ALIGNMENT they are those of a search of all rows, bit for bit.
        """
        queries = self._features[start:stop]
        return self._others(queries, np.arange(start, start + len(queries), dtype=np.int32))

    def of_rows(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ids int32 and squared distances float32, [m, n_neighbors], of the neighbours of rows int [m]."""
        return self._others(self._features[rows], rows)

    def of(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ids int32 and squared distances float32, [m, k], of the rows nearest to new points (float32 [m, d]).

        k is ``n_neighbors``, and 1 if there is but one row.
        """
        points = np.ascontiguousarray(points, dtype=np.float32)
        d = self._features.shape[1]
        if points.ndim != 2 or points.shape[1] != d or len(points) == 0:
            raise UserError(f"The points must be a matrix with at least one row and {d} columns, not {points.shape}.")
        _check_numbers(points)
        return self._sorted(points, self._find(points, max(self.n_neighbors, 1)))

    def _others(self, queries: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.n_neighbors == 0:
            return np.empty((len(queries), 0), np.int32), np.empty((len(queries), 0), np.float32)
        return self._sorted(queries, _without_self(self._find(queries, self.n_neighbors + 1), rows))

    def _find(self, queries: np.ndarray, k: int) -> np.ndarray:
        """Return the k nearest rows, itself among them if it is a row, int32 [m, k]."""
        on_host = build_flat(self._features, self._mean) if self._lists is None else self._lists
        index = _on_gpus(on_host) if k <= GPU_MAX_K else on_host
        found = np.empty((len(queries), k), np.int32)
        for i in range(0, len(queries), QUERIES):
            found[i : i + QUERIES] = index.search(queries[i : i + QUERIES] - self._mean, k)[1]
        short = np.flatnonzero((found < 0).any(axis=1))
        if len(short):  # fewer than k rows in the lists that were searched: search all lists
            everywhere = faiss.SearchParametersIVF()
            everywhere.nprobe = self.search.n_lists
            found[short] = on_host.search(queries[short] - self._mean, k, params=everywhere)[1]
        return found

    def _sorted(self, queries: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        distances = squared_distances(queries, self._features, ids)
        order = np.lexsort((ids, distances), axis=1)
        return np.take_along_axis(ids, order, axis=1), np.take_along_axis(distances, order, axis=1)


def _check_numbers(features: np.ndarray) -> None:
    bad_rows = int((~np.isfinite(features).all(axis=1)).sum())
    if bad_rows:
        raise UserError(
            f"{bad_rows} of {len(features)} feature rows hold NaN or infinity: leave them out or repair them."
        )
    # No squared distance is above 4·d·largest².
    largest = max(float(features.max()), -float(features.min()))
    if 4 * features.shape[1] * largest**2 > float(np.finfo(np.float32).max):
        raise UserError("The features are so large that their distances overflow: scale them down.")


def _on_gpus(index: faiss.Index) -> faiss.Index:
    if faiss.get_num_gpus() == 0:
        return index
    options = faiss.GpuMultipleClonerOptions()
    options.shard = False  # every GPU holds all rows and answers a part of the queries
    return faiss.index_cpu_to_all_gpus(index, options)


def _without_self(found: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Drop the row itself from its k + 1 hits, or the last hit where duplicates have crowded the row itself out."""
    is_self = found == rows[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    return found[~is_self].reshape(len(found), -1)
