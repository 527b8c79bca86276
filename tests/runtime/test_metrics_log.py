import json

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from raycluster.runtime.metrics_log import MetricsFollower, MetricsLog


def log(tmp_path, keep=0):
    return MetricsLog(tmp_path / "metrics.jsonl", tmp_path / "tensorboard", keep)


def test_each_row_is_one_line_of_json(tmp_path):
    metrics = log(tmp_path)
    metrics.append({"loss": 1.0, "quality": {"nmi": 0.5}})
    metrics.append({"loss": float("inf")})
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"loss": 1.0, "quality": {"nmi": 0.5}}, {"loss": None}]
    assert metrics.lines == 2


def test_lines_after_the_checkpoint_are_cut_off_and_followed_again(tmp_path):
    follower = MetricsFollower(tmp_path / "metrics.jsonl")
    assert follower.new_rows() == []
    first = log(tmp_path)
    for epoch in range(3):
        first.append({"epoch": epoch})
    assert [row["epoch"] for row in follower.new_rows()] == [0, 1, 2]
    assert follower.new_rows() == []

    second = log(tmp_path, keep=1)
    second.append({"kind": "start"})
    assert follower.new_rows() == [{"kind": "start"}]
    second.append({"epoch": 1})
    second.append({"epoch": 2})
    assert [row["epoch"] for row in follower.new_rows()] == [1, 2]
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == second.lines == 4


def test_a_line_that_is_being_written_is_waited_for(tmp_path):
    path = tmp_path / "metrics.jsonl"
    follower = MetricsFollower(path)
    path.write_text('{"a": 1}\n{"a": ')
    assert follower.new_rows() == [{"a": 1}]
    path.write_text('{"a": 1}\n{"a": 2}\n')
    assert follower.new_rows() == [{"a": 2}]


def test_tensorboard_shows_every_line_once_also_after_a_restart(tmp_path):
    first = log(tmp_path)
    for loss in (3.0, 2.0, 1.5):
        first.append({"loss": loss, "quality": {"nmi": 0.5}, "warnings": ["text"]})
    second = log(tmp_path, keep=2)
    second.append({"loss": 1.0})
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(0, 3.0), (1, 2.0), (2, 1.0)]
    assert len(events.Scalars("quality/nmi")) == 2


def test_a_picture_of_clusters_has_the_step_of_its_line_also_after_a_restart(tmp_path):
    first = log(tmp_path)
    picture = np.zeros((4, 6, 3), np.uint8)
    for _ in range(3):
        first.append({"clusters": 2}, picture)
    second = log(tmp_path, keep=1)
    second.append({"clusters": 3})
    second.append({"clusters": 3}, picture)
    events = EventAccumulator(str(tmp_path / "tensorboard"), {"images": 0}).Reload()
    assert not set(events.Tags()["images"]) & set(events.Tags()["scalars"])
    assert [(image.step, image.height, image.width) for image in events.Images("largest_clusters")] == [
        (0, 4, 6),
        (2, 4, 6),
    ]
