from pathlib import Path

import numpy as np
import pytest

from raycluster.data.unreadable import Rejected
from raycluster.results.assignment import Assignments, AssignSummary, columns_of, describe_assignment


def test_rejected_rows_follow_the_usable_ones_and_refused_rows_have_no_cluster():
    found = Assignments(np.array([3, 5], np.int32), np.array([0.5, 1.0]), np.array([0.2, 1.234]))
    columns = columns_of(found, np.array([False, True]), [Rejected("a.txt", "not an image")])
    assert columns["cluster"].tolist() == [3, -1, -1]
    assert columns["confidence"].tolist() == [0.5, 0, 0]
    reasons = ["", "like nothing the run has seen (novelty 1.23)", "rejected: not an image"]
    assert columns["reason"].tolist() == reasons


@pytest.mark.parametrize("what", ["image", "vector"])
def test_what_was_assigned_is_called_by_its_name(what):
    summary = AssignSummary(9, 6, 1, 2, 3, 0.5, 1.0, {"writing": 1.0}, {}, {"a reason": 2}, what)
    told = describe_assignment(summary, Path("run"), Path("out.parquet"))
    assert f"6 of 9 {what}s assigned to 3 clusters of run" in told
    assert f"1 unassigned: their nearest {what} of the run is farther than 0.5" in told
    assert "2 inputs rejected:\n  2 x a reason" in told
