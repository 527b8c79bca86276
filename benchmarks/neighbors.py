"""The search for neighbors against those of other libraries: seconds of CPU, and which share of the neighbors is found.

    export OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1
    python benchmarks/neighbors.py mixture 'mnist/*-images-*' | tee benchmarks/neighbors.txt
    python benchmarks/neighbors.py 'mnist/*-images-*' --sizes 1000000 --dimensions 160 --methods lists exact

All vectors have length 1, so that all libraries, whether they compare distances or cosines, look for the same
neighbors. They are the pixels of any sources that jobs/train.py takes; the same images again and again, moved by up to
2 pixels, which gives as many as are asked for, as principal components, which is what embeddings look like; and made
mixtures of Gaussians, each in 12 directions of its own. K_s is the default.

"lists" is our search in lists, whatever the size, and "lists .998" the same when a recall of .998 is wanted. "exact" is
FAISS's flat search of the first rows, multiplied up to all. "IVFFlat" is what we used before: FAISS's inverted lists,
4 n^.5 of them, 16 searched. pynndescent and EVoC (its search alone) have their defaults; hnswlib has M = 16, 100
candidates for building and 2 K_s for searching. Those that are not installed are left out. Recall is that of 1,000
rows. Ratios are to "lists" in the same run.
"""

from __future__ import annotations

import importlib
import logging
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import faiss
import numpy as np
import ray
import tyro

from raycluster.data.images import open_images
from raycluster.data.loaded_images import load_images
from raycluster.graph import NeighborIndex, default_n_neighbors
from raycluster.graph.neighbors import lists, search
from raycluster.graph.neighbors.distances import squared_distances
from raycluster.graph.neighbors.flat import search_flat

EXACT_ROWS = 4096
JUDGED_ROWS = 1000
MOST_SHIFT = 2  # pixels
LIBRARIES = {"pynndescent": "pynndescent", "EVoC": "evoc", "hnswlib": "hnswlib"}


@dataclass
class Options:
    """What to measure."""

    sources: tyro.conf.Positional[tuple[str, ...]] = ("mixture",)
    """Sets of images, or "mixture"."""
    sizes: tuple[int, ...] = (100_000,)
    """Rows of the moved images and of the mixtures."""
    dimensions: tuple[int, ...] = (64, 160, 768)
    methods: tuple[str, ...] = ("lists", "lists .998", "exact", "IVFFlat", "pynndescent", "EVoC", "hnswlib")


def main(options: Options) -> None:
    print(
        f"{platform.processor() or platform.machine()}, numpy {np.__version__}, faiss {faiss.__version__}, "
        f"{faiss.omp_get_max_threads()} threads, {faiss.get_num_gpus()} GPUs"
    )
    print("data                  n    d  K_s  method           CPU s  to ours  recall")
    methods = [name for name in options.methods if name not in LIBRARIES or find_spec(LIBRARIES[name])]
    small = unit(np.random.default_rng(0).standard_normal((2000, 160), np.float32))
    for name in methods:
        if name != "exact":
            METHODS[name](small, 10)  # compiles
    for name, features in data_sets(options):
        compare(name, features, methods)


def data_sets(options: Options) -> Iterator[tuple[str, np.ndarray]]:
    for source in options.sources:
        images = None if source == "mixture" else load(source)
        if images is not None:
            yield "pixels", unit(images.reshape(len(images), -1).astype(np.float32))
        for n in options.sizes:
            for d in options.dimensions:
                yield ("mixture", mixture(n, d)) if images is None else ("moved images", moved(images, n, d))


def load(source: str) -> np.ndarray:
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    images = load_images(open_images(source)).pixels[:, 0]
    ray.shutdown()
    return images


def moved(images: np.ndarray, n: int, d: int) -> np.ndarray:
    """Return n images, each moved by up to MOST_SHIFT pixels, as d principal components of unit length."""
    rng = np.random.default_rng(0)
    pixels = images.reshape(len(images), -1).astype(np.float32)
    mean = pixels.mean(axis=0)
    components = np.linalg.eigh((pixels - mean).T @ (pixels - mean))[1][:, -d:]
    features = np.empty((n, components.shape[1]), np.float32)
    steps = np.arange(-MOST_SHIFT, MOST_SHIFT + 1)
    shifts = rng.permutation([(row, column) for row in steps for column in steps])
    for part, start in enumerate(range(0, n, len(images))):
        some = np.roll(images[: n - start], shifts[part], axis=(1, 2))
        features[start : start + len(some)] = (some.reshape(len(some), -1) - mean) @ components
    return unit(features)


def mixture(n: int, d: int, n_components: int = 50, directions: int = 12) -> np.ndarray:
    rng = np.random.default_rng(0)
    component = rng.integers(n_components, size=n)
    features = 0.05 * rng.standard_normal((n, d), np.float32)
    for c in range(n_components):
        spread = rng.standard_normal((directions, d), np.float32) / directions**0.5
        rows = component == c
        features[rows] += rng.standard_normal(d, np.float32)
        features[rows] += rng.standard_normal((rows.sum(), directions), np.float32) @ spread
    return unit(features)


def unit(features: np.ndarray) -> np.ndarray:
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def compare(name: str, features: np.ndarray, methods: list[str]) -> None:
    n, d = features.shape
    k = default_n_neighbors(n)
    rows = np.sort(np.random.default_rng(0).choice(n, JUDGED_ROWS, replace=False))
    true = search_flat(features, features.mean(axis=0), features[rows], k + 1)
    farthest = squared_distances(features[rows], features, true).max(axis=1, keepdims=True)
    base = np.nan
    for method in methods:
        started = time.process_time()
        if method == "exact":
            search_flat(features, features.mean(axis=0), features[:EXACT_ROWS], k + 1)
            seconds, recall = (time.process_time() - started) * n / EXACT_ROWS, 1.0
        else:
            ids = np.asarray(METHODS[method](features, k), np.int64)
            seconds = time.process_time() - started
            near = (squared_distances(features[rows], features, ids[rows]) <= farthest) & (ids[rows] != rows[:, None])
            recall = np.minimum(near.sum(axis=1), k).mean() / k
        base = seconds if method == "lists" else base
        print(
            f"{name:14} {n:9,} {d:4} {k:4}  {method:12} {seconds:9.1f} {seconds / base:8.2f} {recall:7.3f}", flush=True
        )


def ours(features: np.ndarray, k: int) -> np.ndarray:
    search.MAX_EXACT_COST = 0  # in lists, whatever the size
    return NeighborIndex(features, k).rows()[0]


def ours_of_higher_recall(features: np.ndarray, k: int) -> np.ndarray:
    usual = lists.MIN_PROJECTED_RECALL, lists.MIN_RECALL
    lists.MIN_PROJECTED_RECALL, lists.MIN_RECALL = 0.999, 0.998
    ids = ours(features, k)
    lists.MIN_PROJECTED_RECALL, lists.MIN_RECALL = usual
    return ids


def ivf_flat(features: np.ndarray, k: int) -> np.ndarray:
    n, d = features.shape
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, int(min(4 * n**0.5, n // 39)))
    index.cp.max_points_per_centroid = 64
    index.train(features)
    index.add(features)
    index.nprobe = 16
    return index.search(features, k + 1)[1]


def pynndescent(features: np.ndarray, k: int) -> np.ndarray:
    index = importlib.import_module("pynndescent").NNDescent(features, n_neighbors=k + 1, random_state=0, n_jobs=1)
    return index.neighbor_graph[0]


def evoc(features: np.ndarray, k: int) -> np.ndarray:
    return importlib.import_module("evoc.knn_graph").knn_graph(features, k + 1, random_state=0)[0]


def hnsw(features: np.ndarray, k: int) -> np.ndarray:
    index = importlib.import_module("hnswlib").Index("l2", features.shape[1])
    index.init_index(len(features), M=16, ef_construction=100, random_seed=0)
    index.set_num_threads(1)
    index.add_items(features)
    index.set_ef(2 * k)
    return index.knn_query(features, k + 1)[0]


METHODS: dict[str, Callable[[np.ndarray, int], Any]] = {
    "lists": ours,
    "lists .998": ours_of_higher_recall,
    "IVFFlat": ivf_flat,
    "pynndescent": pynndescent,
    "EVoC": evoc,
    "hnswlib": hnsw,
}


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
