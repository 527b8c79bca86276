"""Squared distances between given pairs of rows."""

from __future__ import annotations

import numpy as np

from raycluster.graph.kernel.compiled import compiled_with


@compiled_with(fastmath={"reassoc", "contract"})
def squared_distances(queries: np.ndarray, features: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Return |queries[i] - features[ids[i, t]]|², float32 [m, k]; infinite if the id is -1.

    They are computed from differences, not from norms and products, so that they are exact for rows that are close,
    never negative, and the same in both directions.

    Parameters
    ----------
    queries : ndarray of float32, shape (m, d)
    features : ndarray of float32, shape (n, d)
    ids : ndarray of int, shape (m, k)
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
