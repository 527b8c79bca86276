"""Scores of a clustering that need no labels: each one measures a different sign that the clusters are real.

Every score is at most 1, deterministic, and about 0 for random clusters.
"""

from __future__ import annotations

import warnings

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
from raycluster.metrics.health import neighbor_agreement

SAMPLE = 3_000
NEIGHBORS = 10
DIMENSIONS = 10  # of the space in which silhouettes are measured
PIXEL_DIMENSIONS = 32  # of the space from which clusters are predicted
FOLDS = 3
RESAMPLES, RESAMPLED_SHARE = 3, 0.7


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


def _is_nontrivial(clusters: np.ndarray) -> bool:
    """Return whether there is more than one cluster, and fewer clusters than rows."""
    return 2 <= len(np.unique(clusters)) < len(clusters)
