"""Exact against approximate search of neighbors: seconds of CPU, and how many neighbors the approximate one finds.

    python benchmarks/neighbors.py 'mnist/*-images-*' | tee benchmarks/neighbors.txt
    OMP_NUM_THREADS=1 python benchmarks/neighbors.py

Made mixtures of Gaussians, each in 12 directions of its own; the pixels of any sources that jobs/train.py takes; and
these reduced to 160 directions and scaled to length 1, which is what embeddings look like. The exact search answers for
the first rows and is multiplied up to all; recall is that of these rows.
"""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import faiss
import numpy as np
import ray
import tyro

from raycluster.data.images import open_images
from raycluster.data.loaded_images import load_images
from raycluster.graph import NeighborIndex, nearest_neighbors
from raycluster.graph.neighbors import faiss_index
from raycluster.graph.neighbors.distances import squared_distances

COMPARED = 8192
MAX_EXACT_COST = faiss_index.MAX_EXACT_COST
Result = TypeVar("Result")


@dataclass
class Options:
    """What to measure."""

    sources: tyro.conf.Positional[tuple[str, ...]] = ()
    """Sets of images."""
    n_neighbors: int = 20
    """K_s."""


def main(options: Options) -> None:
    print(
        f"{platform.processor() or platform.machine()}, numpy {np.__version__}, faiss {faiss.__version__}, "
        f"{faiss.omp_get_max_threads()} threads, {faiss.get_num_gpus()} GPUs, K_s {options.n_neighbors}"
    )
    print("                                       exact   approximate: CPU s        lists")
    print("data                      n     d      CPU s    build  search    probed/all  recall  stated chosen")
    nearest_neighbors(np.zeros((10, 2), np.float32), 2)  # compiles
    for name, features in data_sets(options.sources):
        measure(name, features, options.n_neighbors)


def data_sets(sources: tuple[str, ...]) -> Iterator[tuple[str, np.ndarray]]:
    yield "mixture", mixture(100_000, 160)
    yield "mixture", mixture(200_000, 64)
    if sources:
        ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    for source in sources:
        pixels = load_images(open_images(source)).pixels
        pixels = pixels.reshape(len(pixels), -1).astype(np.float32) / 255
        yield f"{source[-12:]} pixels", pixels
        centered = pixels - pixels.mean(axis=0)
        reduced = centered @ np.linalg.eigh(centered.T @ centered)[1][:, -160:]
        yield f"{source[-12:]} reduced", reduced / np.linalg.norm(reduced, axis=1, keepdims=True)


def mixture(n: int, d: int, n_components: int = 50, directions: int = 12) -> np.ndarray:
    rng = np.random.default_rng(0)
    component = rng.integers(n_components, size=n)
    features = 0.05 * rng.standard_normal((n, d), np.float32)
    for c in range(n_components):
        spread = rng.standard_normal((directions, d), np.float32) / directions**0.5
        rows = component == c
        features[rows] += rng.standard_normal(d, np.float32)
        features[rows] += rng.standard_normal((rows.sum(), directions), np.float32) @ spread
    return features


def measure(name: str, features: np.ndarray, k: int) -> None:
    n, d = features.shape
    faiss_index.MAX_EXACT_COST = np.inf
    exact, exact_seconds = timed(lambda: NeighborIndex(features, k).rows(0, COMPARED))
    faiss_index.MAX_EXACT_COST = 0
    index, build_seconds = timed(lambda: NeighborIndex(features, k))
    (ids, _), search_seconds = timed(index.rows)
    found = squared_distances(features[:COMPARED], features, ids[:COMPARED])
    recall = (found <= exact[1][:, -1:]).mean()
    faiss_index.MAX_EXACT_COST = MAX_EXACT_COST
    chosen = "exact" if faiss_index.can_be_exact(n, d, faiss.get_num_gpus()) else "lists"
    told = index.search
    print(
        f"{name:20} {n:7,} {d:5} {exact_seconds * n / min(n, COMPARED):10.1f} {build_seconds:8.1f} "
        f"{search_seconds:7.1f} {told.n_probes:7}/{told.n_lists:<6,} {recall:7.3f} {told.recall:6.3f}  {chosen}",
        flush=True,
    )


def timed(function: Callable[[], Result]) -> tuple[Result, float]:
    started = time.process_time()
    return function(), time.process_time() - started


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
