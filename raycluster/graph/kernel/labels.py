"""Clusters as labels, one number for each row: how they are numbered, joined, and named by their smallest rows.

The number of a cluster changes from stage to stage. Its smallest row does not depend on any numbering; merges therefore
go by smallest rows.
"""

from __future__ import annotations

import numpy as np

from raycluster.graph.kernel.compiled import compiled
from raycluster.graph.kernel.disjoint_set import join, number_sets


def number_by_smallest_row(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Assign numbers to clusters in the order of their smallest rows.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Any numbers, equal within a cluster.

    Returns
    -------
    labels : ndarray of int32, shape (n,)
        0..c-1.
    kept, joined : ndarray of int32, shape (n - c,)
        The merges of single rows that make these clusters, by smallest rows.
    """
    _, first_row, inverse = np.unique(labels, return_index=True, return_inverse=True)
    number = np.empty(len(first_row), np.int32)
    number[np.argsort(first_row)] = np.arange(len(first_row))
    smallest_row = first_row[inverse].astype(np.int32)
    joined = np.flatnonzero(smallest_row != np.arange(len(labels))).astype(np.int32)
    return number[inverse], smallest_row[joined], joined


@compiled
def number_by_position(labels: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Assign numbers to clusters in the order in which they appear among reordered rows.

    Parameters
    ----------
    labels : ndarray of int32, shape (n,)
        0..c-1.
    rows : ndarray of int32, shape (n,)
        The row at each position.

    Returns
    -------
    numbers : ndarray of int32, shape (n,)
        The cluster at each position.
    size, smallest_row : ndarray of int32, shape (c,)
        The size and the smallest row of every cluster, by its new number.
    """
    c = labels.max() + 1
    number = np.full(c, -1, np.int32)
    numbers = np.empty(len(rows), np.int32)
    size = np.zeros(c, np.int32)
    smallest_row = np.full(c, len(rows), np.int32)
    n_found = 0
    for position in range(len(rows)):
        cluster = labels[rows[position]]
        if number[cluster] < 0:
            number[cluster] = n_found
            n_found += 1
        i = number[cluster]
        numbers[position] = i
        size[i] += 1
        smallest_row[i] = min(smallest_row[i], rows[position])
    return numbers, size, smallest_row


@compiled
def smallest_rows(labels: np.ndarray) -> np.ndarray:
    """Return the smallest row of every cluster, int32 [c], from labels 0..c-1 (int32 [n])."""
    rows = np.full(labels.max() + 1, -1, np.int32)
    for i in range(len(labels)):
        if rows[labels[i]] < 0:
            rows[labels[i]] = i
    return rows


@compiled
def join_labels(labels: np.ndarray, smallest_row: np.ndarray, kept: np.ndarray, joined: np.ndarray) -> np.ndarray:
    """Return the labels after merges.

    Parameters
    ----------
    labels : ndarray of int32, shape (n,)
        0..c-1.
    smallest_row : ndarray of int32, shape (c,)
        The smallest row of every cluster.
    kept, joined : ndarray of int32, shape (merges,)
        The merged clusters, by smallest rows.

    Returns
    -------
    ndarray of int32, shape (n,)
        Numbered by smallest row.
    """
    parent = np.empty(len(labels), np.int32)
    for i in range(len(labels)):
        parent[i] = smallest_row[labels[i]]
    for i in range(len(kept)):
        join(parent, kept[i], joined[i])
    return number_sets(parent)
