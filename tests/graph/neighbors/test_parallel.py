import threading

import faiss
import pytest
from threadpoolctl import threadpool_info

from raycluster.graph.neighbors.parallel import in_threads


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_every_part_is_done_once_by_as_many_threads_as_faiss_has_each_with_a_blas_of_one():
    threads, done, before = faiss.omp_get_max_threads(), [], blas_threads()
    together = threading.Barrier(3, timeout=10)

    def work(part):
        together.wait()
        done.append((part, blas_threads()))

    try:
        faiss.omp_set_num_threads(3)
        in_threads(work, range(6))
    finally:
        faiss.omp_set_num_threads(threads)
    assert sorted(done, key=lambda item: item[0]) == [(part, {1}) for part in range(6)]
    assert blas_threads() == before


def test_an_error_in_a_thread_is_not_lost():
    def fail(part):
        raise ValueError(f"part {part}")

    with pytest.raises(ValueError, match="part 1"):
        in_threads(fail, [1])
