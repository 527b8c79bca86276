import numpy as np
import pytest
from sklearn.datasets import load_digits

from raycluster.graph.neighbors.novelty import KnownRows


def test_distances_are_measured_by_those_among_known_rows():
    known = KnownRows(np.array([[0.0], [1.0], [2.0], [10.0]], np.float32), n_neighbors=2, n_queries=3)
    assert known.reach == pytest.approx(1 + 7 * 0.97)  # the 99 % quantile of 1, 1, 1 and 8, linearly between the last
    ids, novelty = known.compare(np.array([[2.5], [9.0], [30.0]], np.float32))
    assert ids.tolist() == [[2, 1], [3, 2], [3, 2]]
    assert novelty == pytest.approx(np.array([0.5, 1, 20]) / known.reach)


def test_of_known_digits_one_in_a_hundred_is_beyond_reach_and_noise_always():
    digits = load_digits().data.astype(np.float32)
    half = KnownRows(digits[::2], n_neighbors=1, n_queries=1000)
    assert (half.compare(digits[1::2])[1] > 1).mean() < 0.03
    noise = np.random.default_rng(0).uniform(0, 16, (100, 64)).astype(np.float32)
    assert (half.compare(noise)[1] > 1).all()
    assert (half.compare(digits[::2])[1] == 0).all()


def test_known_rows_that_are_all_there_twice_do_not_make_everything_else_strange():
    twice = np.repeat(np.arange(5, dtype=np.float32)[:, None], 2, axis=0)
    assert KnownRows(twice, 1, 1).compare(np.array([[0.5], [0.0]], np.float32))[1].tolist() == [np.inf, 0]
    with_one_alone = np.append(np.zeros((200, 1), np.float32), [[3.0]], axis=0)
    assert KnownRows(with_one_alone, 1, 1).compare(np.array([[1.5]], np.float32))[1].tolist() == [0.5]
