"""The k-nearest-neighbour graph, exact, by FAISS: on every GPU there is, else on all CPU threads."""

from __future__ import annotations

import faiss
import numpy as np
from numba import njit

from raycluster.errors import UserError


def nearest_neighbors(features: np.ndarray, n_neighbors: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest other rows of every row.

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
    n_neighbors : int
        K_s. Clipped to n - 1, the number of other rows.

    Returns
    -------
    ids : ndarray of int32, shape (n, n_neighbors)
        Neighbours, nearest first, equal distances by row number. A row is never its own neighbour, also not among
        exact duplicates of it.
    sq_distances : ndarray of float32, shape (n, n_neighbors)
        Squared Euclidean distances. Taken from the differences, not from norms and products as the search does it,
        so that they are exact for near neighbours, never negative, and the same from both ends.

    Raises
    ------
    UserError
        When ``features`` is not a matrix with at least one row, or holds NaN, infinity or numbers whose squares are.
    """
    features = np.ascontiguousarray(features, dtype=np.float32)
    if features.ndim != 2 or features.shape[0] == 0 or features.shape[1] == 0:
        raise UserError(f"features must be a matrix with at least one row and one column, not {features.shape}.")
    bad_rows = int((~np.isfinite(features).all(axis=1)).sum())
    if bad_rows:
        raise UserError(
            f"{bad_rows} of {len(features)} feature rows hold NaN or infinity: leave them out or repair them."
        )
    if n_neighbors < 1:
        raise UserError(f"n_neighbors={n_neighbors}: choose at least 1.")
    n = len(features)
    k = min(n_neighbors, n - 1)
    if k == 0:
        return np.empty((n, 0), np.int32), np.empty((n, 0), np.float32)
    # Far from the origin the search would lose the small differences to rounding.
    found = _search(features - features.mean(axis=0), k + 1)
    ids = _without_self(found, k)
    distances = _squared_distances(features, ids)
    if not np.isfinite(distances).all():
        raise UserError("The features are so large that their distances overflow: scale them down.")
    order = np.lexsort((ids, distances), axis=1)
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(distances, order, axis=1)


def _search(features: np.ndarray, k: int) -> np.ndarray:
    index: faiss.Index = faiss.IndexFlatL2(features.shape[1])
    if faiss.get_num_gpus() > 0:
        options = faiss.GpuMultipleClonerOptions()
        options.shard = False  # every GPU holds all rows and answers a part of the queries
        index = faiss.index_cpu_to_all_gpus(index, options)
    index.add(features)
    return index.search(features, k)[1].astype(np.int32)


def _without_self(found: np.ndarray, k: int) -> np.ndarray:
    """Drop the row itself from its k + 1 hits, or the last hit where duplicates have crowded the row itself out."""
    is_self = found == np.arange(len(found), dtype=np.int32)[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    return found[~is_self].reshape(-1, k)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _squared_distances(features: np.ndarray, ids: np.ndarray) -> np.ndarray:
    n, k = ids.shape
    distances = np.empty((n, k), np.float32)
    for i in range(n):
        for t in range(k):
            j = ids[i, t]
            total = np.float32(0)
            for f in range(features.shape[1]):
                difference = features[i, f] - features[j, f]
                total += difference * difference
            distances[i, t] = total
    return distances
