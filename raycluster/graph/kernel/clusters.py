"""What the merge loop knows about every cluster, side by side in memory: one access fetches all of it."""

from __future__ import annotations

import numpy as np

from raycluster.graph.kernel.records import aligned_records

CLUSTER = np.dtype(
    [
        ("size", np.int32),
        ("smallest_row", np.int32),
        ("first_half", np.int32),  # of its list of pairs, -1 if it has none
        ("n_pairs", np.int32),
        ("mark", np.int32),  # its half of the pair with the cluster at hand, or -1
        ("n_nearest", np.int32),  # length of its list of nearest clusters
        ("bound", np.float64),  # affinity that no cluster missing from this list exceeds, -1 if none is missing
        ("bound_row", np.int32),  # smallest row of the nearest missing cluster
        ("list_room", np.int32),  # how many clusters fit into this list, and where it begins
        ("list_start", np.int64),
        ("score", np.float64),
        ("hub", np.int32),  # its number if it is a hub, or -1
        ("unused", np.int32),  # fills the cache line
    ],
    align=True,
)


def new_clusters(size: np.ndarray, smallest_row: np.ndarray) -> np.ndarray:
    """Return clusters without pairs, CLUSTER [c], from their sizes and smallest rows (int32 [c])."""
    clusters = aligned_records(len(size), CLUSTER)
    clusters["size"] = size
    clusters["smallest_row"] = smallest_row
    clusters["first_half"] = -1
    clusters["n_pairs"] = 0
    clusters["mark"] = -1
    clusters["score"] = -1.0
    clusters["hub"] = -1
    return clusters
