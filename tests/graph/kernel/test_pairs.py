import numpy as np
import pytest

from raycluster.graph.kernel.clusters import new_clusters
from raycluster.graph.kernel.hubs import room_for_hubs, take_number
from raycluster.graph.kernel.marks import clear_marks, no_marks
from raycluster.graph.kernel.pair_lookup import add_pair, empty_lookup, find_half
from raycluster.graph.kernel.pairs import empty_pairs, mark_neighbors, merge_pairs, new_pair, set_affinity


def pairs_of(c, s):
    """Return pairs with S[i,j] = s[i,j] for all i and j with s[i,j] or s[j,i] above 0."""
    clusters = new_clusters(np.arange(1, c + 1, dtype=np.int32), np.arange(c, dtype=np.int32))
    pairs = empty_pairs(c * c)
    for i in range(c):
        for j in range(i):
            if s[i, j] > 0 or s[j, i] > 0:
                half = new_pair(pairs, clusters, i, j)
                pairs.half[half]["s"], pairs.half[half ^ 1]["s"] = s[i, j], s[j, i]
    return pairs, clusters


def with_hubs(pairs, clusters, n_hubs):
    """Make the first clusters hubs, and return the lookup of their pairs."""
    hubs, lookup = room_for_hubs(1000, 1), empty_lookup()
    for i in range(n_hubs):
        take_number(hubs, clusters, i)
        h = clusters[i]["first_half"]
        while h >= 0:
            other, after = pairs.half[h]["other"], pairs.half[h]["next"]
            if clusters[other]["hub"] < 0 or other < i:
                add_pair(lookup, i, other, h) if find_half(lookup, i, other) < 0 else None
            h = after
    return lookup


def as_matrix(pairs, clusters):
    s = np.zeros((len(clusters), len(clusters)))
    for i, cluster in enumerate(clusters):
        h, count = cluster["first_half"], 0
        while h >= 0:
            half = pairs.half[h]
            s[i, half["other"]] = half["s"]
            h, count = half["next"], count + 1
        assert count == cluster["n_pairs"]
    return s


@pytest.mark.parametrize("n_hubs", [0, 4, 12])
def test_merging_adds_rows_and_columns(n_hubs):
    rng = np.random.default_rng(0)
    s = rng.integers(0, 4, (12, 12)) * rng.integers(0, 2, (12, 12)).astype(float)
    np.fill_diagonal(s, 0)
    pairs, clusters = pairs_of(12, s)
    lookup, marks = with_hubs(pairs, clusters, n_hubs), no_marks(12)
    alive = list(range(12))
    while len(alive) > 1:
        a, b = rng.choice(alive, 2, replace=False)
        is_hub, touched = clusters[b]["hub"] >= 0, s[a] + s[:, a]
        merge_pairs(pairs, lookup, marks, clusters, a, b)
        s[b] += s[a]
        s[:, b] += s[:, a]
        s[a] = s[:, a] = s[b, b] = 0
        alive.remove(a)
        neighbors = touched if is_hub else s[b] + s[:, b]
        assert [d for d in alive if clusters[d]["mark"] >= 0] == [d for d in alive if d != b and neighbors[d] > 0]
        assert all(pairs.half[clusters[d]["mark"]]["s"] == s[b, d] for d in alive if clusters[d]["mark"] >= 0)
        clear_marks(marks, clusters)
        assert (clusters["mark"] == -1).all()
        clusters[a]["first_half"], clusters[a]["n_pairs"] = -1, 0
        assert (as_matrix(pairs, clusters) == s).all()
        for hub in (i for i in alive if clusters[i]["hub"] >= 0):
            halves = [find_half(lookup, hub, d) for d in alive]
            assert [half >= 0 for half in halves] == [s[hub, d] + s[d, hub] > 0 for d in alive]
            assert all(pairs.half[half]["s"] == s[hub, d] for half, d in zip(halves, alive, strict=True) if half >= 0)


def test_the_entry_of_a_dropped_pair_is_used_again():
    pairs, clusters = pairs_of(3, np.ones((3, 3)) - np.eye(3))
    merge_pairs(pairs, empty_lookup(), no_marks(3), clusters, 0, 1)
    used = pairs.free[1]
    new_pair(pairs, clusters, 0, 2)
    assert pairs.free[1] == used


def test_affinity_is_the_same_from_both_ends():
    pairs, clusters = pairs_of(2, np.array([[0, 3.0], [2, 0]]))
    mark_neighbors(pairs, no_marks(2), clusters, 0)
    half = int(clusters[1]["mark"])
    # |0| = 1, |1| = 2: S[0,1]/1 + S[1,0]/4
    assert set_affinity(pairs, clusters, 0, half) == 3.5
    assert set_affinity(pairs, clusters, 1, half ^ 1) == 3.5
    assert pairs.half[half]["affinity"] == pairs.half[half ^ 1]["affinity"] == 3.5
