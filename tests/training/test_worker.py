import functools
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from raycluster.data.feed import ResidentFeed
from raycluster.runtime.run_dir import RunDir
from raycluster.training.worker import RayContext


def start(tmp_path):
    """What one worker without a driver actor sees."""
    feed = ResidentFeed(np.zeros((4, 1, 2, 2), np.uint8))
    return RayContext(feed, RunDir(tmp_path), torch.device("cpu"), driver=None, group=1)


def kinds(tmp_path):
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    return [row.get("kind", row.get("epoch")) for row in rows]


def test_a_continued_run_has_the_checkpoint_the_time_and_the_lines_that_led_to_it(tmp_path):
    first = start(tmp_path)
    assert first.restore() is None
    first.report({"epoch": 1})
    first.save({"w": torch.ones(2)}, {"epoch": 1})
    first.report({"epoch": 2})
    assert kinds(tmp_path) == ["start", 1, 2]

    second = start(tmp_path)
    tensors, state = second.restore()
    assert (tensors["w"].tolist(), state) == ([1.0, 1.0], {"epoch": 1})
    assert second.seconds_in_all > second.seconds > 0
    second.report({"epoch": 2})
    second.save({"w": torch.zeros(2)}, {"epoch": 2})
    assert kinds(tmp_path) == ["start", 1, "start", 2]
    assert start(tmp_path).restore()[1] == {"epoch": 2}


def test_a_run_goes_on_from_the_newest_intact_checkpoint_and_says_which_is_not(tmp_path):
    first = start(tmp_path)
    for epoch in (1, 2):
        first.report({"epoch": epoch})
        first.save({"w": torch.full((2,), float(epoch))}, {"epoch": epoch})
    checkpoints = tmp_path / "checkpoints" / "training"

    def warnings():
        rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
        return rows[-1]["continued"], rows[-1].get("warnings", [])

    (checkpoints / "000001" / "tensors.safetensors").write_bytes(b"")
    assert start(tmp_path).restore()[1] == {"epoch": 1}
    assert kinds(tmp_path) == ["start", 1, "start"]
    continued, (sentence,) = warnings()
    assert continued
    assert "000001 is damaged" in sentence
    (checkpoints / "000000" / "state.json").write_text("{")
    assert start(tmp_path).restore() is None
    continued, (first_sentence, last) = warnings()
    assert not continued
    assert "000000 is damaged" in first_sentence
    assert last == "No checkpoint is intact: the training starts anew."
    assert start(tmp_path).restore() is None
    assert warnings() == (False, [])


def test_one_worker_needs_no_wrapping(tmp_path):
    context, model = start(tmp_path), nn.BatchNorm1d(2)
    assert context.wrap(model) is model
    rows = torch.ones(3, requires_grad=True)
    assert context.all_gather(rows) is rows


def one_of_two(shared: Path, apart: Path, rank: int) -> list[str]:
    """Start where both workers see the same checkpoint, and where only the first one sees the newest."""
    told = []
    for folder in (shared, apart / str(rank)):
        feed = ResidentFeed(np.zeros((4, 1, 2, 2), np.uint8))
        try:
            RayContext(feed, RunDir(folder), torch.device("cpu"), driver=None, group=1, rank=rank, world_size=2)
            told.append("")
        except RuntimeError as error:
            told.append(str(error))
    return told


def test_workers_that_see_different_checkpoints_do_not_train(tmp_path, on_two_workers):
    shared, apart = tmp_path / "shared", tmp_path / "apart"
    for folder, epochs in ((shared, 2), (apart / "0", 2), (apart / "1", 1)):
        folder.mkdir(parents=True)
        context = start(folder)
        for epoch in range(epochs):
            context.report({"epoch": epoch})
            context.save({"w": torch.ones(2)}, {"epoch": epoch})
    for rank, (same, different) in enumerate(on_two_workers(functools.partial(one_of_two, shared, apart))):
        assert same == ""
        assert different == (
            f"Workers see different checkpoints in {apart / str(rank)}: not every machine sees its present state."
        )
