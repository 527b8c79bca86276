"""k-means by FAISS, on the GPUs of this process if it has any."""

from __future__ import annotations

from typing import NamedTuple

import faiss
import numpy as np

ITERATIONS = 50
MAX_POINTS_PER_CENTROID = 20_000  # of larger sets a random sample is clustered, and then all rows are assigned


class KMeans(NamedTuple):
    """Centroids, float32 [k, d], and the nearest centroid of every row, int32 [n]."""

    centroids: np.ndarray
    labels: np.ndarray


def kmeans(features: np.ndarray, n_clusters: int, seed: int = 0, starts: int = 20) -> KMeans:
    """Cluster rows, keeping the best of several random starts.

    Parameters
    ----------
    features : ndarray of float, shape (n, d)
        Finite; n is at least ``n_clusters``.
    n_clusters : int
    seed : int
    starts : int
    """
    rows = np.ascontiguousarray(features, np.float32)
    method = faiss.Kmeans(
        rows.shape[1],
        n_clusters,
        niter=ITERATIONS,
        nredo=starts,
        seed=seed % 2**31,
        min_points_per_centroid=1,
        max_points_per_centroid=MAX_POINTS_PER_CENTROID,
        gpu=bool(faiss.get_num_gpus()),
    )
    method.train(rows)
    _, nearest = method.index.search(rows, 1)
    return KMeans(np.asarray(method.centroids), nearest[:, 0].astype(np.int32))
