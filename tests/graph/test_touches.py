import numpy as np

from raycluster.graph.touches import find_touches, incoming_edges

# 0 → 1, 0 → 2, 1 → 0, 1 → 2, 2 → 3, 3 → 2, 3 → 0, and with weight 0: 1 → 3, 2 → 0; clusters {0, 1}, {2}, {3}
IDS = np.array([[1, 2, 3], [0, 2, 3], [3, 0, 1], [2, 0, 1]], np.int32)
WEIGHTS = np.array([[0.5, 0.25, 0], [0.5, 0.125, 0], [1, 0, 0], [0.75, 0.5, 0]], np.float32)
LABELS = np.array([0, 0, 1, 2], np.int32)


def as_dicts(touches):
    return [
        {int(touches.cluster[s]): tuple(touches.weight[s].tolist()) for s in range(first, last)}
        for first, last in touches.rows
    ]


def test_every_touching_cluster_has_its_incoming_and_outgoing_weight():
    touches = find_touches(IDS, WEIGHTS, LABELS, 3, False)
    assert as_dicts(touches) == [
        {1: (0, 0.25), 2: (0.5, 0)},
        {1: (0, 0.125)},
        {0: (0.375, 0), 2: (0.75, 1)},
        {1: (1, 0.75), 0: (0, 0.5)},
    ]


def test_two_way_edges_count_in_both_directions():
    touches = find_touches(IDS, WEIGHTS, LABELS, 3, True)
    assert as_dicts(touches)[2] == {0: (0.375, 0.375), 2: (1.75, 1.75)}


def test_every_cluster_lists_the_samples_that_it_touches():
    touches = find_touches(IDS, WEIGHTS, LABELS, 3, False)
    listed = []
    for c in range(3):
        samples, node = [], touches.head[c]
        while node >= 0:
            samples.append(int(touches.node[node, 0]))
            node = touches.node[node, 1]
        assert len(samples) == touches.n_nodes[c]
        listed.append(samples)
    assert listed == [[2, 3], [0, 1, 3], [0, 2]]


def test_incoming_edges_leave_out_weight_zero():
    start, source, weight = incoming_edges(IDS, WEIGHTS)
    assert start.tolist() == [0, 2, 3, 6, 7]
    assert source.tolist() == [1, 3, 0, 0, 1, 3, 2]
    assert weight.tolist() == [0.5, 0.5, 0.5, 0.25, 0.125, 0.75, 1]
