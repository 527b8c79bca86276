"""How well a clustering agrees with known classes."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from raycluster.errors import UserError


def clustering_quality(labels: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Compare clusters with known classes.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Known classes; rows with label -1 are ignored.
    predicted : ndarray of int, shape (n,)

    Returns
    -------
    dict of str to float
        ``nmi``: mutual information divided by the arithmetic mean of the entropies (scikit-learn's default);
        ``nmi_geometric``: divided by their geometric mean (as in papers of 2016); ``acc``: share of rows in the right
        class under the best one-to-one matching of clusters to classes; ``ari``: adjusted Rand index.

    Raises
    ------
    UserError
        If the lengths differ, or no row has a label.
    """
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    if labels.shape != predicted.shape:
        raise UserError(f"{len(labels)} labels for {len(predicted)} clustered rows: both must be for the same rows.")
    known = labels != -1
    if not known.any():
        raise UserError("No row has a known label: there is nothing to compare the clusters with.")
    labels, predicted = labels[known], predicted[known]
    table = contingency_matrix(labels, predicted)
    return {
        "nmi": float(normalized_mutual_info_score(labels, predicted)),
        "nmi_geometric": float(normalized_mutual_info_score(labels, predicted, average_method="geometric")),
        "acc": float(table[linear_sum_assignment(table, maximize=True)].sum() / len(labels)),
        "ari": float(adjusted_rand_score(labels, predicted)),
    }
