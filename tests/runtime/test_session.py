import os
import subprocess
import sys

import pytest

from raycluster.errors import TrainingFailed
from raycluster.runtime.resources import Node
from raycluster.runtime.session import private_node, start_private

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


def test_a_ray_that_does_not_start_is_told_in_a_sentence(monkeypatch):
    import ray

    def too_slow(**options):
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(ray, "init", too_slow)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "unused")
    with pytest.raises(TrainingFailed, match=r"did not start.*same command again.*timed out"):
        start_private(Node(2))
