"""How much frozen features reveal about classes: a small classifier, trained on some images and tested on others."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from raycluster.errors import UserError

HIDDEN = 200  # units in the single hidden layer, as in DCCM's transfer experiment
TEST_SHARE = 0.2
EPOCHS = 50


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
