import numpy as np

from raycluster.graph.kernel.clusters import new_clusters
from raycluster.graph.kernel.pairs import clear_marks, empty_pairs, mark_neighbors, merge_pairs, new_pair, set_affinity


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


def test_merging_adds_rows_and_columns():
    rng = np.random.default_rng(0)
    s = rng.integers(0, 4, (12, 12)) * rng.integers(0, 2, (12, 12)).astype(float)
    np.fill_diagonal(s, 0)
    pairs, clusters = pairs_of(12, s)
    alive = list(range(12))
    while len(alive) > 1:
        a, b = rng.choice(alive, 2, replace=False)
        merge_pairs(pairs, clusters, a, b)
        s[b] += s[a]
        s[:, b] += s[:, a]
        s[a] = s[:, a] = s[b, b] = 0
        alive.remove(a)
        assert [d for d in alive if clusters[d]["mark"] >= 0] == [d for d in alive if s[b, d] > 0 or s[d, b] > 0]
        clear_marks(pairs, clusters, b)
        clusters[a]["first_half"], clusters[a]["n_pairs"] = -1, 0
        assert (as_matrix(pairs, clusters) == s).all()


def test_the_entry_of_a_dropped_pair_is_used_again():
    pairs, clusters = pairs_of(3, np.ones((3, 3)) - np.eye(3))
    merge_pairs(pairs, clusters, 0, 1)
    used = pairs.free[1]
    new_pair(pairs, clusters, 0, 2)
    assert pairs.free[1] == used


def test_affinity_is_the_same_from_both_ends():
    pairs, clusters = pairs_of(2, np.array([[0, 3.0], [2, 0]]))
    mark_neighbors(pairs, clusters, 0)
    half = int(clusters[1]["mark"])
    # |0| = 1, |1| = 2: S[0,1]/1 + S[1,0]/4
    assert set_affinity(pairs, clusters, 0, half) == 3.5
    assert set_affinity(pairs, clusters, 1, half ^ 1) == 3.5
    assert pairs.half[half]["affinity"] == pairs.half[half ^ 1]["affinity"] == 3.5
