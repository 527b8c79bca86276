"""Fixtures for all tests."""

import os
import signal
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist

# One thread a process, this one too: tests run many processes on few cores.
for library in ("OMP", "NUMBA"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard():
    """Let this process and those it starts hear Ctrl-C, which shells make jobs in the background ignore."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def ray_session():
    """A Ray of four logical CPUs and no GPU that all tests of a session share; starting one costs seconds."""
    from raycluster.runtime.private_ray import own_folder, start_private
    from raycluster.runtime.resources import Node
    from raycluster.runtime.session import prepare_environment

    prepare_environment()
    with own_folder() as folder:
        start_private(Node(4), folder)
        import ray

        yield
        ray.shutdown()


@pytest.fixture(scope="session")
def s3():
    """A server of S3 with an empty bucket."""
    from tests.s3_server import S3Server

    server = S3Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def digits_npz(tmp_path_factory):
    """120 digits with labels in an NPZ file, which is read without Ray."""
    import numpy as np
    from sklearn.datasets import load_digits

    path = tmp_path_factory.mktemp("data") / "digits.npz"
    digits = load_digits()
    np.savez(path, images=(digits.images[:120] * 15).astype(np.uint8), labels=digits.target[:120])
    return str(path)


@pytest.fixture(scope="session")
def lite0_weights(tmp_path_factory):
    """ImageNet weights of ``tf_efficientnet_lite0.in1k``, a small network of timm."""
    from benchmarks.lite_weights import write_weights

    return write_weights(tmp_path_factory.mktemp("weights") / "lite0.safetensors")


@pytest.fixture
def embed_here(ray_session, monkeypatch):
    """Embed in this process, in place of actors, each of which takes seconds to start."""
    import pyarrow as pa

    from raycluster.embedding import stream

    def embed_shards(order, shards, net, out, plan, decode):
        embedder = stream.Embedder(net, order, out, threads=1)
        for shard, start, stop in shards.tolist():
            done = embedder(pa.table({"shard": [shard], "start": [start], "stop": [stop]}))
            yield stream.Done(**done.to_pylist()[0])

    monkeypatch.setattr(stream, "embed_shards", embed_shards)


@pytest.fixture(scope="session")
def two_processes():
    """Two processes that the tests of a session share: importing torch costs each of them seconds."""
    context = torch.multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as first, ProcessPoolExecutor(1, context) as second:
        yield first, second


@pytest.fixture
def on_two_workers(two_processes, tmp_path):
    """Run ``worker(rank)`` in a gloo group of two processes, and return what each of them returns."""

    def run(worker):
        store = str(tmp_path / "store")
        answers = [process.submit(in_group, worker, rank, store) for rank, process in enumerate(two_processes)]
        if errors := [error for answer in answers if (error := answer.exception(timeout=300))]:
            raise ExceptionGroup("not all workers came to an end", errors)
        return [answer.result() for answer in answers]

    return run


def in_group(worker, rank, store):
    torch.set_num_threads(1)
    timeout = timedelta(minutes=5)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2, timeout=timeout)
    try:
        return worker(rank)
    finally:
        dist.destroy_process_group()


@pytest.fixture
def simulated_capture(monkeypatch):
    """Let ``torch.cuda`` capture steps on the CPU, operation by operation."""
    from tests.simulated_capture import simulate

    simulate(monkeypatch)
