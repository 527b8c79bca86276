"""Approximate merging on all cores: parts of the graph side by side, in sight of the clusters around them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numba import njit

from raycluster.graph.kernel.merging import merge
from raycluster.graph.kernel.partition import OrderedGraph
from raycluster.graph.kernel.touches import find_touches


def merge_partitions(
    graph: OrderedGraph,
    labels: np.ndarray,
    smallest_row: np.ndarray,
    n_neighbor_clusters: int,
    local_structure: float,
    epsilon: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merge inside the parts of a graph, all at the same time, and leave the rest to the exact merging.

    Which pair is merged in one place does not depend on merges far away. So every part is merged by itself, the pair
    with the highest score first, in sight of the clusters around it, which stay as they are meanwhile. Two clusters
    merge if their affinity is at least 1/(1+ε) of what either has to a cluster outside the part; else they wait.

    A part goes on until half of its clusters are gone, each that has waited counted half. If it went on, its inner
    clusters would grow much larger than those that wait, and as the affinity divides by their sizes, clusters would
    chain together (seen on a million points).

    That a pair within a factor 1+ε of the best may be merged before the best is the idea of ParHAC and TeraHAC
    (Dhulipala et al., 2022 and 2024). They merge in buckets of affinity or in rounds over the whole graph, which their
    linkages by average allow; every such round would cost more here than the exact merging in all. So parts take the
    place of buckets, their limit to a half that of the cap on growth, and nothing is random.

    Parameters
    ----------
    graph : OrderedGraph
    labels : ndarray of int32, shape (n,)
        The cluster of every place, numbered in the order of their places; those of a cluster lie side by side.
    smallest_row : ndarray of int32, shape (c,)
        The names of the clusters.
    n_neighbor_clusters, local_structure
        K_c and λ.
    epsilon : float
        ε.

    Returns
    -------
    kept, joined : ndarray of int32, shape (merges,)
        Names of the merged clusters, kept < joined. The merges of all parts are in the order of the lowest affinity
        that their part had come down to, and the same on any number of threads.
    affinity : ndarray of float64, shape (merges,)
    """
    start = np.append(0, np.cumsum(np.bincount(labels)))

    def merge_part(i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        first, stop = graph.part_start[i], graph.part_start[i + 1]
        own = np.arange(labels[first], labels[stop - 1] + 1)
        if len(own) == 1:
            return np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0)
        clusters = np.append(own, _clusters_seen(graph.neighbor_ids, graph.weights, labels, first, stop))
        ids, weights, local_labels = _cut_out(graph.neighbor_ids, graph.weights, labels, start, clusters, len(own))
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
        found = list(pool.map(merge_part, range(len(graph.part_start) - 1)))
    kept, joined, affinity = (np.concatenate(column) for column in zip(*found, strict=True))
    lowest = np.concatenate([np.minimum.accumulate(affinity) for _, _, affinity in found])
    order = np.argsort(-lowest, kind="stable")
    return kept[order], joined[order], affinity[order]


@njit(cache=True, nogil=True)
def _clusters_seen(
    neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, first: int, stop: int
) -> np.ndarray:
    """Return the clusters outside a part that an edge leads to; no others have affinity to clusters of the part."""
    seen = np.zeros(labels[-1] + 1, np.bool_)
    for place in range(first, stop):
        for t in range(neighbor_ids.shape[1]):
            other = neighbor_ids[place, t]
            if weights[place, t] > 0 and not first <= other < stop:
                seen[labels[other]] = True
    return np.flatnonzero(seen)


@njit(cache=True, nogil=True)
def _cut_out(
    neighbor_ids: np.ndarray,
    weights: np.ndarray,
    labels: np.ndarray,
    start: np.ndarray,
    clusters: np.ndarray,
    n_own: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the graph of some clusters, without the edges between clusters outside, and the labels in it."""
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
            place = start[clusters[i]] + row - local_start[i]
            local_labels[row] = i
            for t in range(k):
                other = neighbor_ids[place, t]
                j = number[labels[other]]
                if j >= 0 and (i < n_own or j < n_own):
                    ids[row, t] = local_start[j] + other - start[labels[other]]
                    kept[row, t] = weights[place, t]
    return ids, kept, local_labels
