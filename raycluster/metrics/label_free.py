"""Scores of a clustering that need no labels: each one measures a different sign that the clusters are real.

Every score is at most 1, deterministic, and about 0 for random clusters.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score, silhouette_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SAMPLE = 3_000
DIMENSIONS = 10  # of the space in which silhouettes are measured
PIXEL_DIMENSIONS = 32  # of the space from which clusters are predicted
FOLDS = 3


def sample_rows(n: int) -> np.ndarray:
    """Return which of n rows the scores are computed on, int64, in ascending order."""
    if n <= SAMPLE:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, SAMPLE, replace=False))


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


def _is_nontrivial(clusters: np.ndarray) -> bool:
    """Return whether there is more than one cluster, and fewer clusters than rows."""
    return 2 <= len(np.unique(clusters)) < len(clusters)
