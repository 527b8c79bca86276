"""Fixtures for all tests."""

import os

import pytest

# One thread a process: tests run many processes on few cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def ray_session():
    """A Ray of four logical CPUs and no GPU that all tests of a session share; starting one costs seconds."""
    from raycluster.training.cluster import prepare_environment, start_private
    from raycluster.training.plan import Node

    prepare_environment()
    start_private(Node(4))
    import ray

    yield
    ray.shutdown()
