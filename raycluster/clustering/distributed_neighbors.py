"""The search for neighbors on many processes: each one searches blocks of rows, and one collects the graph."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

import numpy as np
import ray

from raycluster.graph.neighbors.flat import ALIGNMENT
from raycluster.graph.neighbors.nearest import NeighborIndex
from raycluster.graph.neighbors.search import Search

FEWEST_PARTS = 4  # of a block, each with ALIGNMENT rows, for one thread


def neighbors_in_blocks(
    features: np.ndarray,
    n_neighbors: int,
    n_tasks: int,
    seed: int = 0,
    cpus_per_task: float = 1,
    gpus_per_task: float = 0,
    block_rows: int | None = None,
) -> tuple[np.ndarray, np.ndarray, Search]:
    """Search for the neighbors of all rows with Ray tasks, each for a block of rows.

    Parameters
    ----------
    features, n_neighbors, seed
        As for :func:`raycluster.graph.neighbors.nearest.nearest_neighbors`.
    n_tasks : int
        How many tasks run at a time. Each one holds a copy of the features.
    cpus_per_task, gpus_per_task : float
        The resources of a task; it computes with as many threads as it has CPUs, but at least one. Use 0 CPUs if the
        cores belong to workers that are waiting. With GPUs, the search is exact up to the size that all tasks can
        handle together.
    block_rows : int, optional
        Rounded up to a multiple of ALIGNMENT; by default, enough for all threads of a task.

    Returns
    -------
    ids : ndarray of int32, shape (n, n_neighbors)
    sq_distances : ndarray of float32, shape (n, n_neighbors)
        Both as :func:`raycluster.graph.neighbors.nearest.nearest_neighbors` returns them for the same seed; on CPUs,
        the same bit for bit.
    search : Search
        Whether the search is exact or approximate, and its recall.

    Raises
    ------
    UserError
        As for :func:`raycluster.graph.neighbors.nearest.nearest_neighbors`.
    """
    index = NeighborIndex(features, n_neighbors, seed, math.ceil(n_tasks * gpus_per_task))
    n, k = len(features), index.n_neighbors
    ids, distances = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    parts = max(FEWEST_PARTS, math.ceil(cpus_per_task)) if block_rows is None else math.ceil(block_rows / ALIGNMENT)
    block_rows = parts * ALIGNMENT
    shared = ray.put(index)
    task = _search_rows.options(num_cpus=cpus_per_task, num_gpus=gpus_per_task)
    blocks = ((task.remote(shared, start, start + block_rows), start) for start in range(0, n, block_rows))
    waiting: dict[Any, int] = dict(islice(blocks, n_tasks))
    while waiting:
        (done,), _ = ray.wait(list(waiting), num_returns=1)
        start = waiting.pop(done)
        waiting.update(islice(blocks, 1))
        found_ids, found_distances = ray.get(done)
        ids[start : start + len(found_ids)] = found_ids
        distances[start : start + len(found_ids)] = found_distances
    return ids, distances, index.search


@ray.remote
def _search_rows(index: NeighborIndex, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    return index.rows(start, stop)
