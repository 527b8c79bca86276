"""What several clusterings of the same rows say of each other; no labels are involved.

Wang, Ye: Deep Clustering Evaluation: How to Validate Internal Clustering Validation Measures. arXiv 2403.14830, 2024.
A clustering looks best in the embedding that was trained on it, however bad both are. The other embeddings do not know
it, and together they say which of two clusterings is better. So each clustering is judged in all of them.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata


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


def pooled_silhouettes(silhouettes: np.ndarray) -> np.ndarray:
    """Return the mean silhouette of each clustering over all embeddings, float64 [m].

    An embedding counts by the square of the mean silhouette of all clusterings in it: where clusters are hardly to be
    seen, they are hardly to be judged.

    Parameters
    ----------
    silhouettes : ndarray of float64, shape (m, m)
        Of each clustering, by row, in each embedding, by column.
    """
    weights = np.maximum(silhouettes.mean(axis=0), 1e-6) ** 2
    means: np.ndarray = silhouettes @ (weights / weights.sum())
    return means


def mean_agreements(agreements: np.ndarray) -> np.ndarray:
    """Return the mean agreement of each clustering with the others, float64 [m]; 1 if there are no others.

    Parameters
    ----------
    agreements : ndarray of float64, shape (m, m)
        Adjusted Rand indices, ones on the diagonal.
    """
    m = len(agreements)
    return (agreements.sum(axis=1) - 1) / (m - 1) if m > 1 else np.ones(1)


def mean_ranks(*scores: np.ndarray) -> np.ndarray:
    """Return each row's rank, averaged over several scores, as a share: 1 is the best by all (Borda count).

    Parameters
    ----------
    scores : ndarrays of float64, shape (m,)
        The higher, the better. Rows with the same score share the mean of their ranks.
    """
    return np.mean([rankdata(score) / len(score) for score in scores], axis=0)
