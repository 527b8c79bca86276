"""Hubs: clusters with many pairs, of which a merge visits only those that it changes by much.

When a cluster grows from s to s' samples, its affinity to *every* neighboring cluster d falls: by S[b,d]·(1/s² - 1/s'²)
even where no edge has changed. A hub has thousands of neighbors, and its size changes little. So its affinities in the
lists of others are left as they are, upper bounds, and made exact where they decide. How much a score can have become
too small thereby is known: a *sweep* over all neighbors, which makes everything exact, follows before it matters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from raycluster.graph.kernel.compiled import compiled_lean

MIN_PAIRS = 256  # above which a cluster becomes a hub, and remains one
TOLERANCE = 1e-3  # of the highest score, by which affinities may drift before a sweep

HUB = np.dtype([("cluster", np.int32), ("swept", np.float64), ("most", np.float64)], align=True)


class Hubs(NamedTuple):
    """The hubs, by their numbers.

    For each, there is its cluster, -1 if the number is free; its size at its last sweep; and the highest S[hub,d].
    """

    hub: np.ndarray  # HUB [h]
    free: np.ndarray  # int32 [h], numbers that are free
    counts: np.ndarray  # int64 [2], how many are free, and how many have ever been used
    min_pairs: int
    tolerance: float


def room_for_hubs(n_pairs: int, min_pairs: int = MIN_PAIRS, tolerance: float = TOLERANCE) -> Hubs:
    """Return room for the hubs among as many pairs."""
    h = 2 * n_pairs // min_pairs + 1
    hubs = Hubs(np.zeros(h, HUB), np.arange(h, dtype=np.int32)[::-1].copy(), np.array([h, 0]), min_pairs, tolerance)
    hubs.hub["cluster"] = -1
    return hubs


@compiled_lean
def has_hubs(hubs: Hubs) -> bool:
    """Return whether there has ever been a hub."""
    return hubs.counts[1] > 0


@compiled_lean
def take_number(hubs: Hubs, clusters: np.ndarray, i: int) -> bool:
    """Give i the number of a hub, and return whether one is free."""
    if hubs.counts[0] == 0:
        return False
    hubs.counts[0] -= 1
    number = hubs.free[hubs.counts[0]]
    hubs.counts[1] = max(hubs.counts[1], number + 1)
    hubs.hub[number].cluster = i
    clusters[i].hub = number
    return True


@compiled_lean
def give_back_number(hubs: Hubs, number: int) -> None:
    """Free the number of a hub that is gone."""
    hubs.hub[number].cluster = -1
    hubs.free[hubs.counts[0]] = number
    hubs.counts[0] += 1


@compiled_lean
def reset_drift(hubs: Hubs, clusters: np.ndarray, i: int) -> None:
    """Note that from now on, all affinities to the hub i are exact."""
    hub = hubs.hub[clusters[i].hub]
    hub.swept = clusters[i].size
    hub.most = 0.0


@compiled_lean
def raise_most(hubs: Hubs, clusters: np.ndarray, i: int, s: float) -> None:
    """Note S[i,d], if i is a hub."""
    if clusters[i].hub >= 0:
        hub = hubs.hub[clusters[i].hub]
        hub.most = max(hub.most, s)


@compiled_lean
def drift(hubs: Hubs, clusters: np.ndarray, i: int) -> float:
    """Return by how much the affinity to the hub i may have fallen, with any cluster, since it was made exact."""
    hub, size = hubs.hub[clusters[i].hub], np.float64(clusters[i].size)
    return hub.most * (1 / (hub.swept * hub.swept) - 1 / (size * size))
