"""Images that are almost the same as another, and images that resemble no other."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

NEAR = 0.35  # of the usual distance to the last of the neighbors, below which two images are near-duplicates
TINY = 1e-12


def outlier_factors(neighbors: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Return the local outlier factor of every row (Breunig et al., SIGMOD 2000), float64 [n].

    About 1 for a row whose neighbors lie as close around it as their own neighbors around them; larger for outliers.

    Parameters
    ----------
    neighbors : ndarray of int, shape (n, k)
        Nearest first.
    distances : ndarray of float, shape (n, k)
    """
    if neighbors.shape[1] == 0:
        return np.ones(len(neighbors))
    reach = np.maximum(distances, distances[neighbors, -1])
    density = 1 / np.maximum(reach.mean(axis=1, dtype=np.float64), TINY)
    factors: np.ndarray = density[neighbors].mean(axis=1) / density
    return factors


def near_duplicates(neighbors: np.ndarray, distances: np.ndarray) -> list[np.ndarray]:
    """Return groups of rows that lie far closer together than neighbors usually do, the closest first.

    Two rows are near-duplicates if they are neighbors at less than :data:`NEAR` of the median distance to the last of
    the k neighbors; the nearest ones may be near-duplicates all over a set. A group is connected by such pairs.

    Parameters
    ----------
    neighbors : ndarray of int, shape (n, k)
        Nearest first.
    distances : ndarray of float, shape (n, k)

    Returns
    -------
    groups : list of ndarray of int64
        Rows, ascending.
    """
    n, k = neighbors.shape
    if k == 0:
        return []
    row, column = np.nonzero(distances <= NEAR * np.median(distances[:, -1]))
    pairs = csr_array((np.ones(len(row), bool), (row, neighbors[row, column])), shape=(n, n))
    n_groups, group = connected_components(pairs, directed=False)
    sizes = np.bincount(group, minlength=n_groups)
    members = np.split(np.argsort(group, kind="stable"), np.cumsum(sizes)[:-1])
    found = [rows for rows in members if len(rows) > 1]
    return sorted(found, key=lambda rows: float(distances[rows, 0].min()))
