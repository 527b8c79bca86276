"""The index in which neighbors are searched: exact up to a certain size, inverted lists of known recall beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import faiss
import numpy as np

from raycluster.graph.neighbors.distances import squared_distances

# The cost of an exact search is n²·(d + 75); 75 is the cost of comparing and selecting, in dimensions. One core takes
# about 140 s for the limit below: 70,000 rows of 784 numbers or 150,000 of 160 are searched exactly, twice as many not.
MAX_EXACT_COST = 6e12
GPU_SPEED = 100  # of one GPU, in such cores; an estimate
LIST_PENALTY = 12  # how much more a distance costs in lists, where it is computed alone, than in a product of matrices
MIN_RECALL = 0.98
RECALL_SAMPLE = 1000  # rows
BLOCK_ROWS = 65_536  # copied at a time


@dataclass(frozen=True)
class Search:
    """How neighbors are searched; ``str(search)`` says it in words.

    Attributes
    ----------
    kind : {"exact", "lists"}
        "lists": the rows are in lists, one for each k-means centroid, and only the nearest lists are searched.
    recall : float
        Share of the true neighbors that are found, measured on a sample of rows; 1 for an exact search.
    n_lists, n_probes : int
        The number of lists, and how many of them are searched for each row; 0 for an exact search.
    """

    kind: Literal["exact", "lists"] = "exact"
    recall: float = 1.0
    n_lists: int = 0
    n_probes: int = 0

    def __str__(self) -> str:
        if self.kind == "exact":
            return "exact search"
        return (
            f"approximate search in {self.n_probes} of {self.n_lists:,} lists of rows; it finds {self.recall:.1%} of "
            "the true neighbors"
        )


def can_be_exact(n: int, d: int, n_gpus: int, n_queries: int | None = None) -> bool:
    """Return whether n rows of d numbers are few enough for an exact search, on this many GPUs or on a CPU (0).

    Neighbors are searched for ``n_queries`` rows, by default for all n.
    """
    return float(n) * (n if n_queries is None else n_queries) * (d + 75) <= MAX_EXACT_COST * max(1, GPU_SPEED * n_gpus)


def centered_blocks(features: np.ndarray, mean: np.ndarray) -> Iterator[np.ndarray]:
    """Yield all rows minus the mean, block by block; far from the origin, FAISS loses small differences to rounding."""
    for start in range(0, len(features), BLOCK_ROWS):
        yield features[start : start + BLOCK_ROWS] - mean


def build_flat(features: np.ndarray, mean: np.ndarray) -> faiss.Index:
    """Return an index for exact search."""
    index = faiss.IndexFlatL2(features.shape[1])
    for block in centered_blocks(features, mean):
        index.add(block)
    return index


def build_lists(features: np.ndarray, mean: np.ndarray, k: int, seed: int) -> tuple[faiss.Index | None, Search]:
    """Fill the lists, then double the number of probed lists until the recall is good enough.

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
    mean : ndarray of float32, shape (d,)
    k : int
        How many rows to find for each row.
    seed : int
        Seed of the k-means, and of the samples on which it and the recall are computed.

    Returns
    -------
    index : faiss.IndexIVFFlat or None
        None if so many rows would have to be searched that an exact search costs less. This happens if the features
        have no structure, or most rows are identical.
    search : Search
    """
    n, d = features.shape
    rng = np.random.default_rng(seed)
    n_lists = max(1, min(int(4 * n**0.5), n // 39))  # FAISS wants 39 rows per list for its k-means
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, n_lists)
    index.cp.seed, index.cp.max_points_per_centroid = seed, 64
    index.train(_sample(features, mean, 64 * n_lists, rng)[1])
    for block in centered_blocks(features, mean):
        index.add(block)

    rows, sample = _sample(features, mean, RECALL_SAMPLE, rng)
    farthest = squared_distances(features[rows], features, _nearest(features, mean, sample, k)).max(axis=1)
    sizes = np.array([index.get_list_size(i) for i in range(n_lists)])
    index.nprobe = min(8, n_lists)
    while True:
        _, lists = index.quantizer.search(sample, index.nprobe)
        if LIST_PENALTY * sizes[lists].sum(axis=1).mean() > n:
            return None, Search()
        _, found = index.search(sample, k)
        # Of rows at the same distance, any will do.
        recall = float((squared_distances(features[rows], features, found) <= farthest[:, None]).mean())
        if recall >= MIN_RECALL or index.nprobe == n_lists:
            return index, Search("lists", recall, n_lists, index.nprobe)
        index.nprobe = min(2 * index.nprobe, n_lists)


def _sample(
    features: np.ndarray, mean: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    rows = np.sort(rng.choice(len(features), min(size, len(features)), replace=False))
    return rows, features[rows] - mean


def _nearest(features: np.ndarray, mean: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    best = faiss.ResultHeap(len(queries), k)
    start = 0
    for block in centered_blocks(features, mean):
        distances, ids = faiss.knn(queries, block, min(k, len(block)))
        best.add_result(distances, ids + start)
        start += len(block)
    best.finalize()
    return best.I
