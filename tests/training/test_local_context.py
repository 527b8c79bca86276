import numpy as np
import pytest
import torch

from raycluster.data.feed import ResidentFeed
from raycluster.training.local_context import LocalContext

IMAGES = np.zeros((5, 1, 2, 2), np.uint8)


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
