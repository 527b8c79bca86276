import numpy as np

from raycluster.graph.kernel.pair_lookup import add_pair, empty_lookup, enlarged, find_half, has_room

N = 300


def filled(rng):
    """Return a lookup, and the half of every pair in it by (i, j), from both ends."""
    lookup, halves = empty_lookup(4000), {}
    for pair in range(3000):
        i, j = (int(x) for x in rng.choice(N, 2, replace=False))
        if (i, j) not in halves:
            add_pair(lookup, i, j, 2 * pair)
            halves |= {(i, j): 2 * pair, (j, i): 2 * pair + 1}
    return lookup, halves


def test_every_pair_is_found_from_both_ends_and_no_other_one():
    lookup, halves = filled(np.random.default_rng(0))
    for i in range(N):
        for j in range(N):
            if i != j:
                assert find_half(lookup, i, j) == halves.get((i, j), -1)


def test_a_larger_lookup_has_the_pairs_of_clusters_that_are_not_merged():
    rng = np.random.default_rng(1)
    lookup, halves = filled(rng)
    parent = np.arange(N, dtype=np.int32)
    parent[rng.choice(N, 100, replace=False)] = 5
    larger = enlarged(lookup, parent, 5000)
    is_alive = parent == np.arange(N)
    for (i, j), half in halves.items():
        assert find_half(larger, i, j) == (half if is_alive[i] and is_alive[j] else -1)
    assert has_room(larger, 5000)


def test_a_table_is_full_before_searching_it_takes_long():
    lookup = empty_lookup(512)
    assert has_room(lookup, 3 * len(lookup.entry) // 4)
    assert not has_room(lookup, 3 * len(lookup.entry) // 4 + 1)
