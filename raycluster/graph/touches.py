"""Which clusters touch a sample by an edge, and how strongly: the table behind the exact update of affinities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit


class Touches(NamedTuple):
    """For every sample m the clusters C, other than its own, with an edge from or to it.

    Sample m has the slots ``rows[m, 0]`` to ``rows[m, 1] - 1``. In each, ``cluster`` says which C, and ``weight`` holds
    in_C(m) = Σ_{v∈C} W[v,m] and out_C(m) = Σ_{v∈C} W[m,v]. The other way round, the samples that C touches are a
    linked list of ``n_nodes[C]`` nodes (sample, next node or -1) that begins at node ``head[C]``.

    What is read together lies together, as the merge loop spends its time waiting for memory.
    """

    rows: np.ndarray  # int64 [n, 2]
    cluster: np.ndarray  # int32 [slots]
    weight: np.ndarray  # float32 [slots, 2]
    head: np.ndarray  # int32 [c], -1 for none
    n_nodes: np.ndarray  # int32 [c]
    node: np.ndarray  # int32 [slots, 2]


@njit(cache=True, nogil=True)
def incoming_edges(neighbor_ids: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn the graph round, edges of weight 0 left out.

    Returns
    -------
    start : ndarray of int64, shape (n + 1,)
        The edges into m are start[m] to start[m + 1] - 1.
    source : ndarray of int32, shape (e,)
    weight : ndarray of float32, shape (e,)
    """
    n, k = neighbor_ids.shape
    start = np.zeros(n + 1, np.int64)
    for v in range(n):
        for t in range(k):
            if weights[v, t] > 0:
                start[neighbor_ids[v, t] + 1] += 1
    start = np.cumsum(start)
    filled = start[:-1].copy()
    source = np.empty(start[n], np.int32)
    weight = np.empty(start[n], np.float32)
    for v in range(n):
        for t in range(k):
            if weights[v, t] > 0:
                m = neighbor_ids[v, t]
                source[filled[m]] = v
                weight[filled[m]] = weights[v, t]
                filled[m] += 1
    return start, source, weight


@njit(cache=True, nogil=True)
def find_touches(
    neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, n_clusters: int, two_way: bool
) -> Touches:
    """Fill the table.

    Parameters
    ----------
    neighbor_ids : ndarray of int32, shape (n, k)
    weights : ndarray of float32, shape (n, k)
    labels : ndarray of int32, shape (n,)
        Clusters 0..n_clusters-1.
    n_clusters : int
    two_way : bool
        Whether every edge counts in both directions, that is, whether the graph is W + Wᵀ.
    """
    n, k = neighbor_ids.shape
    in_start, in_source, in_weight = incoming_edges(neighbor_ids, weights)
    rows = np.empty((n, 2), np.int64)
    seen_by = np.full(n_clusters, -1, np.int32)
    n_slots = 0
    for m in range(n):
        rows[m, 0] = n_slots
        seen_by[labels[m]] = m
        for t in range(k):
            c = labels[neighbor_ids[m, t]]
            if weights[m, t] > 0 and seen_by[c] != m:
                seen_by[c] = m
                n_slots += 1
        for e in range(in_start[m], in_start[m + 1]):
            c = labels[in_source[e]]
            if seen_by[c] != m:
                seen_by[c] = m
                n_slots += 1
        rows[m, 1] = n_slots

    cluster = np.empty(n_slots, np.int32)
    weight = np.zeros((n_slots, 2), np.float32)
    n_nodes = np.zeros(n_clusters, np.int32)
    slot_of = np.full(n_clusters, -1, np.int64)  # of the sample in hand, if not before its first slot
    for m in range(n):
        first = free_slot = rows[m, 0]
        for t in range(k):
            c = labels[neighbor_ids[m, t]]
            if weights[m, t] > 0 and c != labels[m]:
                if slot_of[c] < first:
                    slot_of[c] = free_slot
                    cluster[free_slot] = c
                    free_slot += 1
                weight[slot_of[c], 1] += weights[m, t]
        for e in range(in_start[m], in_start[m + 1]):
            c = labels[in_source[e]]
            if c != labels[m]:
                if slot_of[c] < first:
                    slot_of[c] = free_slot
                    cluster[free_slot] = c
                    free_slot += 1
                weight[slot_of[c], 0] += in_weight[e]
    for slot in range(n_slots):
        n_nodes[cluster[slot]] += 1
        if two_way:
            weight[slot] = weight[slot, 0] + weight[slot, 1]

    # The nodes of one cluster lie side by side at first.
    node = np.empty((n_slots, 2), np.int32)
    node[:, 1] = np.arange(1, n_slots + 1)
    head = np.full(n_clusters, -1, np.int32)
    free_node = np.empty(n_clusters, np.int64)
    n_used = 0
    for c in range(n_clusters):
        free_node[c] = n_used
        if n_nodes[c] > 0:
            head[c] = n_used
            n_used += n_nodes[c]
            node[n_used - 1, 1] = -1
    for m in range(n):
        for slot in range(rows[m, 0], rows[m, 1]):
            c = cluster[slot]
            node[free_node[c], 0] = m
            free_node[c] += 1
    return Touches(rows, cluster, weight, head, n_nodes, node)
