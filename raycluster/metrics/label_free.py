"""Scores of a clustering that need no labels: each one measures a different sign that the clusters are real.

Every score is at most 1 and deterministic. If there are more than 3,000 rows, all scores use the same random sample.
For random clusters all of them but consensus and balance are about 0; balance only shows whether the run collapsed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score, cohen_kappa_score, silhouette_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from raycluster.graph.estimator import GraphDegreeLinkage
from raycluster.graph.neighbors.nearest import nearest_neighbors
from raycluster.metrics.consensus import consensus_score
from raycluster.metrics.health import neighbor_agreement

SAMPLE = 3_000
NEIGHBORS = 10
DIMENSIONS = 10  # of the space in which silhouettes are measured
PIXEL_DIMENSIONS = 32  # of the space from which clusters are predicted
FOLDS = 3
RESAMPLES, RESAMPLED_SHARE = 3, 0.7

Score = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def label_free_scores(embeddings: np.ndarray, clusters: np.ndarray, pixels: np.ndarray) -> dict[str, float]:
    """Return every score of :data:`SCORES` by name.

    Parameters
    ----------
    embeddings : ndarray of float, shape (n, d)
    clusters : ndarray of int, shape (n,)
    pixels : ndarray of numbers, shape (n, ...)
        The images: features that do not depend on the network.
    """
    arrays = _sample(embeddings, clusters, pixels)
    return {name: score(*arrays) for name, score in SCORES.items()}


def label_free_score(name: str, embeddings: np.ndarray, clusters: np.ndarray, pixels: np.ndarray) -> float:
    """Return one of :func:`label_free_scores`."""
    return SCORES[name](*_sample(embeddings, clusters, pixels))


def sample_rows(n: int) -> np.ndarray:
    """Return which of n rows the scores are computed on, int64, in ascending order."""
    if n <= SAMPLE:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, SAMPLE, replace=False))


def agreement_beyond_chance(features: np.ndarray, clusters: np.ndarray) -> float:
    """Return how much more often the nearest neighbors share a cluster than random rows do.

    The score is (a - c) / (1 - c), where a is the share of the 10 nearest neighbors that are in the row's own cluster,
    and c the share of all other rows that are. It is 0 for a single cluster, and for 10 rows or fewer.
    """
    n, sizes = len(clusters), np.unique(clusters, return_counts=True)[1]
    if len(sizes) == 1 or n <= NEIGHBORS:
        return 0.0
    chance = float((sizes * (sizes - 1)).sum() / (n * (n - 1)))
    neighbors, _ = nearest_neighbors(features, NEIGHBORS)
    return (float(neighbor_agreement(neighbors, clusters).mean()) - chance) / (1 - chance)


def silhouette(features: np.ndarray, clusters: np.ndarray) -> float:
    """Return the mean silhouette in the first 10 principal components; 0 for a single cluster, or one per row."""
    if not _is_nontrivial(clusters):
        return 0.0
    reduced = PCA(min(DIMENSIONS, *features.shape), random_state=0).fit_transform(features)
    return float(silhouette_score(reduced, clusters))


def predictability(features: np.ndarray, clusters: np.ndarray) -> float:
    """Return how well a linear classifier predicts the clusters of held-out images, beyond chance.

    The score is Cohen's kappa of a logistic regression on the first 32 principal components, in three folds. Clusters
    that can be predicted from features they were not made from are more than an artifact of the network. The score is
    0 if the training part of a fold has a single cluster.
    """
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    if len(clusters) < FOLDS or any(len(np.unique(clusters[train])) < 2 for train, _ in folds.split(clusters)):
        return 0.0
    classifier = make_pipeline(
        PCA(min(PIXEL_DIMENSIONS, features.shape[1], len(features) // 2), random_state=0),
        StandardScaler(),
        LogisticRegression(max_iter=200),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        predicted = cross_val_predict(classifier, features, clusters, cv=folds)
    return float(cohen_kappa_score(clusters, predicted))


def stability(features: np.ndarray, clusters: np.ndarray) -> float:
    """Return how well graph degree linkage on random subsets of the rows finds the same clusters again.

    The score is the mean adjusted Rand index over three random subsets of 70% each; 0 for a single cluster, or one per
    row.
    """
    if not _is_nontrivial(clusters):
        return 0.0
    n_clusters, rng = len(np.unique(clusters)), np.random.default_rng(0)
    size = max(n_clusters, round(RESAMPLED_SHARE * len(features)))
    scores = []
    for _ in range(RESAMPLES):
        part = np.sort(rng.choice(len(features), size, replace=False))
        again = GraphDegreeLinkage(n_clusters).fit_predict(np.ascontiguousarray(features[part], np.float32))
        scores.append(adjusted_rand_score(clusters[part], again))
    return float(np.mean(scores))


def consensus(features: np.ndarray, clusters: np.ndarray) -> float:
    """Return :func:`raycluster.metrics.consensus.consensus_score` for the same number of clusters, or 0."""
    return consensus_score(features, len(np.unique(clusters)))["consensus"] if _is_nontrivial(clusters) else 0.0


def balance(clusters: np.ndarray) -> float:
    """Return the entropy of the sizes of the clusters in use, divided by its maximum; 0 for a single cluster."""
    shares = np.unique(clusters, return_counts=True)[1] / len(clusters)
    return float(-(shares * np.log(shares)).sum() / np.log(len(shares))) if len(shares) > 1 else 0.0


def _is_nontrivial(clusters: np.ndarray) -> bool:
    """Return whether there is more than one cluster, and fewer clusters than rows."""
    return 2 <= len(np.unique(clusters)) < len(clusters)


def _sample(
    embeddings: np.ndarray, clusters: np.ndarray, pixels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = sample_rows(len(clusters))
    return embeddings[rows], clusters[rows], pixels[rows].reshape(len(rows), -1).astype(np.float32)


SCORES: dict[str, Score] = {
    "neighbor_agreement": lambda embeddings, clusters, pixels: agreement_beyond_chance(embeddings, clusters),
    "silhouette": lambda embeddings, clusters, pixels: silhouette(embeddings, clusters),
    "stability": lambda embeddings, clusters, pixels: stability(embeddings, clusters),
    "consensus": lambda embeddings, clusters, pixels: consensus(embeddings, clusters),
    "predictability": lambda embeddings, clusters, pixels: predictability(pixels, clusters),
    "pixel_agreement": lambda embeddings, clusters, pixels: agreement_beyond_chance(pixels, clusters),
    "balance": lambda embeddings, clusters, pixels: balance(clusters),
}
