"""Graph degree linkage on raw pixels: published settings against ours, quality and CPU seconds.

    python benchmarks/graph_on_pixels.py digits usps.npz 'mnist/t10k-*' faces/ | tee benchmarks/graph_on_pixels.txt

Sources with labels, or whose folders are the classes; K is the true number of classes, and labels are used for nothing
else. Pixels are in [0, 1]; "default" has them as JULE does, rows longer than 1 scaled down to that length. The paper's
own figures (JULE, table of AC-GDL) are those of unscaled rows: USPS .824, MNIST-test .844 NMI geometric. "default" is
measured with exact neighbors and with those found in lists; "*" marks the search that would be chosen. Merging runs on
one core.
"""

from __future__ import annotations

import logging
import platform
import time
from dataclasses import dataclass

import faiss
import numba
import numpy as np
import ray
import tyro

from raycluster.data.images import open_images
from raycluster.data.loaded_images import load_images
from raycluster.data.reading import Reading
from raycluster.graph import (
    GraphDegreeLinkage,
    NeighborIndex,
    default_n_neighbors,
    first_clusters,
    link,
    sample_affinity,
)
from raycluster.graph.neighbors import search
from raycluster.methods.jule.train import pixel_rows
from raycluster.metrics.quality import clustering_quality

PUBLISHED = GraphDegreeLinkage(
    n_neighbors=20, affinity="global", join_small_components=False, join_small_clusters=False
)
SETTINGS = {"published": PUBLISHED, "default": GraphDegreeLinkage()}
MAX_EXACT_COST = {"exact": np.inf, "lists": 0}


@dataclass
class Options:
    """What to measure."""

    sources: tyro.conf.Positional[tuple[str, ...]] = ("digits",)
    """Any sources that jobs/train.py takes."""


def main(options: Options) -> None:
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    print(
        f"{platform.processor() or platform.machine()}, numba {numba.__version__}, faiss {faiss.__version__}, "
        f"{faiss.omp_get_max_threads()} threads and {faiss.get_num_gpus()} GPUs for neighbors"
    )
    print(
        "data                           n    K  settings   K_s  search  recall  clusters   NMI geo    ACC   neighbors s"
        "   merging s"
    )
    compile_kernels()
    for source in options.sources:
        images = load_images(open_images(source))
        if images.labels is None:
            images = load_images(open_images(source, Reading("folders")))
        assert images.labels is not None
        pixels = images.pixels
        plain = pixels.reshape(images.n, -1).astype(np.float32) / 255
        n_clusters = len(np.unique(images.labels[images.labels >= 0]))
        for name, settings in SETTINGS.items():
            rows = plain if name == "published" else pixel_rows(pixels)
            chosen = "exact" if search.can_be_exact(len(rows), rows.shape[1], faiss.get_num_gpus()) else "lists"
            for kind in ["exact"] if name == "published" else MAX_EXACT_COST:
                print(f"{source[-24:]:24} {images.n:7,} {n_clusters:4}  {name:9}", end=" ", flush=True)
                search.MAX_EXACT_COST, usual = MAX_EXACT_COST[kind], search.MAX_EXACT_COST
                measure(settings, rows, images.labels, n_clusters, chosen)
                search.MAX_EXACT_COST = usual


def measure(settings: GraphDegreeLinkage, rows: np.ndarray, labels: np.ndarray, n_clusters: int, chosen: str) -> None:
    k_s = settings.n_neighbors
    k = k_s if isinstance(k_s, int) else default_n_neighbors(len(rows))
    started = time.process_time()
    index = NeighborIndex(rows, k)
    ids, distances = index.rows()
    searched = time.process_time()
    weights = sample_affinity(distances, settings.sigma_scale, settings.affinity)
    first = first_clusters(ids)
    merging = time.process_time()
    tree = link(ids, weights, first, join_small_components=settings.join_small_components, features=rows)
    merged = time.process_time()
    quality = clustering_quality(labels, tree.cut(n_clusters))
    print(
        f"{k:4}  {index.search.kind + '*' * (index.search.kind == chosen):7}{index.search.recall:7.3f}"
        f"{first.max() + 1:10,}     {quality['nmi_geometric']:.4f}  {quality['acc']:.3f}"
        f"{searched - started:15.2f}{merged - merging:12.2f}",
        flush=True,
    )


def compile_kernels() -> None:
    for settings in SETTINGS.values():
        settings.fit(np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
