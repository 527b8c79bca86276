import json
import time

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from raycluster.runtime.clock import Clock, duration
from raycluster.runtime.console import describe
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


def test_lines_after_the_checkpoint_are_cut_off_and_told_again(tmp_path):
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


def test_rows_are_told_in_words():
    epoch = {"kind": "epoch", "period": 1, "epoch": 3, "epochs": 20, "loss": 0.01234, "images_per_second": 1834.4}
    told = describe(epoch | {"clusters": 1212, "eta": 130.0, "warnings": ["the loss is not finite"]})
    assert told == (
        "period 2, epoch 3/20  loss 0.0123  1,834 images/s  1,212 clusters  about 2 min 10 s left\n"
        "  warning: the loss is not finite"
    )
    assert describe({"kind": "epoch", "epoch": 1, "epochs": 2, "quality": {"acc": 0.5}}) == "epoch 1/2  ACC 0.500"
    period = {"kind": "period", "period": 2, "clusters": 10, "clustering": "rc", "quality": {"nmi": 0.9, "acc": 0.95}}
    assert (
        describe(period | {"graph_seconds": 1.0})
        == "period 2 done (rc)  10 clusters  NMI 0.900  ACC 0.950  graph 1.0 s"
    )
    assert describe({"kind": "new thing", "score": 0.25}) == "score 0.25"


def test_durations_are_told_as_people_say_them():
    told = [duration(seconds) for seconds in (0.44, 9.94, 9.96, 59.4, 59.6, 200, 3599.6, 7500)]
    assert told == ["0.4 s", "9.9 s", "10 s", "59 s", "1 min 00 s", "3 min 20 s", "1 h 00 min", "2 h 05 min"]


def test_the_clock_gives_all_time_to_stages(monkeypatch):
    times = iter([8.0, 10.0, 11.0, 15.0, 16.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    clock = Clock(time.perf_counter(), "start")
    for stage in ("images", "training", "images"):
        clock.lap(stage)
    assert clock.stages == {"start": 2.0, "images": 1.0 + 1.0, "training": 4.0}
