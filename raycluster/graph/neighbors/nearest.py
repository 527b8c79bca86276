"""The k-nearest-neighbor graph: exact, by FAISS, unless it is large; on all GPUs or, without one, all CPU threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import faiss
import numpy as np

from raycluster.errors import UserError
from raycluster.graph.neighbors.distances import squared_distances
from raycluster.graph.neighbors.flat import ALIGNMENT, search_flat
from raycluster.graph.neighbors.lists import Lists, build_lists
from raycluster.graph.neighbors.parallel import in_threads
from raycluster.graph.neighbors.search import Search, can_be_exact


def default_n_neighbors(n: int) -> int:
    """Return K_s for n rows: 1.2 n^(1/3), but at least 10 and at most 100.

    It does not depend on the number of clusters, so that one tree serves for any number; benchmarks/auto_k.txt compares
    it with other rules.
    """
    return int(np.clip(round(1.2 * n ** (1 / 3)), 10, 100))


def neighbors_remark(n_neighbors: int | None, n: int) -> str | None:
    """Return a sentence if each of n rows has fewer others than the K_s that was asked for; None for the default."""
    if n_neighbors is None or n_neighbors < n:
        return None
    return (
        f"n_neighbors={n_neighbors}, but each of the {n} rows has only {n - 1} others: all of them are its neighbors, "
        "so that only distances tell clusters apart; choose fewer"
    )


def nearest_neighbors(features: np.ndarray, n_neighbors: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest other rows of every row.

    To know whether the search is exact, use ``index = NeighborIndex(features, n_neighbors)`` and ``index.search``;
    ``index.rows()`` returns what this function returns.

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
    n_neighbors : int
        K_s. At most n - 1, the number of other rows, are found.
    seed : int
        Seed of the approximate search.

    Returns
    -------
    ids : ndarray of int32, shape (n, n_neighbors)
        Neighbors, nearest first, equal distances by row number. A row is never its own neighbor, even among exact
        duplicates of itself.
    sq_distances : ndarray of float32, shape (n, n_neighbors)
        Squared Euclidean distances (:func:`raycluster.graph.neighbors.distances.squared_distances`).

    Raises
    ------
    UserError
        If ``features`` is not a matrix with at least one row and one column, or has NaN, infinity, or numbers so large
        that distances overflow; or if ``n_neighbors`` is below 1.
    """
    return NeighborIndex(features, n_neighbors, seed).rows()


class Neighbors(NamedTuple):
    """What :func:`find_neighbors` returns: ids int32 and sq_distances float32, [n, k], and the recall of the search."""

    ids: np.ndarray
    sq_distances: np.ndarray
    recall: float


def find_neighbors(features: np.ndarray, n_neighbors: int) -> Neighbors:
    """Find neighbors as :func:`nearest_neighbors` does, and report which share of the true neighbors was found."""
    index = NeighborIndex(features, n_neighbors)
    return Neighbors(*index.rows(), index.search.recall)


class NeighborIndex:
    """Rows, ready for searching neighbors among them; can be pickled, to search in another process.

    Parameters
    ----------
    features, n_neighbors, seed
        As for :func:`nearest_neighbors`.
    n_gpus : int, optional
        How many GPUs will search, which decides up to what size the search is exact. By default, all of this machine.
    n_queries : int, optional
        For how many rows neighbors will be searched, which decides it as well. By default, all rows of ``features``.

    Attributes
    ----------
    search : Search
        Whether the search is exact or approximate, and its recall.
    n_neighbors : int
        At most n - 1.
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
            raise UserError(
                f"features must be a matrix with at least one row and one column; they have shape {features.shape}."
            )
        if n_neighbors < 1:
            raise UserError(f"n_neighbors={n_neighbors}: choose at least 1.")
        _check_numbers(features)
        n, d = features.shape
        self.n_neighbors = min(n_neighbors, n - 1)
        self.search = Search()
        self._features, self._mean = features, features.mean(axis=0, dtype=np.float64).astype(np.float32)
        self._lists: Lists | None = None
        if not can_be_exact(n, d, faiss.get_num_gpus() if n_gpus is None else n_gpus, n_queries):
            self._lists, self.search = build_lists(features, self._mean, self.n_neighbors + 1, seed)

    def rows(self, start: int = 0, stop: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return ids int32 and squared distances float32, [stop - start, n_neighbors], of the neighbors of some rows.

        If ``start`` is a multiple of ALIGNMENT, they are those of a search of all rows, bit for bit.
        """
        queries = self._features[start:stop]
        return self._others(queries, np.arange(start, start + len(queries), dtype=np.int32))

    def of_rows(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ids int32 and squared distances float32, [m, n_neighbors], of the neighbors of ``rows``, int32 [m]."""
        return self._others(self._features[rows], rows)

    def of(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ids int32 and squared distances float32, [m, k], of the rows nearest to new points (float32 [m, d]).

        k is ``n_neighbors``, or 1 if there is only one row.
        """
        points = np.ascontiguousarray(points, dtype=np.float32)
        d = self._features.shape[1]
        if points.ndim != 2 or points.shape[1] != d or len(points) == 0:
            raise UserError(
                f"The points must be a matrix with at least one row and {d} columns; they have shape {points.shape}."
            )
        _check_numbers(points)
        return self._nearest(points, max(self.n_neighbors, 1))

    def _others(self, queries: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.n_neighbors == 0:
            return np.empty((len(queries), 0), np.int32), np.empty((len(queries), 0), np.float32)
        return self._nearest(queries, self.n_neighbors, rows)

    def _nearest(self, queries: np.ndarray, k: int, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the k rows nearest to every query and their distances; without itself, if it is one of ``rows``."""
        if self._lists is None and faiss.get_num_gpus():
            from raycluster.graph.neighbors.on_gpus import gpus, nearest_on

            if devices := gpus():
                return nearest_on(devices, self._features, self._mean, queries, k, rows)
        candidates = self._candidates(queries, k if rows is None else k + 1)
        ids, distances = np.empty((len(queries), k), np.int32), np.empty((len(queries), k), np.float32)

        def answer(start: int) -> None:
            part = slice(start, start + ALIGNMENT)
            found = candidates(part) if rows is None else _without_self(candidates(part), rows[part])
            found, found_distances = _nearest_first(queries[part], self._features, found)
            ids[part], distances[part] = found[:, :k], found_distances[:, :k]

        in_threads(answer, range(0, len(queries), ALIGNMENT))
        return ids, distances

    def _candidates(self, queries: np.ndarray, k: int) -> Callable[[slice], np.ndarray]:
        """Return a function that finds, for some of the queries, at least k rows among which the k nearest are."""
        lists = self._lists
        if lists is None:
            found = search_flat(self._features, self._mean, queries, k)  # of all at once, which FAISS does in parallel
            return lambda part: found[part]
        return lambda part: lists.candidates(queries[part], k)


def _check_numbers(features: np.ndarray) -> None:
    bad_rows = int((~np.isfinite(features).all(axis=1)).sum())
    if bad_rows:
        raise UserError(
            f"{bad_rows} of {len(features)} feature rows contain NaN or infinity: leave them out or repair them."
        )
    # No squared distance exceeds 4·d·largest².
    largest = max(float(features.max()), -float(features.min()))
    if 4 * features.shape[1] * largest**2 > float(np.finfo(np.float32).max):
        raise UserError("The features are so large that their distances overflow: scale them down.")


def _without_self(found: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Drop the row itself from what was found, or the last hit if duplicates have crowded the row itself out."""
    is_self = found == rows[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    return found[~is_self].reshape(len(found), -1)


def _nearest_first(queries: np.ndarray, features: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort the rows found for every query by distance, equal distances by row number, and return the distances too."""
    distances = squared_distances(queries, features, ids)
    # As integers, floats that are not negative have the same order.
    keys = (distances.view(np.uint32).astype(np.uint64) << np.uint64(32)) | ids.view(np.uint32)
    keys.sort(axis=1)
    return keys.astype(np.uint32).view(np.int32), (keys >> np.uint64(32)).astype(np.uint32).view(np.float32)
