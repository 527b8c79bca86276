import numpy as np

from raycluster.graph.kernel.disjoint_set import find, join, number_sets


def test_find_returns_the_root_and_halves_the_path():
    parent = np.array([0, 0, 1, 2, 4])
    assert [find(parent.copy(), i) for i in range(5)] == [0, 0, 0, 0, 4]
    find(parent, 3)
    assert parent.tolist() == [0, 0, 1, 1, 4]


def test_sets_are_joined_under_the_smaller_root():
    parent = np.arange(5)
    assert join(parent, 4, 2)
    assert join(parent, 4, 1)
    assert not join(parent, 2, 1)
    assert [find(parent, i) for i in range(5)] == [0, 1, 1, 3, 1]


def test_sets_are_numbered_by_their_smallest_elements():
    assert number_sets(np.array([0, 1, 1, 3, 2, 0], np.int32)).tolist() == [0, 1, 1, 2, 1, 0]
