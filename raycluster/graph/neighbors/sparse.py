"""A k-NN graph as others hold it, a sparse matrix of distances, turned into ours: arrays of ids and distances."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, csr_matrix
from scipy.sparse.csgraph import connected_components

from raycluster.errors import UserError


def neighbors_from_sparse(
    graph: csr_array | csr_matrix, n_neighbors: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read the neighbours out of a matrix of distances, whose stored entries are the edges, also where they are 0.

    Parameters
    ----------
    graph : sparse matrix, CSR, shape (n, n)
        Plain distances, not squared, such as ``sklearn.neighbors.kneighbors_graph(X, k, mode="distance")`` returns.
        Entries on the diagonal are left out. Rows may have different numbers of entries.
    n_neighbors : int, optional
        Keep so many of the nearest in each row. All if not given.

    Returns
    -------
    ids : ndarray of int32, shape (n, k)
        k is the largest number of neighbours of any row. Nearest first, equal distances by row number. A row with
        fewer is filled up with itself.
    sq_distances : ndarray of float32, shape (n, k)
        Infinite where a row is filled up, so that the weight of that edge is 0.

    Raises
    ------
    UserError
        If the matrix is not square, or has no edge, or one that is negative or whose square overflows.
    """
    n = graph.shape[0]
    if graph.shape != (n, n):
        raise UserError(f"A precomputed graph must be square, not {graph.shape}: give distances from rows to rows.")
    source = np.repeat(np.arange(n, dtype=np.int32), np.diff(graph.indptr))
    off_diagonal = source != graph.indices
    source, target, distance = source[off_diagonal], graph.indices[off_diagonal], graph.data[off_diagonal]
    if len(source) == 0 or distance.min() < 0:
        raise UserError("A precomputed graph must have edges, with distances of at least 0.")
    if float(distance.max()) ** 2 > float(np.finfo(np.float32).max):
        raise UserError("The distances are so large that their squares overflow: scale them down.")
    order = np.lexsort((target, distance, source))
    source, target, distance = source[order], target[order], distance[order]
    count = np.bincount(source, minlength=n)
    place = np.arange(len(source)) - np.repeat(np.cumsum(count) - count, count)
    k = min(count.max(), n_neighbors or n)
    kept = place < k
    ids = np.repeat(np.arange(n, dtype=np.int32)[:, None], k, axis=1)
    sq_distances = np.full((n, k), np.inf, np.float32)
    ids[source[kept], place[kept]] = target[kept]
    sq_distances[source[kept], place[kept]] = distance[kept] ** 2
    return ids, sq_distances


def nearest_from_sparse(distances: csr_array | csr_matrix) -> np.ndarray:
    """Return the column of the smallest stored entry of every row, int32 [m]; the first of equal ones.

    Raises
    ------
    UserError
        If a row has no entry.
    """
    count = np.diff(distances.indptr)
    if (count == 0).any():
        raise UserError(f"{(count == 0).sum()} of {len(count)} points have no distance to any row of the fit: add one.")
    order = np.lexsort((distances.indices, distances.data, np.repeat(np.arange(len(count)), count)))
    return distances.indices[order[distances.indptr[:-1]]].astype(np.int32)


def count_components(neighbor_ids: np.ndarray) -> int:
    """Return how many parts of the graph (ids int [n, k]) have no edge between them, in any direction."""
    n, k = neighbor_ids.shape
    edges = np.ones(n * k, np.bool_), neighbor_ids.ravel(), np.arange(0, n * k + 1, k)
    return int(connected_components(csr_array(edges, shape=(n, n)), connection="weak", return_labels=False))
