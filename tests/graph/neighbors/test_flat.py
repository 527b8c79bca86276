import numpy as np
import pytest
from sklearn.datasets import load_digits

from raycluster.graph.neighbors import flat

DIGITS = load_digits().data.astype(np.float32)


@pytest.mark.parametrize("queries", [100, 2000])
def test_the_rows_found_are_those_of_brute_force_however_many_are_copied_at_a_time(monkeypatch, queries):
    monkeypatch.setattr(flat, "QUERIES", queries)
    found = flat.search_flat(DIGITS, DIGITS.mean(axis=0), DIGITS[:300], 10)
    distances = ((DIGITS[:300, None] - DIGITS) ** 2).sum(axis=2)
    assert (np.take_along_axis(distances, found, axis=1) == np.sort(distances, axis=1)[:, :10]).all()
    assert found.dtype == np.int32


def test_blocks_are_centered_and_complete(monkeypatch):
    monkeypatch.setattr(flat, "QUERIES", 700)
    blocks = list(flat.centered_blocks(DIGITS, DIGITS[3]))
    assert [len(block) for block in blocks] == [700, 700, 397]
    assert (np.concatenate(blocks) == DIGITS - DIGITS[3]).all()
