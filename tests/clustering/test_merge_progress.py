import re

from raycluster.clustering import merge_progress
from raycluster.clustering.merge_progress import MergeProgress


def test_merges_are_counted_and_the_time_left_is_told_if_it_takes_long(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(merge_progress.time, "monotonic", lambda: now[0])
    merges = MergeProgress()
    assert merges.describe() == ""
    now[0] += 60  # while the kernel is compiled
    merges.note(4096, 20480)
    now[0] += 10
    assert merges.describe() == "merging clusters: 4,096 of 20,480 merges"
    merges.note(12288, 20480)
    line = merges.describe()
    assert re.fullmatch(r"merging clusters: 12,288 of 20,480 merges, about 10 s left", line), line
    merges.note(20480, 20480)
    assert "left" not in merges.describe()
    merges.note(5, 20)  # the merges of another stage
    assert merges.describe() == "merging clusters: 5 of 20 merges"
