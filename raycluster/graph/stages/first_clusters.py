"""The first clusters: every row together with its nearest neighbor."""

from __future__ import annotations

import numpy as np

from raycluster.graph.kernel.compiled import compiled
from raycluster.graph.kernel.disjoint_set import join, number_sets


def first_clusters(neighbor_ids: np.ndarray) -> np.ndarray:
    """Put every row into one cluster with its nearest neighbor (JULE).

    Parameters
    ----------
    neighbor_ids : ndarray of int32, shape (n, k)
        Only the first column counts.

    Returns
    -------
    ndarray of int32, shape (n,)
        Connected components of the 1-NN graph, numbered by their smallest row.
    """
    if neighbor_ids.shape[1] == 0:  # a single row has no neighbors
        return np.arange(len(neighbor_ids), dtype=np.int32)
    return _connected_components(np.ascontiguousarray(neighbor_ids[:, 0], dtype=np.int32))


@compiled
def _connected_components(nearest: np.ndarray) -> np.ndarray:
    parent = np.arange(len(nearest)).astype(np.int32)
    for i in range(len(nearest)):
        join(parent, i, nearest[i])
    return number_sets(parent)
