import numpy as np
import pytest

from raycluster.graph.kernel.clusters import new_clusters
from raycluster.graph.kernel.disjoint_set import find
from raycluster.graph.kernel.marks import clear_marks, no_marks
from raycluster.graph.kernel.pair_lookup import empty_lookup
from raycluster.graph.kernel.pairs import empty_pairs
from raycluster.graph.kernel.touches import TOUCH, _gallop, count_touches, find_touches, incoming_edges, merge_touches

# 0 → 1, 0 → 2, 1 → 0, 1 → 2, 2 → 3, 3 → 2, 3 → 0, and with weight 0: 1 → 3, 2 → 0; clusters {0, 1}, {2}, {3}
IDS = np.array([[1, 2, 3], [0, 2, 3], [3, 0, 1], [2, 0, 1]], np.int32)
WEIGHTS = np.array([[0.5, 0.25, 0], [0.5, 0.125, 0], [1, 0, 0], [0.75, 0.5, 0]], np.float32)
LABELS = np.array([0, 0, 1, 2], np.int32)


def touches_of(touches, cluster):
    """Return {sample: (inward, outward)} summed over the runs of a cluster, and the lengths of the runs."""
    found, lengths = {}, []
    run = touches.shortest[cluster]
    while run >= 0:
        entries = touches.touch[touches.start[run] : touches.start[run] + touches.length[run]].tolist()
        assert [p[0] for p in entries] == sorted({p[0] for p in entries})
        for sample, inward, outward in entries:
            before = found.get(sample, (0, 0))
            found[sample] = (before[0] + inward, before[1] + outward)
        lengths.append(len(entries))
        run = touches.longer[run]
    return found, lengths


def test_every_cluster_has_the_incoming_and_outgoing_weight_of_the_samples_it_touches():
    touches = find_touches(IDS, WEIGHTS, LABELS, 3, False)
    assert [touches_of(touches, c)[0] for c in range(3)] == [
        {2: (0.375, 0), 3: (0, 0.5)},
        {0: (0, 0.25), 1: (0, 0.125), 3: (1, 0.75)},
        {0: (0.5, 0), 2: (0.75, 1)},
    ]


def test_two_way_edges_count_in_both_directions():
    touches = find_touches(IDS, WEIGHTS, LABELS, 3, True)
    assert touches_of(touches, 0)[0] == {2: (0.375, 0.375), 3: (0.5, 0.5)}
    assert touches_of(touches, 2)[0][2] == (1.75, 1.75)


def merge_at_random(rng, n, k):
    """Merge single rows in random order; after each merge, yield the touches, the labels and the cluster that grew."""
    ids = np.stack([rng.permutation(np.delete(np.arange(n), i))[:k] for i in range(n)]).astype(np.int32)
    weights = (2.0 ** -rng.integers(0, 4, ids.shape)).astype(np.float32)
    labels = np.arange(n, dtype=np.int32)
    touches = find_touches(ids, weights, labels, n, False)
    pairs, clusters = empty_pairs(touches.used[1]), new_clusters(np.ones(n, np.int32), labels)
    parent, lookup, marks = labels.copy(), empty_lookup(), no_marks(n)
    w = np.zeros((n, n))
    np.put_along_axis(w, ids.astype(np.int64), weights, axis=1)
    for _ in range(n - 1):
        a, b = rng.choice(np.flatnonzero(parent == np.arange(n)), 2, replace=False)
        parent[a] = b
        merge_touches(touches, pairs, lookup, marks, clusters, a, b, labels, parent)
        clear_marks(marks, clusters)
        yield w, touches, np.array([find(parent, i) for i in range(n)]), b


@pytest.mark.parametrize("seed", range(3))
def test_touches_of_merged_clusters_are_those_of_the_dense_graph(seed):
    for w, touches, cluster_of, b in merge_at_random(np.random.default_rng(seed), 120, 12):
        own = cluster_of == b
        found, lengths = touches_of(touches, b)
        inward, outward = w[own].sum(axis=0), w[:, own].sum(axis=1)
        expected = {m: (inward[m], outward[m]) for m in np.flatnonzero(~own & ((inward > 0) | (outward > 0)))}
        assert {m: sums for m, sums in found.items() if not own[m]} == expected
        assert len(lengths) <= 4
        assert count_touches(touches, b) == sum(lengths)
    assert touches.used[1] <= touches.used[2] < len(touches.touch)


def test_galloping_finds_the_first_sample_that_is_not_smaller():
    rng = np.random.default_rng(0)
    touch = np.zeros(100, TOUCH)
    touch["sample"] = np.sort(rng.permutation(300)[:100])
    for sample in range(300):
        low = int(rng.integers(0, np.searchsorted(touch["sample"], sample) + 1))
        assert _gallop(touch, sample, low, 100) == np.searchsorted(touch["sample"], sample)


def test_incoming_edges_leave_out_weight_zero():
    start, edge = incoming_edges(IDS, WEIGHTS)
    assert start.tolist() == [0, 2, 3, 6, 7]
    assert edge.tolist() == [3, 10, 0, 1, 4, 9, 6]
