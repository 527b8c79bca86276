import time

from raycluster.runtime.clock import Clock


def test_the_clock_gives_all_time_to_stages(monkeypatch):
    times = iter([8.0, 10.0, 11.0, 15.0, 16.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    clock = Clock(time.perf_counter(), "start")
    for stage in ("images", "training", "images"):
        clock.lap(stage)
    assert clock.stages == {"start": 2.0, "images": 1.0 + 1.0, "training": 4.0}
    assert clock.figures() == {"seconds": 8.0, "stages": {"start": 2.0, "images": 2.0, "training": 4.0}}
