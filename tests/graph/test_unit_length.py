import numpy as np
import pytest
from sklearn.datasets import load_digits

from raycluster.graph.unit_length import scale_to_unit_length


@pytest.mark.parametrize("factor", [1.0, 2.0**100, 2.0**-100, 2.0**-140])
def test_rows_keep_their_directions_at_any_length(factor):
    rows = load_digits().data[:50].astype(np.float32)
    expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    rows[:25] *= np.float32(factor)
    rows[7] = 0
    has_direction = scale_to_unit_length(rows)
    assert np.flatnonzero(~has_direction).tolist() == [7]
    assert not rows[7].any()
    np.testing.assert_array_equal(rows[has_direction], expected[has_direction])
