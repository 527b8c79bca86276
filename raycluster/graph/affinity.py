"""The weights of the edges of the k-nearest-neighbor graph."""

from __future__ import annotations

from typing import Literal

import numpy as np

from raycluster.errors import UserError

Affinity = Literal["global", "local"]


def sample_affinity(sq_distances: np.ndarray, sigma_scale: float = 1.0, kind: Affinity = "global") -> np.ndarray:
    """Turn squared distances to neighbors into weights of directed edges.

    Parameters
    ----------
    sq_distances : ndarray of float32, shape (n, k)
        Squared distances from every sample to its K_s neighbors, ascending in each row. A row with fewer neighbors ends
        with infinities, which have weight 0 and do not count otherwise.
    sigma_scale : float
        a. Larger values give distant neighbors more weight.
    kind : {"global", "local"}
        "global" is the paper's affinity, W_ij = exp(-d²_ij / σ²), where σ² is a times the mean squared distance over
        all edges (JULE). "local" has a scale for every sample: W_ij = exp(-d²_ij / (2 a s_i)) · √(s̄ / s_i), where s_i
        is the squared distance to neighbor number K_s/2, and √s̄ is the mean of the √s_i, so that W does not depend on
        the unit of the features. Dense regions then hold together no more strongly than sparse ones of the same shape.

    Returns
    -------
    ndarray of float32, shape (n, k)
        Weights of at least 0. If all distances are 0, all weights are 1.

    Raises
    ------
    UserError
        If ``sigma_scale`` is not above 0, or ``kind`` is unknown.
    """
    if sigma_scale <= 0:
        raise UserError(f"sigma_scale={sigma_scale}: choose a number above 0.")
    distances = sq_distances.astype(np.float64)
    is_edge = np.isfinite(distances)
    mean = distances[is_edge].mean() if is_edge.any() else 0.0
    if mean == 0:
        return is_edge.astype(np.float32)
    if kind == "global":
        return np.exp(-distances / (sigma_scale * mean)).astype(np.float32)
    if kind == "local":
        middle = np.maximum(is_edge.sum(axis=1) // 2, 1) - 1
        scale = np.take_along_axis(distances, middle[:, None], axis=1)
        scale[~is_edge[:, 0]] = mean  # of a row without neighbors; any finite number will do
        # Among many exact duplicates, s_i is 0: they count as very dense, but not as infinitely dense.
        scale = np.maximum(scale, 1e-4 * (scale.mean() or mean))
        root = np.sqrt(scale)
        return (np.exp(-distances / (2 * sigma_scale * scale)) * (root.mean() / root)).astype(np.float32)
    raise UserError(f"affinity={kind!r}: choose 'global' or 'local'.")
