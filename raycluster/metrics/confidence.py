"""The confidence of an assignment: how probable its cluster is for an embedding, by linear discriminant analysis.

The measure needs embeddings and clusters, and nothing of how they were found. It is therefore the same for every
method, for images of a run, and for new ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

DIMENSIONS = 64  # principal components in which clusters are compared
SAMPLE = 10_000  # rows that the components are found on
RIDGE = 0.1  # of the mean variance within clusters, added to every direction
RIDGE_OF_ALL = 1e-6  # the same of the variance of all rows, for clusters without any
AT_MEAN = 0.99  # confidence at the mean of a cluster if all others are at the typical distance
BLOCK = 2**24  # numbers in a block of distances


@dataclass(frozen=True)
class ClusterModel:
    """Clusters as normal distributions with a common covariance, and the probability of each for an embedding.

    The probability is a softmax over -D²/T, where D is the Mahalanobis distance to the mean of a cluster. T = 2 would
    be right for independent normal distributions. Embeddings are not that, and those that were trained on their own
    clusters least of all: T is raised until an image at the mean of a cluster, from which all other means are at the
    median distance, has a confidence of ``AT_MEAN``. ``benchmarks/confidence.py`` says how well that separates right
    assignments from wrong ones.

    Attributes
    ----------
    center : ndarray of float32, shape (d,)
    directions : ndarray of float32, shape (d, q)
        From centered embeddings to coordinates in which all clusters have unit covariance; q is at most 64.
    numbers : ndarray of int, shape (K,)
        Of the clusters that have members, ascending.
    means : ndarray of float32, shape (K, q)
    temperature : float
        T.
    """

    center: np.ndarray
    directions: np.ndarray
    numbers: np.ndarray
    means: np.ndarray
    temperature: float

    @classmethod
    def fit(cls, embeddings: np.ndarray, clusters: np.ndarray) -> ClusterModel:
        """Describe the clusters of a run; the same arrays always give the same model.

        Parameters
        ----------
        embeddings : ndarray of float32, shape (n, d)
        clusters : ndarray of int, shape (n,)
        """
        n = len(embeddings)
        numbers, members = np.unique(clusters, return_inverse=True)
        center, axes = _principal_axes(embeddings)
        rows = _project(embeddings, center, axes)
        sizes = np.bincount(members)
        means = np.stack([np.bincount(members, weights=column) / sizes for column in rows.T], axis=1)
        within = rows - means[members].astype(np.float32)
        covariance = _moments(within) / max(n - len(numbers), 1)
        everything = np.einsum("ij,ij->", rows, rows, dtype=np.float64) / n
        ridge = (RIDGE * np.trace(covariance) + RIDGE_OF_ALL * everything) / len(covariance)
        if ridge == 0:  # all embeddings are identical
            ridge = 1.0
        values, vectors = np.linalg.eigh(covariance)
        whiten = vectors / np.sqrt(np.maximum(values, 0) + ridge)
        means = means @ whiten
        return cls(
            center,
            (axes @ whiten).astype(np.float32),
            numbers,
            means.astype(np.float32),
            _temperature(means),
        )

    def confidence(self, embeddings: np.ndarray, clusters: np.ndarray) -> np.ndarray:
        """Return how probable their clusters are for embeddings of the run, or for new ones.

        Parameters
        ----------
        embeddings : ndarray of float32, shape (m, d)
        clusters : ndarray of int, shape (m,)

        Returns
        -------
        ndarray of float32, shape (m,)
            From 0 to 1; 0 for a cluster that no image of the run is in.
        """
        confidence = np.empty(len(embeddings), np.float32)
        own = np.minimum(np.searchsorted(self.numbers, clusters), len(self.numbers) - 1)
        size = max(1, BLOCK // len(self.numbers))
        for start in range(0, len(embeddings), size):
            part = slice(start, start + size)
            rows = _project(embeddings[part], self.center, self.directions)
            # The squared length of the row itself is the same for all clusters.
            odds = 2 * (rows @ self.means.T) - np.einsum("ij,ij->i", self.means, self.means)
            odds = (odds - odds.max(axis=1, keepdims=True)) / np.float32(self.temperature)
            np.exp(odds, out=odds)
            confidence[part] = odds[np.arange(len(odds)), own[part]] / odds.sum(axis=1)
        return np.where(self.numbers[own] == clusters, confidence, 0).astype(np.float32)


def confidence_of(embeddings: np.ndarray, clusters: np.ndarray, outliers: np.ndarray | None = None) -> np.ndarray:
    """Return the confidence, float32 [n], of the rows of a run.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n, d)
    clusters : ndarray of int, shape (n,)
    outliers : ndarray of bool, shape (n,), optional
        Rows that are in their cluster for want of a better one; their confidence is 0.
    """
    confidence = ClusterModel.fit(embeddings, clusters).confidence(embeddings, clusters)
    if outliers is not None:
        confidence[outliers] = 0
    return confidence


def _principal_axes(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean, float32 [d], and the first principal axes, float32 [d, q], of a fixed sample of the rows."""
    n, d = embeddings.shape
    sample = embeddings
    if n > SAMPLE:
        sample = embeddings[np.sort(np.random.default_rng(0).choice(n, SAMPLE, replace=False))]
    with np.errstate(invalid="ignore"):  # shares of no variance at all, if the embeddings are identical
        found = PCA(min(DIMENSIONS, len(sample), d), random_state=0).fit(sample)
    return found.mean_.astype(np.float32), found.components_.T.astype(np.float32)


def _project(embeddings: np.ndarray, center: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Return coordinates, float32 [m, q], of embeddings along axes."""
    return np.asarray(embeddings @ axes - center @ axes, np.float32)


def _moments(rows: np.ndarray) -> np.ndarray:
    """Return the sum of the outer products of all rows with themselves, float64 [q, q]."""
    size = max(1, BLOCK // rows.shape[1])
    parts = (rows[start : start + size].astype(np.float64) for start in range(0, len(rows), size))
    return sum((part.T @ part for part in parts), np.zeros((rows.shape[1], rows.shape[1])))


def _temperature(means: np.ndarray) -> float:
    """Return T for clusters with these means, float64 [K, q], in coordinates of unit covariance."""
    k = len(means)
    if k < 2:
        return 2.0
    some = means if k <= SAMPLE // 5 else means[np.random.default_rng(0).choice(k, SAMPLE // 5, replace=False)]
    lengths = np.einsum("ij,ij->i", some, some)
    distances = lengths[:, None] + lengths - 2 * some @ some.T
    typical = float(np.median(distances[np.triu_indices(len(some), 1)]))
    return max(2.0, typical / np.log((k - 1) * AT_MEAN / (1 - AT_MEAN)))
