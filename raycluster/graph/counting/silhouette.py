"""A rule for the number of clusters: the silhouettes of the cuts of a merge tree, on a sample of the rows."""

from __future__ import annotations

import numpy as np

from raycluster.graph.tree import MergeTree

SAMPLE = 2000  # rows; their distances take 16 MB and, with 1,280 numbers a row, half a second
ROWS_PER_CLUSTER = 5  # of the sample, on average; with fewer, silhouettes say little


def silhouettes(tree: MergeTree, features: np.ndarray, n_clusters: np.ndarray) -> np.ndarray:
    """Return the mean silhouette (Rousseeuw 1987) at each number of clusters, by squared Euclidean distances.

    Those of rows of length 1 are cosine distances, times 2. The sample is always the same for the same number of rows.

    Parameters
    ----------
    tree : MergeTree
    features : ndarray of float32, shape (n, d)
    n_clusters : ndarray of int64, shape (m,)
        Ascending, at least 2.

    Returns
    -------
    ndarray of float64, shape (m,)
        From -1 to 1. Empty if the sample is too small for the highest number.
    """
    rows = np.sort(np.random.default_rng(0).permutation(tree.n_leaves)[:SAMPLE])
    if not len(n_clusters) or len(rows) < ROWS_PER_CLUSTER * n_clusters[-1]:
        return np.empty(0)
    distances = _sq_distances(np.asarray(features[rows], np.float32))
    _, fine = np.unique(tree.cut(int(n_clusters[-1]))[rows], return_inverse=True)
    first = np.unique(fine, return_index=True)[1]
    sums = distances @ np.eye(len(first), dtype=np.float32)[fine]  # to all rows of each of the finest clusters
    sizes = np.bincount(fine)
    found = [_mean_silhouette(sums, sizes, fine, tree.cut(int(k))[rows][first]) for k in n_clusters]
    return np.array(found)


def peaks(values: np.ndarray) -> np.ndarray:
    """Return the indices of the values that are higher than those beside them, the highest first."""
    padded = np.concatenate([[-np.inf], values, [-np.inf]])
    higher = np.flatnonzero((padded[1:-1] > padded[:-2]) & (padded[1:-1] > padded[2:]))
    return higher[np.argsort(-values[higher], kind="stable")]


def _sq_distances(rows: np.ndarray) -> np.ndarray:
    """Return the squared distances of all pairs, float32 [s, s]."""
    lengths = np.einsum("ij,ij->i", rows, rows)
    distances = np.maximum(lengths[:, None] + lengths - 2 * (rows @ rows.T), 0)
    np.fill_diagonal(distances, 0)
    return distances


def _mean_silhouette(sums: np.ndarray, sizes: np.ndarray, fine: np.ndarray, merged: np.ndarray) -> float:
    """Return the mean silhouette after finest clusters were merged; rows that are alone count as 0.

    Parameters
    ----------
    sums : ndarray of float32, shape (s, f)
        Of the distances from each row to the rows of each of the finest clusters.
    sizes : ndarray of int64, shape (f,)
    fine : ndarray of int64, shape (s,)
        The finest cluster of each row.
    merged : ndarray of int, shape (f,)
        The cluster that each of the finest became part of.
    """
    _, merged = np.unique(merged, return_inverse=True)
    into = np.eye(merged.max() + 1, dtype=np.float32)[merged]
    if into.shape[1] < 2:
        return -1.0
    to_cluster, size = sums @ into, sizes @ into
    here, each = merged[fine], np.arange(len(fine))
    inside = to_cluster[each, here] / np.maximum(size[here] - 1, 1)
    to_cluster /= size
    to_cluster[each, here] = np.inf
    nearest = to_cluster.min(axis=1)
    larger = np.maximum(inside, nearest)
    alone = (size[here] == 1) | (larger == 0)
    return float(np.mean(np.where(alone, 0.0, (nearest - inside) / np.where(alone, 1.0, larger))))
