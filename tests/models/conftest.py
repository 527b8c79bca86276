"""Fixtures for what several workers compute together."""

import pytest
import torch


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
