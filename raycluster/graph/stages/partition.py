"""Partitions of a graph: an order of the rows in which those that merge soon lie close together in memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array, csr_array

from raycluster.graph.kernel.compiled import compiled
from raycluster.graph.kernel.disjoint_set import find, join, number_sets

PARTITION_ROWS = 32_768  # the tables of this many rows fit into one core's share of the cache
NEAR = 3  # neighbors of a row that decide which clusters belong together


class PartitionedGraph(NamedTuple):
    """A k-NN graph with its rows in the order of its partitions; a row is known by its position in this order."""

    rows: np.ndarray  # int32 [n], the original row at each position
    neighbor_ids: np.ndarray  # int32 [n, k], positions
    weights: np.ndarray  # float32 [n, k]


def order_by_partition(neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray) -> PartitionedGraph:
    """Order the rows by partition, within each partition by cluster, and within each cluster by row.

    Parameters
    ----------
    neighbor_ids : ndarray of int32, shape (n, k)
    weights : ndarray of float32, shape (n, k)
    labels : ndarray of int32, shape (n,)
        Clusters 0..c-1.

    Returns
    -------
    PartitionedGraph
    """
    partition = find_partitions(neighbor_ids, weights, labels, PARTITION_ROWS)
    clusters = np.argsort(partition, kind="stable")
    number = np.empty(len(partition), np.int32)
    number[clusters] = np.arange(len(partition), dtype=np.int32)
    rows = np.argsort(number[labels], kind="stable").astype(np.int32)
    position = np.empty(len(rows), np.int32)
    position[rows] = np.arange(len(rows), dtype=np.int32)
    return PartitionedGraph(rows, position[neighbor_ids[rows]], weights[rows])


def find_partitions(neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, max_rows: int) -> np.ndarray:
    """Group clusters that are close into partitions of at most ``max_rows`` rows, unless a single cluster has more.

    It begins with one partition for each cluster. In rounds, every partition joins the one to which its rows have the
    most weight, counting the edges to their ``NEAR`` nearest neighbors, as far as size allows.

    Parameters
    ----------
    neighbor_ids, weights, labels
        As for :func:`order_by_partition`.
    max_rows : int

    Returns
    -------
    ndarray of int32, shape (c,)
        The partition of every cluster, 0..p-1.
    """
    near = min(NEAR, neighbor_ids.shape[1])
    ends = np.repeat(labels, near), labels[neighbor_ids[:, :near]].ravel()
    size = np.bincount(labels)
    links = coo_array((weights[:, :near].ravel(), ends), shape=(len(size), len(size))).tocsr()
    partition = np.arange(len(size), dtype=np.int32)
    while True:
        joined = _join_by_weight(links.indptr, links.indices, links.data, size.copy(), max_rows)
        p = joined.max() + 1
        if p == len(size):
            return partition
        members = csr_array((np.ones(len(size), np.float32), (np.arange(len(size)), joined)), (len(size), p))
        links = members.T @ links @ members
        size = np.bincount(joined, size).astype(np.int64)
        partition = joined[partition]


@compiled
def _join_by_weight(
    start: np.ndarray, other: np.ndarray, weight: np.ndarray, size: np.ndarray, max_rows: int
) -> np.ndarray:
    """Join every partition to the one it has most weight to, as far as size allows; return the new number of each.

    ``start``, ``other`` and ``weight`` are the weights between partitions as a CSR matrix.
    """
    p = len(size)
    parent = np.arange(p).astype(np.int32)
    for one in range(p):
        best = -1
        for entry in range(start[one], start[one + 1]):
            there = other[entry]
            if there == one or weight[entry] <= 0 or size[find(parent, one)] + size[find(parent, there)] > max_rows:
                continue
            if best < 0 or weight[entry] > weight[best] or (weight[entry] == weight[best] and there < other[best]):
                best = entry
        if best >= 0:
            here, there = find(parent, one), find(parent, other[best])
            if join(parent, here, there):
                size[min(here, there)] += size[max(here, there)]
    return number_sets(parent)
