"""A k-NN graph that comes as a sparse matrix of distances, turned into arrays of ids and distances."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, csr_matrix

from raycluster.errors import UserError


def neighbors_from_sparse(
    graph: csr_array | csr_matrix, n_neighbors: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read the neighbors from a matrix of distances. Its stored entries are the edges, including those that are 0.

    Parameters
    ----------
    graph : sparse matrix, CSR, shape (n, n)
        Plain distances, not squared, such as ``sklearn.neighbors.kneighbors_graph(X, k, mode="distance")`` returns.
        Entries on the diagonal are ignored. Rows may have different numbers of entries.
    n_neighbors : int, optional
        How many of the nearest to keep in each row; all by default.

    Returns
    -------
    ids : ndarray of int32, shape (n, k)
        Nearest first, equal distances by row number. k is the largest number of neighbors of any row; a row with fewer
        lists itself in the remaining entries.
    sq_distances : ndarray of float32, shape (n, k)
        Infinite in these entries, so that their weight is 0.

    Raises
    ------
    UserError
        If the matrix is not square, has no edges, or has a distance that is negative or whose square overflows.
    """
    n = graph.shape[0]
    if graph.shape != (n, n):
        raise UserError(
            f"A precomputed graph must be a square matrix of distances, but this one has shape {graph.shape}."
        )
    source = np.repeat(np.arange(n, dtype=np.int32), np.diff(graph.indptr))
    off_diagonal = source != graph.indices
    source, target, distance = source[off_diagonal], graph.indices[off_diagonal], graph.data[off_diagonal]
    if len(source) == 0 or distance.min() < 0:
        raise UserError("A precomputed graph must have edges, and their distances must be at least 0.")
    if float(distance.max()) ** 2 > float(np.finfo(np.float32).max):
        raise UserError("The distances are so large that their squares overflow: scale them down.")
    order = np.lexsort((target, distance, source))
    source, target, distance = source[order], target[order], distance[order]
    count = np.bincount(source, minlength=n)
    rank = np.arange(len(source)) - np.repeat(np.cumsum(count) - count, count)
    k = min(count.max(), n_neighbors or n)
    kept = rank < k
    ids = np.repeat(np.arange(n, dtype=np.int32)[:, None], k, axis=1)
    sq_distances = np.full((n, k), np.inf, np.float32)
    ids[source[kept], rank[kept]] = target[kept]
    sq_distances[source[kept], rank[kept]] = distance[kept] ** 2
    return ids, sq_distances


def nearest_from_sparse(distances: csr_array | csr_matrix) -> np.ndarray:
    """Return the column of the smallest stored entry of every row, int32 [m]; of equal entries, the first column.

    Raises
    ------
    UserError
        If a row has no entries.
    """
    count = np.diff(distances.indptr)
    if (count == 0).any():
        raise UserError(
            f"{(count == 0).sum()} of {len(count)} points have no distance to any fitted row: give each at least one."
        )
    order = np.lexsort((distances.indices, distances.data, np.repeat(np.arange(len(count)), count)))
    return distances.indices[order[distances.indptr[:-1]]].astype(np.int32)
