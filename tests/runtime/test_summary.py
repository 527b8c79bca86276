import io
from dataclasses import replace

import pytest

from raycluster.runtime.console import Console
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.summary import (
    RunSummary,
    joined_sentence,
    moved_sentence,
    reason_lines,
    repeat_summary,
    show_summary,
)

SCORES = {"nmi": 0.5, "nmi_geometric": 0.5, "acc": 0.75, "ari": 0.25}
SUGGESTIONS = [
    {"n_clusters": 10, "reasons": ["best balance"], "clear": "clear"},
    {"n_clusters": 7, "reasons": ["large gap in affinity", "highest silhouette"], "clear": "clear"},
    {"n_clusters": 12, "reasons": ["highest modularity"], "clear": "not clear"},
]
SUMMARY = RunSummary(
    method="jule",
    images=1797,
    rejected=2,
    clusters=10,
    seconds=65.0,
    stages={"ray_start": 5.0, "training": 60.0},
    quality={"pixels": SCORES, "rc": SCORES},
    reported="rc",
    rejected_reasons={"the file is empty": 2},
    health={"warnings": ["90% of the images are in one cluster"], "suggestions": SUGGESTIONS},
)


@pytest.fixture
def shown():
    """A console, and what it has shown."""
    out, errors = io.StringIO(), io.StringIO()
    return Console(stream=out, errors=errors), out, errors


def test_the_summary_says_what_was_found_and_where_it_is(tmp_path, shown):
    console, out, errors = shown
    (tmp_path / "report.html").touch()
    show_summary(console, tmp_path, SUMMARY)
    lines = out.getvalue().splitlines()
    assert lines[0] == "jule: 1,797 images in 10 clusters, 1 min 05 s (ray start 5.0 s, training 1 min 00 s)"
    assert lines[1:3] == ["2 inputs rejected (rejected.parquet):", "  2 x the file is empty"]
    assert lines[3] == "10 clusters (clear); also plausible: 7 (large gap in affinity), 12 (highest modularity)"
    assert [line.split()[0] for line in lines[4:-1]] == ["clustering", "pixels", "rc"]
    assert [line.endswith("in assignments.parquet") for line in lines[4:-1]] == [False, False, True]
    assert lines[-1] == f"All results are in {tmp_path}; open report.html to see the clusters."
    assert errors.getvalue() == "warning: 90% of the images are in one cluster\n"


def test_a_training_that_helped_is_told_and_one_that_did_not_is_left_to_its_warning(tmp_path, shown):
    console, out, _ = shown
    for helped in (True, False):
        training = {"helped": helped, "sentence": "training helped: compact" if helped else "training did not help"}
        show_summary(console, tmp_path, replace(SUMMARY, health=SUMMARY.health | {"training": training}))
    assert out.getvalue().count("\nTraining helped: compact.\n") == 1
    assert "did not help" not in out.getvalue()


def test_the_summary_of_a_finished_run_is_shown_again(tmp_path, shown):
    console, out, errors = shown
    run_dir = RunDir(tmp_path)
    run_dir.write_summary(SUMMARY)
    assert repeat_summary(console, run_dir, "run") == SUMMARY
    lines = out.getvalue().splitlines()
    assert lines[0] == f"{tmp_path} already holds this run, finished."
    assert lines[-1] == f"All results are in {tmp_path}."
    assert "one cluster" in errors.getvalue()


def test_a_warning_is_shown_even_when_quiet(tmp_path):
    out, errors = io.StringIO(), io.StringIO()
    show_summary(Console(quiet=True, stream=out, errors=errors), tmp_path, SUMMARY)
    assert out.getvalue() == ""
    assert errors.getvalue().startswith("warning: ")


def test_of_very_many_reasons_the_most_frequent_are_listed():
    reasons = {f"reason {i}": i + 1 for i in range(15)}
    lines = reason_lines(reasons)
    assert (lines[0], lines[-2], lines[-1]) == ("  15 x reason 14", "  4 x reason 3", "  6 for 3 other reasons")
    assert reason_lines({"a": 1, "b": 2}) == ["  2 x b", "  1 x a"]


def test_what_joined_other_clusters_is_one_sentence(tmp_path, shown):
    assert joined_sentence(1, "1 image") == (
        "1 small cluster of 1 image joined another, to make room for a larger one (--no-join-small-clusters keeps it)."
    )
    console, out, _ = shown
    joined = {"joined_clusters": 2, "joined_rows": 29}
    show_summary(console, tmp_path, replace(SUMMARY, health=SUMMARY.health | joined))
    assert "2 small clusters of 29 images in all joined others, to make room for larger ones" in out.getvalue()


def test_what_has_moved_is_one_sentence():
    moved = {"images": 1200, "changed": 7, "added": 30, "removed": 1, "new": [], "gone": []}
    assert moved_sentence(moved) == (
        "Since the last time: 30 images came, 1 went, 7 of 1,200 images changed cluster, no cluster is new. Clusters "
        "that go on keep their numbers."
    )
    assert ", new: clusters 4, 5, gone: cluster 2. Clusters that" in moved_sentence(
        moved | {"new": [4, 5], "gone": [2]}
    )
