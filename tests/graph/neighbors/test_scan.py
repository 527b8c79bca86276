import numpy as np
from sklearn.datasets import load_digits

from raycluster.graph.neighbors.scan import Nearest, squared_lengths

DIGITS = load_digits().data.astype(np.float32)
DISTANCES = ((DIGITS[:50, None] - DIGITS) ** 2).sum(axis=2)


def test_the_nearest_of_all_rows_are_those_of_brute_force_however_they_come_in_blocks():
    near = Nearest(DIGITS[:50], 20)
    for first in range(0, len(DIGITS), 700):
        block = DIGITS[first : first + 700]
        near.compare(block, squared_lengths(block), first)
    found = np.take_along_axis(DISTANCES, near.ids, axis=1)
    assert (np.sort(found, axis=1) == np.sort(DISTANCES, axis=1)[:, :20]).all()
    np.testing.assert_allclose(near.scores + squared_lengths(DIGITS[:50])[:, None], found, atol=0.01)
    assert (near.scores[:, :1] >= near.scores).all()


def test_only_the_rows_of_a_querys_lists_are_compared():
    start = np.array([0, 300, 300, 900, 1797])
    probes = np.array([[0, 2], [3, 1], [2, 3]], np.int32)
    near = Nearest(DIGITS[:3], 10).compare_lists(probes, start, DIGITS, squared_lengths(DIGITS))
    for query, allowed in enumerate([np.r_[0:900], np.r_[900:1797], np.r_[300:1797]]):
        best = np.sort(DISTANCES[query, allowed])[:10]
        assert np.isin(near.ids[query], allowed).all()
        assert (np.sort(DISTANCES[query, near.ids[query]]) == best).all()


def test_places_without_a_row_are_marked():
    near = Nearest(DIGITS[:2], 5).compare_lists(
        np.array([[0], [1]], np.int32), np.array([0, 3, 3]), DIGITS[:3], squared_lengths(DIGITS[:3])
    )
    assert sorted(near.ids[0]) == [-1, -1, 0, 1, 2]
    assert (near.ids[1] == -1).all()
