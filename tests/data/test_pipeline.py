import numpy as np
import pytest
import ray

from raycluster.data.pipeline import check_seen, map_ranges, put_rows, quiet_context
from raycluster.errors import UserError


def rows_and_values(table, start, stop):
    return {"row": np.arange(start, stop), "value": table[start:stop]}


def test_every_range_comes_once_and_in_order_on_request(ray_session):
    table = np.random.default_rng(0).integers(0, 256, (100, 2, 3), dtype=np.uint8)
    ranges = np.array([[90, 100], [0, 40], [60, 61], [61, 90], [40, 60]])
    columns = list(map_ranges(rows_and_values, ray.put(table), ranges, in_order=True))
    rows = np.concatenate([column["row"] for column in columns])
    assert rows.tolist() == [row for start, stop in ranges for row in range(start, stop)]
    np.testing.assert_array_equal(np.concatenate([column["value"] for column in columns]), table[rows])


def test_more_ranges_than_tasks_come_in_order_too(ray_session, monkeypatch):
    monkeypatch.setattr("raycluster.data.pipeline.MAX_TASKS", 3)
    ranges = np.stack([np.arange(20), np.arange(20) + 1], axis=1)[::-1]
    columns = map_ranges(rows_and_values, ray.put(np.arange(20)), ranges, in_order=True)
    assert np.concatenate([column["row"] for column in columns]).tolist() == list(range(19, -1, -1))


def test_without_ranges_there_is_no_work(ray_session):
    assert list(map_ranges(rows_and_values, ray.put(None), np.empty((0, 2), np.int64))) == []


def test_without_ray_the_same_work_is_done_in_this_process(monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    table = np.arange(20)
    assert put_rows(table) is table
    columns = list(map_ranges(rows_and_values, table, np.array([[0, 3], [3, 20]])))
    assert [len(part["row"]) for part in columns] == [3, 17]


def test_a_dataset_is_quiet_and_no_longer_stands_still_for_half_an_hour_whenever_ray_was_imported(ray_session):
    context = quiet_context(ray.data.range(1))
    assert (context.enable_progress_bars, context.execution_no_progress_timeout_s) == (False, 120.0)


def test_a_file_that_another_machine_does_not_see_is_found_before_anything_is_read(ray_session, monkeypatch, tmp_path):
    (here,) = (node for node in ray.nodes() if node["Alive"])
    machines = [here | {"NodeManagerAddress": address} for address in ("10.0.0.1", "10.0.0.2")]
    machines[0]["NodeID"] = ray.NodeID.from_random().hex()  # of a machine that has just been lost
    monkeypatch.setattr(ray, "nodes", lambda: machines)
    (tmp_path / "image.png").touch()
    check_seen(str(tmp_path / "image.png"), "--data photos")
    check_seen(None, "--data s3://photos")
    with pytest.raises(UserError, match=r"--data photos is not there on machine 10\.0\.0\.2: choose storage"):
        check_seen(str(tmp_path / "other.png"), "--data photos")
