"""What ε costs and gains: approximate merging on all cores against the exact merging, on the same graphs.

    python benchmarks/approximate.py 'mnist/*-images-*' | tee benchmarks/approximate.txt

A source is images with labels, anything that jobs/train.py takes, whose pixels are merged as JULE has them, with the
default graph. Besides, a million points: 200 Gaussian blobs in 5 dimensions that overlap, K_s 20. Labels are used for
NMI alone. ARI compares with the exact clusters, at the true number of clusters. As a yardstick for it, "weights ± 5 %"
is the exact merging after a random change of every weight. Seconds are wall seconds of the merging, neighbors not
counted, the fastest of the repeats; the machine should have nothing else to do.

What approximate.txt shows: up to ε = 1 the result is as good as the exact one, and as different from it as after a
change of the weights by 5 %; ε = 10 merges over the borders of clusters. Two cores gain next to nothing: half of the
merging, and the making of tables for it, remain exact and on one core.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass

import numba
import numpy as np
import ray
import tyro
from merge import blobs, machine, neighbors
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from raycluster.data.images import open_images
from raycluster.data.loaded_images import load_images
from raycluster.graph import (
    MergeTree,
    default_n_neighbors,
    first_clusters,
    link,
    nearest_neighbors,
    sample_affinity,
)
from raycluster.methods.jule.train import pixel_rows

EPSILONS = (0.01, 0.1, 1.0, 10.0)


@dataclass
class Options:
    """What to measure."""

    sources: tyro.conf.Positional[tuple[str, ...]] = ()
    """Images with labels."""
    points: int = 1_000_000
    """How many points in blobs; 0 for none."""
    repeats: int = 2
    """Of each measurement."""


def main(options: Options) -> None:
    print(f"{machine()}, {numba.get_num_threads()} threads, load of the machine {os.getloadavg()[0]:.1f}")
    print("data                           n    K  merging          seconds  speed-up    ARI to exact      NMI")
    compile_kernels()
    for source in options.sources:
        if not ray.is_initialized():
            ray.init(
                address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
            )
        images = load_images(open_images(source))
        assert images.labels is not None
        rows = pixel_rows(images.pixels)
        ids, distances = nearest_neighbors(rows, default_n_neighbors(len(rows)))
        measure(source[-24:], ids, sample_affinity(distances, kind="local"), images.labels, options.repeats)
    if options.points:
        points, labels = blobs(options.points)
        ids, distances = neighbors(points)
        measure("blobs", ids, sample_affinity(distances, kind="local"), labels, options.repeats)


def measure(name: str, ids: np.ndarray, weights: np.ndarray, labels: np.ndarray, repeats: int) -> None:
    k = len(np.unique(labels))
    exact_seconds, tree = timed(ids, weights, 0.0, repeats)
    exact = tree.cut(k)

    def row(merging: str, seconds: float, clusters: np.ndarray) -> None:
        print(
            f"{name:24} {len(ids):9,} {k:4}  {merging:15} {seconds:8.2f} {exact_seconds / seconds:9.2f} "
            f"{adjusted_rand_score(exact, clusters):15.3f} {normalized_mutual_info_score(labels, clusters):8.4f}",
            flush=True,
        )

    row("exact", exact_seconds, exact)
    for seed in range(2):
        noise = np.random.default_rng(seed).normal(size=weights.shape, scale=0.05).astype(np.float32)
        seconds, tree = timed(ids, weights * np.exp(noise), 0.0, 1)
        row("weights ± 5 %", seconds, tree.cut(k))
    for epsilon in EPSILONS:
        seconds, tree = timed(ids, weights, epsilon, repeats)
        row(f"ε = {epsilon}", seconds, tree.cut(k))


def timed(ids: np.ndarray, weights: np.ndarray, epsilon: float, repeats: int) -> tuple[float, MergeTree]:
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        tree = link(ids, weights, first_clusters(ids), epsilon=epsilon)
        seconds.append(time.perf_counter() - started)
    return min(seconds), tree


def compile_kernels() -> None:
    points, _ = blobs(60_000)
    ids, distances = neighbors(points)
    link(ids, sample_affinity(distances, kind="local"), first_clusters(ids), epsilon=0.1)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
