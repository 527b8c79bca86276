from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from raycluster.training.driver_answers import from_arrays, to_arrays


@dataclass(frozen=True)
class Answer:
    rows: np.ndarray
    count: int
    share: float
    remarks: tuple[str, ...]
    counted: dict[str, list[int]]
    tree: np.ndarray | None = None


def count_rows(features: np.ndarray) -> Answer:
    return Answer(features, len(features), 0.1, ("fünf", "six"), {"others": [5, 6]})


def test_an_answer_comes_back_as_it_was_with_its_types():
    answer = count_rows(np.arange(6, dtype=np.float32).reshape(3, 2))
    arrays = to_arrays(answer)
    assert set(arrays) == {"rows", "count", "share", "remarks", "counted"}
    assert all(isinstance(torch.tensor(array), torch.Tensor) for array in arrays.values())  # as checkpoints need them
    again = from_arrays(count_rows, arrays)
    np.testing.assert_array_equal(again.rows, answer.rows)
    assert (again.rows.dtype, again.count, again.share, again.tree) == (np.float32, 3, 0.1, None)
    assert isinstance(again.count, int)
    assert (again.remarks, again.counted) == (answer.remarks, answer.counted)
