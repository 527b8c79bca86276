"""Fixtures for all tests."""

import os

import pytest
import torch

# One thread a process, this one too: tests run many processes on few cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def ray_session():
    """A Ray of four logical CPUs and no GPU that all tests of a session share; starting one costs seconds."""
    from raycluster.runtime.resources import Node
    from raycluster.runtime.session import prepare_environment, start_private

    prepare_environment()
    start_private(Node(4))
    import ray

    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def digits_npz(tmp_path_factory):
    """120 digits with labels in an NPZ file, which is read without Ray."""
    import numpy as np
    from sklearn.datasets import load_digits

    path = tmp_path_factory.mktemp("data") / "digits.npz"
    digits = load_digits()
    np.savez(path, images=(digits.images[:120] * 15).astype(np.uint8), labels=digits.target[:120])
    return str(path)


@pytest.fixture
def on_two_workers(tmp_path):
    """Run ``worker(rank, store, out)`` in two processes, and return what each puts into ``out`` as (rank, answer)."""

    def run(worker):
        context = torch.multiprocessing.get_context("spawn")
        out = context.Queue()
        processes = [context.Process(target=worker, args=(rank, str(tmp_path / "store"), out)) for rank in range(2)]
        for process in processes:
            process.start()
        by_rank = dict(out.get(timeout=120) for _ in processes)
        for process in processes:
            process.join()
        return by_rank

    return run
