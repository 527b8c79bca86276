"""All threads at work on parts of the same task."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import faiss
from threadpoolctl import threadpool_limits


def in_threads(function: Callable[[int], object], starts: Iterable[int]) -> None:
    """Call a function for every part of a task, on as many threads as FAISS uses; products of matrices use one each."""
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(faiss.omp_get_max_threads()) as pool:
        list(pool.map(function, starts))
