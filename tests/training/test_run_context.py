import json

import numpy as np
import pytest
import torch

from raycluster.data.feed import ResidentFeed
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.stand_in import standing_in
from raycluster.training.run_context import RunContext

FEED = ResidentFeed(np.zeros((4, 1, 2, 2), np.uint8))
WEIGHTS = {"w": torch.ones(1)}


@pytest.fixture
def begin(tmp_path):
    """Begin, or continue, a run as one of its workers."""
    run_dir, contexts = RunDir(tmp_path), []

    def start(rank=0):
        contexts.append(RunContext(FEED, run_dir, torch.device("cpu"), rank=rank, world_size=2))
        return contexts[-1]

    yield start
    for context in contexts:
        context.close()


def kinds(path):
    return [json.loads(line)["kind"] for line in (path / "metrics.jsonl").read_text().splitlines()]


def test_rows_after_the_checkpoint_that_a_run_continues_from_are_written_only_once(begin, tmp_path):
    context = begin()
    assert context.restore() is None
    context.report({"kind": "epoch", "loss": 1.0})
    context.save(WEIGHTS, {"epoch": 1})
    context.report({"kind": "late", "loss": 0.5})
    context.close()
    again = begin()
    tensors, state = again.restore()
    assert (tensors["w"].tolist(), state) == ([1], {"epoch": 1})
    assert kinds(tmp_path) == ["start", "epoch", "start"]


def test_the_time_of_a_run_includes_what_led_to_its_checkpoint(begin, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    context = begin()
    clock[0] = 5.0
    context.save(WEIGHTS, {})
    context.close()
    again = begin()
    clock[0] = 7.0
    assert (again.seconds, again.seconds_in_all) == (2, 7)


def test_only_the_first_worker_writes_metrics_and_checkpoints(begin, tmp_path):
    second = begin(rank=1)
    second.report({"kind": "epoch"})
    second.save(WEIGHTS, {"epoch": 1})
    assert not (tmp_path / "metrics.jsonl").exists()
    assert begin().restore() is None


def test_a_damaged_checkpoint_is_reported_by_the_run_that_starts_anew(begin, tmp_path):
    context = begin()
    context.save(WEIGHTS, {"epoch": 1})
    context.close()
    (tmp_path / "checkpoints" / "training" / "000000" / "tensors.safetensors").write_bytes(b"cut")
    assert begin().restore() is None
    row = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])
    assert "is damaged" in row["warnings"][0]
    assert row["warnings"][1] == "No checkpoint is intact: the training starts anew."


def test_each_worker_keeps_what_it_has_computed(begin):
    for rank in (0, 1):
        kept = begin(rank).keep("features", lambda rank=rank: torch.full((3, 2), float(rank)))
        assert torch.equal(begin(rank).keep("features", lambda: pytest.fail("computed again")), kept)
        assert kept.unique().tolist() == [rank]


def test_a_checkpoint_is_brought_to_where_the_run_belongs_before_the_training_goes_on(begin, tmp_path):
    delivered = []
    with standing_in(tmp_path, "on another machine", lambda: delivered.append((tmp_path / "metrics.jsonl").exists())):
        begin().save(WEIGHTS, {"epoch": 1})
        begin(rank=1).save(WEIGHTS, {"epoch": 1})
    assert delivered == [True]
