"""An upper bound on the memory that a clustering takes, known before it begins."""

from __future__ import annotations

# From the peak resident memory of jobs/cluster.py on 1,000 to 300,000 vectors of 16 to 4,096 numbers, with one thread.
# The sum exceeded every one of these peaks, by up to a third. A million vectors have not been measured.
PROGRAM = 1.2e9  # bytes: Python with Ray, torch, FAISS and pyarrow, and numba while it compiles for the first time
PER_ROW = 700  # id, path, and the merging: pairs, tournament, tree
PER_NUMBER = 20  # of the vectors, while they are read and centered for the search
PER_DIMENSION = 120_000  # of a vector, because 10,000 pairs of vectors are compared for the health of the embedding
PER_EDGE = 40  # of the graph, while distances become affinities in double precision


def clustering_bytes(n: int, numbers: int, n_neighbors: int) -> float:
    """Return how many bytes of memory the clustering of n vectors takes at most.

    Parameters
    ----------
    n : int
    numbers : int
        In all vectors together, n·d.
    n_neighbors : int
        K_s.
    """
    dimensions = numbers / max(n, 1)
    return PROGRAM + PER_ROW * n + PER_NUMBER * numbers + PER_DIMENSION * dimensions + PER_EDGE * n * n_neighbors
