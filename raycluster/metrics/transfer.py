"""What features are worth to other clustering algorithms, and how well they tell which pairs are of one class."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, SpectralClustering
from sklearn.metrics import roc_auc_score

from raycluster.errors import UserError
from raycluster.graph.estimator import GraphDegreeLinkage
from raycluster.metrics.kmeans import kmeans
from raycluster.metrics.quality import clustering_quality

SAMPLE = 3_000  # rows; agglomerative clustering compares all of them
STARTS = 5  # of k-means
SPECTRAL_NEIGHBORS = 10
SMALLEST_DENSE = 10  # rows of a cluster of HDBSCAN
PAIRS = 6_000  # half of them of the same class, as for LFW
FOLDS = 10

ALGORITHMS = ("k-means", "spectral", "average linkage", "complete linkage", "Ward linkage", "HDBSCAN", "gdl")


def transfer_scores(features: np.ndarray, labels: np.ndarray, seed: int = 0) -> dict[str, dict[str, float]]:
    """Cluster features by several algorithms, and score the clusters against known classes (JULE, section 4.3).

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
        If there are more than 3,000 rows, a random sample of them is used.
    labels : ndarray of int, shape (n,)
        At least 0. There are as many clusters as classes, except for HDBSCAN, which chooses their number.
    seed : int

    Returns
    -------
    dict
        For each of ``ALGORITHMS``, the scores of :func:`raycluster.metrics.quality.clustering_quality`, and
        ``clustered``, the share of the rows that are in a cluster. Those that HDBSCAN leaves out count as one more.
    """
    if len(features) > SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(len(features), SAMPLE, replace=False))
        features, labels = features[rows], labels[rows]
    k = len(np.unique(labels))
    found = {}
    for algorithm in ALGORITHMS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of components that no edge connects, and of defaults that will change
            clusters = np.asarray(_cluster(algorithm, features, k, seed))
        scores = clustering_quality(labels, clusters - clusters.min())
        found[algorithm] = scores | {"clustered": float(np.mean(clusters >= 0))}
    return found


def _cluster(algorithm: str, features: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Return the clusters of all rows, int [n], -1 for what an algorithm leaves out."""
    n = len(features)
    if algorithm == "k-means":
        return kmeans(features, k, seed, starts=STARTS).labels
    if algorithm == "spectral":
        near = min(SPECTRAL_NEIGHBORS, n - 1)
        model = SpectralClustering(k, affinity="nearest_neighbors", n_neighbors=near, random_state=seed)
        return np.asarray(model.fit_predict(features))
    if algorithm == "HDBSCAN":
        return np.asarray(
            HDBSCAN(min_cluster_size=max(2, min(SMALLEST_DENSE, n // 2)), copy=True).fit_predict(features)
        )
    if algorithm == "gdl":
        return np.asarray(GraphDegreeLinkage(k).fit_predict(features))
    linkage = algorithm.removesuffix(" linkage").lower()
    return np.asarray(AgglomerativeClustering(k, linkage=linkage).fit_predict(features))


def verification_scores(features: np.ndarray, labels: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Tell pairs of rows of the same class from other pairs by their cosine (JULE, section 4.3).

    The pairs are drawn at random, half of them of the same class. In each of ten folds, the threshold that is best on
    the other nine decides. Unlike the protocol of LFW, the folds share classes.

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
    labels : ndarray of int, shape (n,)
        At least 0.
    seed : int

    Returns
    -------
    dict
        ``auc``, the area under the ROC curve; ``accuracy``, the mean over the folds; ``pairs``, their number.

    Raises
    ------
    UserError
        If there are fewer than two classes, or no class has two rows.
    """
    first, second, same = draw_pairs(labels, PAIRS, seed)
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    cosines = np.einsum("ij,ij->i", unit[first], unit[second])
    fold = np.random.default_rng(seed).permutation(len(same)) % FOLDS
    right = [
        np.mean(
            (cosines[fold == test] >= best_threshold(cosines[fold != test], same[fold != test])) == same[fold == test]
        )
        for test in range(FOLDS)
    ]
    return {"auc": float(roc_auc_score(same, cosines)), "accuracy": float(np.mean(right)), "pairs": len(same)}


def draw_pairs(labels: np.ndarray, n_pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw pairs of different rows, half of them of the same class.

    Returns
    -------
    first, second : ndarray of int64, shape (n_pairs,)
    same : ndarray of bool, shape (n_pairs,)
    """
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(counts) < 2 or counts.max() < 2:
        raise UserError("Pairs of the same class and of different ones take two classes, and one with two images.")
    generator = np.random.default_rng(seed)
    order, starts = np.argsort(classes, kind="stable"), np.cumsum(counts) - counts
    same = np.arange(n_pairs) % 2 == 0
    first = generator.integers(len(labels), size=n_pairs)
    has_partner = np.flatnonzero(counts[classes] > 1)
    first[same] = generator.choice(has_partner, np.count_nonzero(same))
    size, start = counts[classes[first]], starts[classes[first]]
    place = np.empty(len(labels), np.int64)
    place[order] = np.arange(len(labels))
    others = len(labels) - size
    # The second row is a step away in the order by class: within the class, or beyond its end and around.
    step = np.where(same, 1 + generator.integers(np.maximum(size - 1, 1)), generator.integers(np.maximum(others, 1)))
    inside = start + (place[first] - start + step) % size
    outside = (start + size + step) % len(labels)
    return first, order[np.where(same, inside, outside)], same


def best_threshold(scores: np.ndarray, same: np.ndarray) -> float:
    """Return the score from which on pairs count as the same, so that as few as possible (of float [n]) are wrong."""
    order = np.argsort(scores, kind="stable")
    below = np.concatenate([[0], np.cumsum(np.where(same[order], -1, 1))])  # what a threshold above them gains
    best = int(below[:-1].argmax())
    return float(scores[order[best]])
