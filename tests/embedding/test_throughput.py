import time

import pytest

from raycluster.embedding.stream import STAGES, Done
from raycluster.embedding.throughput import Throughput


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def test_speed_slowest_stage_and_time_left_are_said(clock):
    meter = Throughput(n=1000, before=200, workers=1)
    clock[0] += 30  # starting
    meter.add(Done(0, 90, 10, 2, ["a", "b"], {"read": 1.0, "decode": 2.0, "forward": 6.0, "write": 1.0}))
    assert meter.rate is None
    assert meter.describe() == "300/1,000 images  forward takes 60% of the work"
    clock[0] += 5
    meter.add(Done(1, 100, 0, 3, ["c", "d", "e"], {"read": 1.0, "decode": 12.0, "forward": 6.0, "write": 1.0}))
    assert meter.describe() == "400/1,000 images  20 images/s  decode takes 47% of the work  about 30 s left"
    assert (meter.rows, meter.rejected, meter.blank) == (190, 10, 5)


def test_the_first_shards_of_all_workers_do_not_count_for_the_speed(clock):
    meter = Throughput(n=1000, before=0, workers=2)
    seconds = dict.fromkeys(STAGES, 1.0)
    for shard in range(4):
        clock[0] += 10
        meter.add(Done(shard, 100, 0, 0, [], seconds))
    assert meter.rate == 10


def test_the_first_blank_images_are_named_whatever_shard_is_done_first():
    meter = Throughput(n=1000, before=0, workers=2)
    for shard, paths in ((7, ["h"]), (0, []), (3, ["c", "d"]), (5, ["e", "f", "g"])):
        meter.add(Done(shard, 100, 0, len(paths), paths, dict.fromkeys(STAGES, 1.0)))
    assert (meter.blank, meter.blank_paths) == (6, ["c", "d", "e"])
