"""k-means by FAISS, on the GPUs of this process if it has any."""

from __future__ import annotations

from typing import NamedTuple

import faiss
import numpy as np

ITERATIONS = 50
MAX_POINTS_PER_CENTROID = 20_000
STARTS = 20
FEWEST_PER_CLUSTER = 39  # with fewer, FAISS says, centroids are no better than random rows
SMALL = 2e8  # products in one pass over the rows, below which threads mainly wait for each other
BUDGET = 3e11  # products of two numbers: some ten seconds on two cores


class KMeans(NamedTuple):
    """Centroids, float32 [k, d], and the nearest centroid of every row, int32 [n]."""

    centroids: np.ndarray
    labels: np.ndarray


def kmeans(
    features: np.ndarray,
    n_clusters: int,
    seed: int = 0,
    starts: int = STARTS,
    most_per_cluster: int = MAX_POINTS_PER_CENTROID,
) -> KMeans:
    """Cluster rows, keeping the best of several random starts.

    Parameters
    ----------
    features : ndarray of float, shape (n, d)
        Finite; n is at least ``n_clusters``.
    n_clusters : int
    seed : int
    starts : int
    most_per_cluster : int
        Of more rows than this times ``n_clusters``, a random sample is clustered, and then all rows are assigned.
    """
    rows = np.ascontiguousarray(features, np.float32)
    method = faiss.Kmeans(
        rows.shape[1],
        n_clusters,
        niter=ITERATIONS,
        nredo=starts,
        seed=seed % 2**31,
        min_points_per_centroid=1,
        max_points_per_centroid=most_per_cluster,
        gpu=bool(faiss.get_num_gpus()),
    )
    method.train(rows)
    _, nearest = method.index.search(rows, 1)
    return KMeans(np.asarray(method.centroids), nearest[:, 0].astype(np.int32))


def plain_kmeans(features: np.ndarray, n_clusters: int, seed: int = 0, budget: float = BUDGET) -> np.ndarray | None:
    """Return the clusters that k-means finds in a limited time, for a comparison; None if it would take far longer.

    The larger the set, the fewer starts there are, and then the fewer rows the centroids are found on.

    Parameters
    ----------
    features : ndarray of float, shape (n, d)
    n_clusters : int
    seed : int
    budget : float
        How many products of two numbers it may take.

    Returns
    -------
    labels : ndarray of int32, shape (n,), or None
    """
    n, d = features.shape
    rows = int(budget / (d * n_clusters * ITERATIONS))
    if n * d * n_clusters > budget or rows < min(n, FEWEST_PER_CLUSTER * n_clusters):
        return None
    per_cluster = max(1, min(MAX_POINTS_PER_CENTROID, rows // n_clusters))
    threads = faiss.omp_get_max_threads()
    if n * d * n_clusters < SMALL:
        faiss.omp_set_num_threads(1)
    try:
        return kmeans(features, n_clusters, seed, max(1, min(STARTS, rows // n)), per_cluster).labels
    finally:
        faiss.omp_set_num_threads(threads)
