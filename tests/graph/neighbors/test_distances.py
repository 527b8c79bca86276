import numpy as np

from raycluster.graph.neighbors.distances import squared_distances


def test_squared_distances_of_the_pairs_that_are_named():
    features = np.array([[0, 0], [3, 4], [1, 0]], np.float32)
    distances = squared_distances(
        np.array([[0, 0], [1, 1]], np.float32), features, np.array([[1, 2], [0, 1]], np.int32)
    )
    assert distances.tolist() == [[25, 1], [2, 13]]
    assert distances.dtype == np.float32


def test_a_missing_row_is_infinitely_far():
    rows = np.ones((2, 3), np.float32)
    assert squared_distances(rows, rows, np.array([[-1], [0]])).tolist() == [[np.inf], [0]]
