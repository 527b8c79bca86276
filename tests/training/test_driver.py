import hashlib
import os
import signal
import tempfile
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import ray
from ray.exceptions import RayError

from raycluster.errors import UserError
from raycluster.remote.shared_folder import share
from raycluster.runtime.session import ray_session as connect
from raycluster.training.driver import ClusterDriver, ask_driver
from tests.storage import unseen


@dataclass(frozen=True)
class Doubled:
    rows: np.ndarray
    pid: int


@dataclass(frozen=True)
class Total:
    sum: float


ROWS = np.array([[0.0], [10.0], [20.0], [30.0], [40.0]], np.float32)
FIRST = (np.array([4, 0]), ROWS[[4, 0]])
SECOND = (np.array([2, 1, 3]), ROWS[[2, 1, 3]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def driver(ray_session, folder):
    """One actor for all tests, each with steps of its own; starting one costs seconds.

    It is one on a machine that does not see the run folder.
    """
    with connect() as cluster, share(folder, replace(cluster, is_private=False)) as shared:
        options = {"name": f"driver-{uuid.uuid4().hex}", "max_restarts": -1, "num_cpus": 0}
        driver = ray.remote(ClusterDriver).options(**options).remote(unseen(shared), len(ROWS))
        yield driver
        ray.kill(driver)


def functions(tmp_path):
    """Return functions for the driver; local ones, so that Ray sends them by value."""

    def double(features, calls=str(tmp_path / "calls")) -> Doubled:
        with open(calls, "a") as file:
            file.write("x")
        return Doubled(features * 2, os.getpid())

    def refuse(features, what):
        raise UserError(f"{what} is not possible")

    def die_once(features, flag=str(tmp_path / "died")) -> Total:
        if not os.path.exists(flag):
            open(flag, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return Total(float(features.sum()))

    return double, refuse, die_once


@pytest.mark.slow
def test_rows_of_all_workers_come_together_in_the_order_of_their_ids(driver, tmp_path):
    double, _, _ = functions(tmp_path)
    first = driver.run.remote(1, 0, 0, 2, FIRST, double, {})
    second = driver.run.remote(1, 0, 1, 2, SECOND, double, {})
    for answer in ray.get([first, second]):
        np.testing.assert_array_equal(answer.rows, ROWS * 2)
    assert (tmp_path / "calls").read_text() == "x"


@pytest.mark.slow
def test_missing_rows_and_errors_reach_every_worker(driver, tmp_path):
    double, refuse, _ = functions(tmp_path)
    short = (SECOND[0][:2], SECOND[1][:2])
    calls = [driver.run.remote(1, 10, rank, 2, part, double, {}) for rank, part in enumerate((FIRST, short))]
    for call in calls:
        with pytest.raises(ValueError, match="1 of 5 rows are missing"):
            ray.get(call)
    other = driver.run.remote(1, 11, 1, 2, SECOND, refuse, {"what": "this"})
    with pytest.raises(UserError) as raised:
        ask_driver(driver, 1, 11, 0, 2, FIRST, refuse, {"what": "this"})
    assert type(raised.value) is UserError
    assert str(raised.value) == "this is not possible"
    with pytest.raises(UserError):
        ray.get(other)


def test_what_a_former_group_of_workers_left_unfinished_is_dropped(driver, tmp_path):
    double, _, _ = functions(tmp_path)
    left = driver.run.remote(1, 20, 0, 2, (FIRST[0], FIRST[1] + 500), double, {})
    second = driver.run.remote(2, 20, 1, 2, SECOND, double, {})
    with pytest.raises(RayError):
        ray.get(left, timeout=60)
    answer = ask_driver(driver, 2, 20, 0, 2, FIRST, double, {})
    np.testing.assert_array_equal(answer.rows, ROWS * 2)
    np.testing.assert_array_equal(ray.get(second).rows, ROWS * 2)


def test_late_rows_of_workers_that_were_replaced_do_not_mix_with_those_of_the_present_ones(driver, tmp_path):
    double, _, _ = functions(tmp_path)
    ask_driver(driver, 2, 24, 0, 1, (np.arange(5), ROWS), double, {})  # so that the present ones are known
    second = driver.run.remote(2, 25, 1, 2, SECOND, double, {})
    with pytest.raises(RuntimeError, match="replaced"):
        ask_driver(driver, 1, 25, 0, 2, (FIRST[0], FIRST[1] + 500), double, {})
    answer = ask_driver(driver, 2, 25, 0, 2, FIRST, double, {})
    np.testing.assert_array_equal(answer.rows, ROWS * 2)
    np.testing.assert_array_equal(ray.get(second).rows, ROWS * 2)


@pytest.mark.slow
def test_a_driver_that_dies_at_work_is_asked_again_and_answers_completed_steps_from_disk(driver, folder, tmp_path):
    double, _, die_once = functions(tmp_path)
    everything, changed = (np.arange(5), ROWS), (np.arange(5), ROWS + 1)
    before = ask_driver(driver, 3, 30, 0, 1, everything, double, {}).pid
    assert ask_driver(driver, 3, 31, 0, 1, everything, die_once, {}).sum == 100
    again = ask_driver(driver, 3, 30, 0, 1, changed, double, {})
    np.testing.assert_array_equal(again.rows, ROWS * 2)
    assert (tmp_path / "calls").read_text() == "x"
    assert ask_driver(driver, 3, 32, 0, 1, everything, double, {}).pid != before
    assert len(list((folder / "checkpoints" / "driver").iterdir())) == 2
    copies = f"raycluster-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}-*"
    assert list(Path(tempfile.gettempdir()).glob(copies))
    ray.get(driver.close.remote())
    assert not list(Path(tempfile.gettempdir()).glob(copies))
