"""What is known of every cluster, side by side in memory: the merging looks at a cluster by one access."""

from __future__ import annotations

import numpy as np

from raycluster.graph.kernel.compiled import table

CLUSTER = np.dtype(
    [
        ("size", np.int32),
        ("smallest_row", np.int32),
        ("first_half", np.int32),  # of the list of its pairs, -1 for none
        ("n_pairs", np.int32),
        ("mark", np.int32),  # -1, or the half of its pair with the cluster in hand
        ("n_best", np.int32),  # length of its list of best neighbours
        ("bound", np.float64),  # affinity that no neighbour outside this list exceeds, -1 where there is none outside
        ("bound_row", np.int32),  # smallest row of the best neighbour outside
        ("score", np.float64),
        ("outside", np.int32),  # 1 for a cluster that others see but that is not to be merged
        ("waited", np.int32),  # 1 if it has ever waited for a cluster outside
        ("unused", np.int32, (2,)),  # fills the cache line
    ],
    align=True,
)


def first_state(size: np.ndarray, smallest_row: np.ndarray) -> np.ndarray:
    """Return the clusters (CLUSTER [c]) before they have pairs."""
    clusters = table(len(size), CLUSTER)
    clusters["size"] = size
    clusters["smallest_row"] = smallest_row
    clusters["first_half"] = -1
    clusters["n_pairs"] = 0
    clusters["mark"] = -1
    clusters["score"] = -1.0
    clusters["outside"] = 0
    clusters["waited"] = 0
    return clusters
