import numpy as np
import pytest
from sklearn.datasets import load_digits

from raycluster.graph.neighbors import known_neighbors
from raycluster.graph.neighbors.known_neighbors import KnownNeighbors, know_neighbors, nearest_of_all

DIGITS = load_digits().data.astype(np.float32)


def test_recall_is_the_share_of_the_other_rows_within_reach():
    line = np.arange(10, dtype=np.float32)[:, None]
    known = KnownNeighbors(line, 3, np.array([0, 5]), np.array([4.0, 1.0], np.float32))
    assert known.recall(np.array([[0, 1, 2], [4, 5, 6]])) == 1
    assert known.recall(np.array([[2, 0, 9], [5, 4, -1]])) == 0.5
    assert known.recall(np.array([[0, 1, 2, 3], [7, 6, 5, 4]])) == 1  # more candidates than wanted
    assert known.recall(np.array([[0, 7], [5, -1]])) == 0


def test_of_rows_at_the_same_distance_any_will_do():
    twice = np.repeat(np.arange(4, dtype=np.float32), 3)[:, None]
    known = know_neighbors(twice, np.zeros(1, np.float32), 2, np.random.default_rng(0))
    assert (known.farthest == 0).all()
    for other in ([1, 2], [0, 2], [0, 1, 2]):
        assert known.recall(known.rows[:, None] // 3 * 3 + other) == 1


@pytest.mark.parametrize("queries", [500, 65_536])
def test_the_sample_and_its_reach_are_those_of_brute_force(monkeypatch, queries):
    monkeypatch.setattr(known_neighbors, "QUERIES", queries)
    known = know_neighbors(DIGITS, DIGITS.mean(axis=0), 16, np.random.default_rng(0))
    assert len(np.unique(known.rows)) == 500
    exact = ((DIGITS[known.rows, None] - DIGITS) ** 2).sum(axis=2)
    assert (known.farthest == np.sort(exact, axis=1)[:, 15]).all()
    found = nearest_of_all(known.queries, DIGITS, 16)
    assert known.recall(found) == 1
    assert (np.sort(np.take_along_axis(exact, found, axis=1)) == np.sort(exact)[:, :16]).all()
