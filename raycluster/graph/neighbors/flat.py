"""Exact search by FAISS: on all GPUs or, without one, all CPU threads."""

from __future__ import annotations

from collections.abc import Iterator

import faiss
import numpy as np

# FAISS multiplies matrices in blocks of this many queries. A search that starts at a multiple of it uses the same
# blocks as a search of all rows, so that every distance is the same to the last bit.
ALIGNMENT = 4096
QUERIES = 16 * ALIGNMENT  # rows that are copied at a time
GPU_MAX_K = 2048


def centered_blocks(features: np.ndarray, mean: np.ndarray) -> Iterator[np.ndarray]:
    """Yield all rows minus the mean, block by block; far from the origin, FAISS loses small differences to rounding."""
    for start in range(0, len(features), QUERIES):
        yield features[start : start + QUERIES] - mean


def search_flat(features: np.ndarray, mean: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Return the k rows nearest to every query, int32 [m, k].

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
    mean : ndarray of float32, shape (d,)
    queries : ndarray of float32, shape (m, d)
    k : int
        At most n.
    """
    index: faiss.Index = faiss.IndexFlatL2(features.shape[1])
    for block in centered_blocks(features, mean):
        index.add(block)
    if faiss.get_num_gpus() and k <= GPU_MAX_K:
        options = faiss.GpuMultipleClonerOptions()
        options.shard = False  # every GPU holds all rows and answers some of the queries
        index = faiss.index_cpu_to_all_gpus(index, options)
    found = [index.search(block, k)[1].astype(np.int32) for block in centered_blocks(queries, mean)]
    return np.concatenate(found)
