import numpy as np

from raycluster.data.feed import ResidentFeed
from raycluster.methods.gathered import all_rows
from raycluster.training.driver_answers import from_arrays, to_arrays
from raycluster.training.local_context import LocalContext


def test_rows_come_back_in_the_order_of_their_ids_and_from_a_checkpoint():
    context = LocalContext(ResidentFeed(np.zeros((3, 1, 2, 2), np.uint8)))
    answer = context.run_on_driver(0, all_rows, np.array([2, 0, 1]), np.float32([[5], [6], [7]]))
    assert answer.rows.tolist() == [[6], [7], [5]]
    assert from_arrays(all_rows, to_arrays(answer)).rows.tolist() == answer.rows.tolist()
