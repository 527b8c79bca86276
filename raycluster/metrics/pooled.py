"""Scores of several clusterings of the same rows, each judged in the embeddings of all of them; no labels are involved.

Wang, Ye: Deep Clustering Evaluation: How to Validate Internal Clustering Validation Measures. arXiv 2403.14830.
A clustering looks best in the embedding that was trained on it, however bad both are. The embeddings of other runs do
not know it, and most of them say which of two clusterings is better.
"""

from __future__ import annotations

import numpy as np


def cosine_silhouette(embeddings: np.ndarray, clusters: np.ndarray) -> float:
    """Return the mean silhouette (Rousseeuw 1987) of clusters, by cosine distances; 0 for a single cluster.

    The mean cosine of a row to the rows of a cluster is that to their mean, so no pair of rows is compared. A row
    that is alone in its cluster counts as 0, and so does one that is at distance 0 of everything.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n, d)
    clusters : ndarray of int, shape (n,)
    """
    rows = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    _, clusters, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        return 0.0
    each = np.arange(len(rows))
    sums = np.eye(len(sizes), dtype=rows.dtype)[clusters].T @ rows
    cosines = rows @ sums.T  # sums of the cosines to all rows of each cluster
    others = sizes[clusters] - 1
    inside = 1 - (cosines[each, clusters] - np.einsum("ij,ij->i", rows, rows)) / np.maximum(others, 1)
    to_others = 1 - cosines / sizes
    to_others[each, clusters] = np.inf
    nearest = to_others.min(axis=1)
    larger = np.maximum(inside, nearest)
    counts = (others > 0) & (larger > 0)
    return float(np.where(counts, (nearest - inside) / np.where(counts, larger, 1), 0.0).mean())
