import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from raycluster.runtime import session
from raycluster.runtime.session import ENVIRONMENT, RaySession, prepare_environment, private_node

START = """
import os, signal, sys
from raycluster.runtime.console import Console
from raycluster.runtime.session import ray_session
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("stopped"))
with Console() as console, ray_session(console) as cluster:
    import psutil, ray
    (node,) = cluster.nodes
    mode, token, space = os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"], ray.get_runtime_context().namespace
    print(node.cpus >= 2, os.path.isdir(cluster.logs), space, mode, len(token), flush=True)
    processes = {process.pid for process in [psutil.Process(), *psutil.Process().children(recursive=True)]}
    listening = [one for one in psutil.net_connections() if one.pid in processes and one.status == "LISTEN"]
    print(len(listening) > 5, {one.laddr.ip.removeprefix("::ffff:") for one in listening}, flush=True)
    words = " ".join(word for process in psutil.Process().children(recursive=True) for word in process.cmdline())
    print([name for name in ("gcs_server", "raylet", "dashboard.py", "monitor.py") if name in words], flush=True)
    print(os.path.dirname(cluster.logs), file=sys.stderr)
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()
"""


@pytest.mark.slow
def test_a_private_ray_listens_on_loopback_only_leaves_nothing_behind_and_is_stopped_by_a_signal(tmp_path):
    keep = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", START], env=keep | {"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=300
    )
    first, *middle, last = done.stdout.splitlines()
    assert (first, last) == ("starting Ray", "stopping Ray")
    assert middle == ["True True raycluster token 64", "True {'127.0.0.1'}", "['gcs_server', 'raylet']"]
    session, stopped = done.stderr.splitlines()
    assert (stopped, done.returncode) == ("stopped", 1)
    assert not os.path.exists(session)
    assert not (tmp_path / ".ray" / "auth_token").exists()


def test_a_job_joins_the_cluster_that_it_was_submitted_to(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert private_node() is None


def test_a_connected_ray_is_used_and_left_alone(ray_session):
    import ray

    from raycluster.runtime.session import ray_session

    assert private_node() is None
    with ray_session() as cluster:
        assert [node.cpus for node in cluster.nodes] == [4]
    assert ray.is_initialized()


def test_workers_keep_the_memory_of_a_step_for_the_next_one(ray_session):
    import ray

    names = [name for name in ENVIRONMENT if name.startswith("MALLOC_")]
    read = ray.remote(lambda: {name: os.environ.get(name) for name in names})
    assert ray.get(read.remote()) == {"MALLOC_TRIM_THRESHOLD_": "1073741824", "MALLOC_MMAP_THRESHOLD_": "33554432"}


def test_a_job_waits_for_other_jobs_only_where_there_can_be_some(monkeypatch):
    cluster = RaySession([], "/ray/logs", list)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert "processes want to run" in cluster.reason_to_wait
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert cluster.reason_to_wait == "other jobs may be using the cluster"


def test_what_the_user_has_set_reaches_the_workers_of_a_cluster(monkeypatch):
    import ray

    asked = []

    def init(**options):
        asked.append(options)
        return SimpleNamespace(address_info={"session_dir": "/ray/session"})

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    monkeypatch.setenv("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "7")
    prepare_environment()
    assert session._join() == "/ray/session"
    variables = asked[0]["runtime_env"]["env_vars"]
    assert variables["RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"] == "7"
    assert variables["OMP_WAIT_POLICY"] == os.environ["OMP_WAIT_POLICY"]


def test_threads_that_outlive_a_cluster_start_no_other_even_if_ray_was_imported_before(monkeypatch):
    from ray._private import auto_init_hook

    monkeypatch.setattr(auto_init_hook, "enable_auto_connect", True)
    monkeypatch.delenv("RAY_ENABLE_AUTO_CONNECT", raising=False)
    prepare_environment()
    assert not auto_init_hook.enable_auto_connect
    monkeypatch.setenv("RAY_ENABLE_AUTO_CONNECT", "1")  # as the user wants it
    prepare_environment()
    assert auto_init_hook.enable_auto_connect


@pytest.mark.slow
def test_ray_starts_where_the_temporary_folder_has_a_long_path(tmp_path):
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    script = START.replace("os.kill(os.getpid(), signal.SIGTERM)", "sys.exit()")
    keep = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=keep | {"TMPDIR": str(folder)}, capture_output=True, text=True, timeout=300
    )
    assert "True True raycluster token 64" in done.stdout
    assert "too long for Ray's sockets: Ray's files go to /tmp\n" in done.stdout
