"""How much memory a clustering takes, known before it begins."""

from __future__ import annotations

# Bytes, measured as the peak of the resident memory of jobs/cluster.py, with room to spare.
PROGRAM = 9e8  # Python with torch, FAISS, numba and pyarrow, and what they compile
A_ROW = 700  # id, path, and the merging: pairs, queue, tree
A_NUMBER = 4 * 3.25  # of the vectors, while they are read and joined, or searched in a copy
AN_EDGE = 60  # of the graph, while its distances become affinities, in double precision


def clustering_bytes(n: int, numbers: int, n_neighbors: int) -> float:
    """Return how many bytes of memory the clustering of n vectors takes at most.

    Parameters
    ----------
    n : int
    numbers : int
        In all vectors, n·d.
    n_neighbors : int
        K_s.
    """
    return PROGRAM + A_ROW * n + max(A_NUMBER * numbers, 4 * numbers + AN_EDGE * n * n_neighbors)
