"""How much memory a clustering takes, known before it begins."""

from __future__ import annotations

# Bytes, from the peak resident memory of jobs/cluster.py on 1,000 to 300,000 vectors of 16 to 4,096 numbers, with one
# thread. The sum was above every one of these peaks, by up to a third; a million vectors have not been measured.
PROGRAM = 1.2e9  # Python with Ray, torch, FAISS and pyarrow, and numba while it compiles for the first time
A_ROW = 700  # id, path, and the merging: pairs, queue, tree
A_NUMBER = 20  # of the vectors, while they are read, and centred for the search
A_DIMENSION = 120_000  # of each vector: 10,000 pairs of them are compared for the health of the embedding
AN_EDGE = 40  # of the graph, while its distances become affinities, in double precision


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
    dimensions = numbers / max(n, 1)
    return PROGRAM + A_ROW * n + A_NUMBER * numbers + A_DIMENSION * dimensions + AN_EDGE * n * n_neighbors
