"""Parts of a graph: an order of the rows in which what is merged soon lies close together in memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.sparse import coo_array, csr_array

from raycluster.graph.kernel.components import numbered
from raycluster.graph.kernel.disjoint_set import find

PARTITION_ROWS = 32_768  # the tables of so many rows fit a core's share of the cache
NEAR = 3  # neighbours of a row by which parts are grown


class OrderedGraph(NamedTuple):
    """A k-NN graph with its rows in another order."""

    rows: np.ndarray  # int32 [n], the original row in each place
    neighbor_ids: np.ndarray  # int32 [n, k], places
    weights: np.ndarray  # float32 [n, k]
    part_start: np.ndarray  # int64 [p + 1], part i has the places part_start[i] to part_start[i + 1] - 1


def order_by_partition(neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray) -> OrderedGraph:
    """Order the rows by part, within each part by cluster, and within each cluster by row.

    Parameters
    ----------
    neighbor_ids : ndarray of int32, shape (n, k)
    weights : ndarray of float32, shape (n, k)
    labels : ndarray of int32, shape (n,)
        Clusters 0..c-1.

    Returns
    -------
    OrderedGraph
    """
    part = find_partitions(neighbor_ids, weights, labels, PARTITION_ROWS)
    clusters = np.argsort(part, kind="stable")
    number = np.empty(len(part), np.int32)
    number[clusters] = np.arange(len(part), dtype=np.int32)
    rows = np.argsort(number[labels], kind="stable").astype(np.int32)
    place = np.empty(len(rows), np.int32)
    place[rows] = np.arange(len(rows), dtype=np.int32)
    part_start = _fill_up(np.bincount(part, np.bincount(labels)).astype(np.int64), PARTITION_ROWS)
    return OrderedGraph(rows, place[neighbor_ids[rows]], weights[rows], part_start)


def find_partitions(neighbor_ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, most: int) -> np.ndarray:
    """Group clusters that are close into parts of at most ``most`` rows, unless a single cluster has more.

    In rounds, every part so far is joined to the one that its rows have the most weight to, of the edges to their
    ``NEAR`` nearest neighbours, as far as size allows.

    Parameters
    ----------
    neighbor_ids, weights, labels
        As for :func:`order_by_partition`.
    most : int

    Returns
    -------
    ndarray of int32, shape (c,)
        The part of every cluster, 0..p-1.
    """
    near = min(NEAR, neighbor_ids.shape[1])
    ends = np.repeat(labels, near), labels[neighbor_ids[:, :near]].ravel()
    size = np.bincount(labels)
    links = coo_array((weights[:, :near].ravel(), ends), shape=(len(size), len(size))).tocsr()
    part = np.arange(len(size), dtype=np.int32)
    while True:
        joined = _grow(links.indptr, links.indices, links.data, size.copy(), most)
        n_parts = joined.max() + 1
        if n_parts == len(size):
            return part
        members = csr_array((np.ones(len(size), np.float32), (np.arange(len(size)), joined)), (len(size), n_parts))
        links = members.T @ links @ members
        size = np.bincount(joined, size).astype(np.int64)
        part = joined[part]


def _fill_up(size: np.ndarray, most: int) -> np.ndarray:
    """Put successive parts together while they are small, since pieces of a graph do not grow together; say where."""
    start, rows = [0], 0
    for i in range(len(size)):
        if rows > 0 and rows + size[i] > most:
            start.append(start[-1] + rows)
            rows = 0
        rows += size[i]
    return np.array([*start, start[-1] + rows])


@njit(cache=True, nogil=True)
def _grow(start: np.ndarray, other: np.ndarray, weight: np.ndarray, size: np.ndarray, most: int) -> np.ndarray:
    """Join every part to the one it has most weight to, as far as size allows; return the new number of each."""
    p = len(size)
    parent = np.arange(p).astype(np.int32)
    for one in range(p):
        best = -1
        for place in range(start[one], start[one + 1]):
            there = other[place]
            if there == one or weight[place] <= 0 or size[find(parent, one)] + size[find(parent, there)] > most:
                continue
            if best < 0 or weight[place] > weight[best] or (weight[place] == weight[best] and there < other[best]):
                best = place
        if best >= 0:
            here, there = find(parent, one), find(parent, other[best])
            if here != there:
                parent[max(here, there)] = min(here, there)
                size[min(here, there)] += size[max(here, there)]
    return numbered(parent)
