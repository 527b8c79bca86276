import numpy as np
import pytest
import torch

from raycluster.data.feed import ResidentFeed
from raycluster.nn.seeds import hash_seed
from raycluster.training.gather import gather_rows
from raycluster.training.local_context import LocalContext

IMAGES = np.zeros((5, 1, 2, 2), np.uint8)
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


def test_a_local_context_runs_driver_functions_here_and_counts_their_rows():
    context = LocalContext(ResidentFeed(IMAGES))
    ids, features = np.array([4, 3, 2, 1, 0]), np.arange(5, dtype=np.float32)[:, None]
    found = context.run_on_driver(0, lambda rows, plus: {"rows": rows + plus}, ids, features, plus=1)
    np.testing.assert_array_equal(found["rows"][:, 0], [5, 4, 3, 2, 1])
    with pytest.raises(ValueError, match="1 of 5 rows are missing"):
        context.run_on_driver(1, lambda rows: {}, ids[:4], features[:4])


def test_a_local_context_keeps_checkpoints_where_it_is_given_a_folder(tmp_path):
    feed, tensors = ResidentFeed(IMAGES), {"weights": torch.ones(2)}
    LocalContext(feed).save(tensors, {"epoch": 1})
    assert LocalContext(feed).restore() is None
    LocalContext(feed, folder=tmp_path).save(tensors, {"epoch": 1})
    saved, state = LocalContext(feed, folder=tmp_path).restore()
    assert (saved["weights"].tolist(), state) == ([1, 1], {"epoch": 1})


def test_a_local_context_hands_metrics_on():
    heard = []
    context = LocalContext(ResidentFeed(IMAGES), on_report=heard.append)
    context.report({"loss": 1})
    assert context.rows == heard == [{"loss": 1}]


def test_seeds_of_different_numbers_differ_and_do_not_change():
    seeds = {hash_seed(a, b) for a in range(-1, 10) for b in range(-1, 10)}
    assert len(seeds) == 121
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert hash_seed(1, 2) == hash_seed(1, 2)
