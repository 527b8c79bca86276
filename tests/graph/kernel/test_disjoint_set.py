import numpy as np

from raycluster.graph.kernel.disjoint_set import find


def test_find_returns_the_root_and_halves_the_path():
    parent = np.array([0, 0, 1, 2, 4])
    assert [find(parent.copy(), i) for i in range(5)] == [0, 0, 0, 0, 4]
    find(parent, 3)
    assert parent.tolist() == [0, 0, 1, 1, 4]
