"""Disjoint sets (union-find): which set an element belongs to, when sets are only ever joined."""

from __future__ import annotations

import numpy as np

from raycluster.graph.kernel.compiled import compiled, compiled_lean


@compiled_lean
def find(parent: np.ndarray, i: int) -> int:
    """Return the root of element i in ``parent`` (int [n], a root is its own parent), and halve the path to it."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@compiled_lean
def join(parent: np.ndarray, i: int, j: int) -> bool:
    """Join the sets of two elements under the smaller root; return whether they were different sets."""
    i, j = find(parent, i), find(parent, j)
    if i == j:
        return False
    parent[max(i, j)] = min(i, j)
    return True


@compiled
def number_sets(parent: np.ndarray) -> np.ndarray:
    """Return the number of each element's set, int32 [n], counted from 0 in the order of the smallest elements.

    Every root must be the smallest element of its set, as :func:`join` keeps it.
    """
    numbers = np.empty(len(parent), np.int32)
    found = 0
    for i in range(len(parent)):
        root = find(parent, i)
        if root == i:
            numbers[i] = found
            found += 1
        else:
            numbers[i] = numbers[root]
    return numbers
