"""Squared distances between given pairs of rows."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def squared_distances(queries: np.ndarray, features: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Return |queries[i] - features[ids[i, t]]|², float32 [m, k]; infinity where the id is -1.

    Taken from the differences, not from norms and products, so that they are exact for near rows, never negative, and
    the same from both ends.
    """
    m, k = ids.shape
    distances = np.empty((m, k), np.float32)
    for i in range(m):
        for t in range(k):
            j = ids[i, t]
            total = np.float32(0)
            if j < 0:
                distances[i, t] = np.inf
                continue
            for f in range(features.shape[1]):
                difference = queries[i, f] - features[j, f]
                total += difference * difference
            distances[i, t] = total
    return distances
