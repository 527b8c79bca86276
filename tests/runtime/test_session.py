import errno
import os
import subprocess
import sys

import pytest

from raycluster.errors import TrainingFailed
from raycluster.runtime.console import Console
from raycluster.runtime.resources import Node
from raycluster.runtime.session import folder_of_sockets, prepare_environment, private_node, start_private

START = """
import os, signal, sys
from raycluster.runtime.console import Console
from raycluster.runtime.session import ray_session
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("stopped"))
with Console() as console, ray_session(console) as cluster:
    import ray
    (node,) = cluster.nodes
    mode, token, space = os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"], ray.get_runtime_context().namespace
    print(node.cpus >= 2, os.path.isdir(cluster.logs), space, mode, len(token), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()
"""


@pytest.mark.slow
def test_a_private_ray_leaves_its_token_nowhere_and_a_signal_stops_it(tmp_path):
    keep = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", START], env=keep | {"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.splitlines() == ["starting Ray", "True True raycluster token 64", "stopping Ray"]
    assert (done.stderr, done.returncode) == ("stopped\n", 1)
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


def test_threads_that_outlive_a_cluster_start_no_other_even_if_ray_was_imported_before(monkeypatch):
    from ray._private import auto_init_hook

    monkeypatch.setattr(auto_init_hook, "enable_auto_connect", True)
    monkeypatch.delenv("RAY_ENABLE_AUTO_CONNECT", raising=False)
    prepare_environment()
    assert not auto_init_hook.enable_auto_connect
    monkeypatch.setenv("RAY_ENABLE_AUTO_CONNECT", "1")  # as the user wants it
    prepare_environment()
    assert auto_init_hook.enable_auto_connect


def test_a_ray_that_does_not_start_is_tried_again_and_then_told_in_a_sentence(monkeypatch, capsys):
    import ray

    tries = []

    def too_slow(**options):
        tries.append(options)
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(ray, "init", too_slow)
    monkeypatch.setattr(ray, "shutdown", lambda: None)  # other tests need theirs
    monkeypatch.setenv("RAY_AUTH_TOKEN", "unused")
    with (
        Console() as console,
        pytest.raises(TrainingFailed, match=r"did not start.*same command again.*timed out"),
    ):
        start_private(Node(2), console)
    assert len(tries) == 3
    assert capsys.readouterr().out.count("other jobs keep this machine busy: trying again") == 2


def test_a_full_disk_is_not_tried_again(monkeypatch):
    import ray

    def full(**options):
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/ray")

    monkeypatch.setattr(ray, "init", full)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "unused")
    with pytest.raises(OSError, match="No space left"):
        start_private(Node(2))


def test_a_temporary_folder_whose_path_is_too_long_for_sockets_is_replaced(monkeypatch):
    from ray._private.utils import validate_socket_filepath

    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    session = f"ray/session_2026-11-27_09-18-23_123456_{os.getpid()}/sockets/plasma_store"
    longest = 107 - len(session) - 1
    for length, folder in ((longest, None), (longest + 1, "/tmp/ray")):
        monkeypatch.setenv("TMPDIR", "/" + "t" * (length - 1))
        assert folder_of_sockets() == folder
    validate_socket_filepath(f"/{'t' * (longest - 1)}/{session}")  # which Ray asks
    with pytest.raises(OSError, match="cannot exceed 107"):
        validate_socket_filepath(f"/{'t' * longest}/{session}")


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
    assert "too long for Ray's sockets: Ray's files go to /tmp/ray" in done.stdout
