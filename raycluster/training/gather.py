"""Rows from several workers, in the order of their ids."""

from __future__ import annotations

import numpy as np

from raycluster.errors import UserError


def gather_rows(parts: list[tuple[np.ndarray, np.ndarray]], n: int) -> np.ndarray:
    """Put rows from several workers in the order of their ids, and check that each comes once, and is finite.

    Parameters
    ----------
    parts : list of (ids int64 [m], features float32 [m, d])
    n : int
        How many rows there must be in all.

    Returns
    -------
    features : ndarray of float32, shape (n, d)

    Raises
    ------
    ValueError
        If a row is missing or comes twice.
    UserError
        If features of the network are no longer finite: the training has diverged.
    """
    seen = np.bincount(np.concatenate([ids for ids, _ in parts]), minlength=n)
    if len(seen) != n or not (seen == 1).all():
        raise ValueError(f"{(seen == 0).sum()} of {n} rows are missing and {(seen > 1).sum()} came more than once")
    if not all(np.isfinite(part).all() for _, part in parts):
        raise UserError(
            "The training has diverged: the network's features are no longer finite. Choose a lower --learning-rate "
            "and another --out."
        )
    features = np.empty((n, parts[0][1].shape[1]), np.float32)
    for ids, part in parts:
        features[ids] = part
    return features
