"""Rows scaled to length 1, where Euclidean distances rank as cosines do."""

from __future__ import annotations

import numpy as np

SHORTEST = 1e-15  # of what is squared as it is; squares of shorter rows vanish in float32


def scale_to_unit_length(rows: np.ndarray) -> np.ndarray:
    """Scale rows to length 1, in place, and return which have a direction, bool [n]; those of zeros stay as they are.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, d)
        Finite.
    """
    with np.errstate(over="ignore", under="ignore"):
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    extreme = np.flatnonzero((lengths < SHORTEST) | np.isinf(lengths))
    if len(extreme):  # a power of two changes no digits
        scaled = rows[extreme]
        scaled = np.ldexp(scaled, -np.frexp(np.abs(scaled).max(axis=1, keepdims=True))[1])
        rows[extreme], lengths[extreme] = scaled, np.linalg.norm(scaled, axis=1, keepdims=True)
    has_direction = lengths[:, 0] > 0
    lengths[~has_direction] = 1
    rows /= lengths
    return has_direction
