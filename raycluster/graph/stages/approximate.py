"""Approximate merging on all cores: partitions of the graph side by side, each aware of the clusters around it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from raycluster.graph.kernel.compiled import compiled
from raycluster.graph.kernel.merging import merge
from raycluster.graph.kernel.touches import find_touches
from raycluster.graph.stages.partition import PartitionedGraph


def merge_partitions(
    graph: PartitionedGraph,
    labels: np.ndarray,
    smallest_row: np.ndarray,
    n_neighbor_clusters: int,
    local_structure: float,
    epsilon: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merge inside all partitions of a graph at the same time, and leave the rest to the exact merging.

    Which pair merges in one place does not depend on merges far away. Every partition is therefore merged by itself,
    the pair with the highest score first. It sees the clusters around it, which do not change meanwhile. Two clusters
    merge if their affinity is at least 1/(1+ε) of what either has to a cluster outside the partition; otherwise, they
    wait.

    A partition stops when half of its clusters are gone, counting each cluster that has waited as half a merge. If it
    went on, its inner clusters would grow much larger than those that wait and, since affinity divides by their sizes,
    clusters would chain together (observed with a million points).

    That a pair within a factor 1+ε of the best may be merged before the best is the idea of ParHAC and TeraHAC
    (Dhulipala et al., 2022 and 2024). These merge in buckets of affinity or in rounds over the whole graph, which is
    possible with average linkage; here, every such round would cost more than the whole exact merging. Therefore,
    partitions take the place of buckets, and stopping at one half that of their cap on growth. Nothing is random.

    Parameters
    ----------
    graph : PartitionedGraph
    labels : ndarray of int32, shape (n,)
        The cluster at every position of the graph, numbered by position. The positions of a cluster are consecutive.
    smallest_row : ndarray of int32, shape (c,)
        The smallest original row of every cluster.
    n_neighbor_clusters : int
        K_c.
    local_structure : float
        λ.
    epsilon : float
        ε.

    Returns
    -------
    kept, joined : ndarray of int32, shape (merges,)
        Smallest rows of the merged clusters, kept < joined. The merges of all partitions are sorted by the lowest
        affinity that their partition had reached, and are the same on any number of threads.
    affinity : ndarray of float64, shape (merges,)
    """
    cluster_start = np.append(0, np.cumsum(np.bincount(labels)))

    def merge_partition(i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        first, stop = graph.start[i], graph.start[i + 1]
        own = np.arange(labels[first], labels[stop - 1] + 1)
        if len(own) == 1:
            return np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0)
        clusters = np.append(own, _clusters_around(graph.neighbor_ids, graph.weights, labels, first, stop))
        ids, weights, local_labels = _subgraph(
            graph.neighbor_ids, graph.weights, labels, cluster_start, clusters, len(own)
        )
        touches = find_touches(ids, weights, local_labels, len(clusters), two_way=False)
        return merge(
            touches,
            local_labels,
            np.bincount(local_labels).astype(np.int32),
            smallest_row[clusters],
            len(clusters) - len(own) // 2,
            n_neighbor_clusters,
            local_structure,
            outside=np.arange(len(clusters)) >= len(own),
            epsilon=epsilon,
        )

    with ThreadPoolExecutor(numba.get_num_threads()) as pool:
        found = list(pool.map(merge_partition, range(len(graph.start) - 1)))
    kept, joined, affinity = (np.concatenate(column) for column in zip(*found, strict=True))
    lowest = np.concatenate([np.minimum.accumulate(affinity) for _, _, affinity in found])
    order = np.argsort(-lowest, kind="stable")
    return kept[order], joined[order], affinity[order]


@compiled
def _clusters_around(
    neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, first: int, stop: int
) -> np.ndarray:
    """Return the clusters to which an edge leads from positions ``first`` to ``stop``, int64, in ascending order.

    No others outside the partition have affinity to the clusters inside.
    """
    seen = np.zeros(labels[-1] + 1, np.bool_)
    for position in range(first, stop):
        for t in range(neighbor_ids.shape[1]):
            other = neighbor_ids[position, t]
            if weights[position, t] > 0 and not first <= other < stop:
                seen[labels[other]] = True
    return np.flatnonzero(seen)


@compiled
def _subgraph(
    neighbor_ids: np.ndarray,
    weights: np.ndarray,
    labels: np.ndarray,
    start: np.ndarray,
    clusters: np.ndarray,
    n_own: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the graph of some clusters, without the edges between those outside the partition, and its labels.

    The first ``n_own`` of ``clusters`` are inside the partition. ``start`` holds the first position of every cluster.
    """
    local_start = np.zeros(len(clusters) + 1, np.int64)
    number = np.full(len(start) - 1, -1, np.int32)
    for i in range(len(clusters)):
        local_start[i + 1] = local_start[i] + start[clusters[i] + 1] - start[clusters[i]]
        number[clusters[i]] = i
    k = neighbor_ids.shape[1]
    ids = np.zeros((local_start[-1], k), np.int32)
    kept = np.zeros((local_start[-1], k), np.float32)
    local_labels = np.empty(local_start[-1], np.int32)
    for i in range(len(clusters)):
        for row in range(local_start[i], local_start[i + 1]):
            position = start[clusters[i]] + row - local_start[i]
            local_labels[row] = i
            for t in range(k):
                other = neighbor_ids[position, t]
                j = number[labels[other]]
                if j >= 0 and (i < n_own or j < n_own):
                    ids[row, t] = local_start[j] + other - start[labels[other]]
                    kept[row, t] = weights[position, t]
    return ids, kept, local_labels
