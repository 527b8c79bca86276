import numpy as np
import pytest

from raycluster.errors import UserError
from raycluster.training.gather import gather_rows

IDS, ROWS = np.array([3, 0, 4]), np.array([[3.0], [0.0], [4.0]], np.float32)
OTHER_IDS, OTHER_ROWS = np.array([2, 1]), np.array([[2.0], [1.0]], np.float32)


def test_rows_are_put_in_the_order_of_their_ids():
    gathered = gather_rows([(IDS, ROWS), (OTHER_IDS, OTHER_ROWS)], 5)
    np.testing.assert_array_equal(gathered, np.arange(5, dtype=np.float32)[:, None])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([(IDS, ROWS)], "2 of 5 rows are missing and 0 came more than once"),
        ([(IDS, ROWS), (OTHER_IDS, OTHER_ROWS), (OTHER_IDS[:1], OTHER_ROWS[:1])], "0 of 5 .* 1 came more than once"),
        ([(IDS, ROWS), (np.array([1, 5]), OTHER_ROWS)], "rows are missing"),
    ],
    ids=["missing", "twice", "unknown"],
)
def test_rows_that_are_missing_or_come_twice_are_never_passed_over(parts, message):
    with pytest.raises(ValueError, match=message):
        gather_rows(parts, 5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_say_that_the_training_has_diverged(value):
    diverged = OTHER_ROWS.copy()
    diverged[1] = value
    with pytest.raises(UserError, match=r"training has diverged.*lower --learning-rate and another --out"):
        gather_rows([(IDS, ROWS), (OTHER_IDS, diverged)], 5)
