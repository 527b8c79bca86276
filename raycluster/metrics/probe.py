"""How much frozen features reveal about classes: a small classifier, trained on some images and tested on others."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from raycluster.errors import UserError

HIDDEN = 200  # units in the single hidden layer, as in DCCM's transfer experiment
TEST_SHARE = 0.2
EPOCHS = 50
LABELS_PER_CLASS = (1, 5, 10)
DRAWS = 5  # of the labeled images
MOST_NEIGHBORS = 5


def probe_accuracy(features: np.ndarray, labels: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Train a classifier with one hidden layer on features, and test it on held-out images.

    Parameters
    ----------
    features : ndarray of float, shape (n, d)
    labels : ndarray of int, shape (n,)
        Known classes; rows with label -1, and classes with fewer than 2 rows, are ignored.
    seed : int

    Returns
    -------
    dict
        ``accuracy`` on the test images, and the numbers of ``train`` and ``test`` images.

    Raises
    ------
    UserError
        If fewer than two classes are left, or fewer test images than classes.
    """
    values, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    usable = (labels >= 0) & (counts[index] >= 2)
    classes, n = int(((counts >= 2) & (values >= 0)).sum()), int(usable.sum())
    if classes < 2 or n * TEST_SHARE < classes:
        raise UserError(
            f"{n} images in {classes} classes: training and testing a classifier takes at least 2 classes with "
            f"{1 / TEST_SHARE:.0f} images each."
        )
    train_x, test_x, train_y, test_y = train_test_split(
        features[usable], labels[usable], test_size=TEST_SHARE, random_state=seed, stratify=labels[usable]
    )
    classifier = make_pipeline(StandardScaler(), MLPClassifier((HIDDEN,), max_iter=EPOCHS, random_state=seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(train_x, train_y)
    return {"accuracy": float(classifier.score(test_x, test_y)), "train": len(train_y), "test": len(test_y)}


def few_label_accuracy(features: np.ndarray, labels: np.ndarray, seed: int = 0) -> dict[str, dict[str, float]]:
    """Classify rows from only a few labels: by their nearest neighbors, and by a linear classifier.

    Parameters
    ----------
    features : ndarray of float, shape (n, d)
    labels : ndarray of int, shape (n,)
        At least 0. Classes without any rows beyond the labeled ones are left out.
    seed : int

    Returns
    -------
    dict
        For 1, 5, and 10 labels of each class, as text, the accuracies on all other rows, means over five draws:
        ``neighbors``, by the cosine to the nearest rows of known class, at most 5; and ``linear``, by logistic
        regression on standardized features. Numbers for which fewer than two classes are left are missing.
    """
    found = {}
    scaled = StandardScaler().fit_transform(features)
    for told in LABELS_PER_CLASS:
        values, counts = np.unique(labels, return_counts=True)
        usable = np.flatnonzero(np.isin(labels, values[counts > told]))
        if len(np.unique(labels[usable])) < 2:
            continue
        accuracies = []
        for draw in range(DRAWS):
            order = usable[np.random.default_rng((seed, draw)).permutation(len(usable))]
            order = order[np.argsort(labels[order], kind="stable")]
            starts = np.flatnonzero(np.r_[True, np.diff(labels[order]) != 0])
            is_told = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)])) < told
            train, test = order[is_told], order[~is_told]
            nearest = KNeighborsClassifier(min(told, MOST_NEIGHBORS), metric="cosine")
            linear = LogisticRegression(max_iter=200)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                nearest.fit(features[train], labels[train])
                linear.fit(scaled[train], labels[train])
            scores = nearest.score(features[test], labels[test]), linear.score(scaled[test], labels[test])
            accuracies.append(scores)
        neighbors, by_line = np.mean(accuracies, axis=0)
        found[str(told)] = {"neighbors": float(neighbors), "linear": float(by_line)}
    return found
