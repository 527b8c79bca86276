"""Which set an element belongs to, when sets are only ever joined."""

from __future__ import annotations

import numpy as np

from raycluster.graph.kernel.compiled import compiled


@compiled
def find(parent: np.ndarray, i: int) -> int:
    """Return the root of element i in ``parent`` (int [n], a root is its own parent), and halve the path to it."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i
