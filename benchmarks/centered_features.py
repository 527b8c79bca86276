"""The graph on features of a pretrained network: what it brings to measure directions from the mean of all features.

    raycluster embed --data photos/ --labels folders --backbone resnet50 --out features
    python benchmarks/centered_features.py features ... | tee benchmarks/centered_features.txt

Each folder is that of ``raycluster embed`` on images with known classes, whose number is K. Labels are used for nothing
but the scores: NMI (geometric) / ACC.
"""

from __future__ import annotations

import platform
import time
from pathlib import Path

import numpy as np
import tyro
from scipy.stats import skew

from raycluster.data.vectors.metric import MetricSpace
from raycluster.data.vectors.vector_set import open_vectors
from raycluster.graph.neighbors.nearest import nearest_neighbors
from raycluster.graph.settings import GraphSettings
from raycluster.metrics.kmeans import plain_kmeans
from raycluster.metrics.quality import clustering_quality

METRICS = ("cosine", "centered")


def main(folders: tyro.conf.Positional[tuple[Path, ...]], /) -> None:
    print(f"{platform.processor() or platform.machine()}, NumPy {np.__version__}; seconds of one process, all threads")
    print(f"{'features':12} {'rows':>7} {'K':>4}  metric    skewness of hubs  largest cluster    graph         k-means")
    for folder in folders:
        for metric in METRICS:
            found = open_vectors(str(folder / "embeddings"))
            assert found.labels is not None
            vectors, _ = MetricSpace(metric, found.vectors).place(found.vectors)
            n, n_clusters = len(vectors), len(np.unique(found.labels))
            began = time.process_time()
            settings = GraphSettings()
            ids, distances = nearest_neighbors(vectors, settings.neighbors_of(n))
            tree, _, _ = settings.build_tree(ids, distances, vectors)
            clusters = tree.partition(n_clusters, vectors, settings.join_small_clusters).labels
            seconds = time.process_time() - began
            hubs = skew(np.bincount(ids.ravel(), minlength=n))
            largest = np.bincount(clusters).max() / n
            cells = [shown(found.labels, clusters), shown(found.labels, plain_kmeans(vectors, n_clusters))]
            row = f"{folder.name[:12]:12} {n:7,} {n_clusters:4}  {metric:9} {hubs:16.2f} {largest:16.0%}"
            print(row, f"   {cells[0]}   {cells[1]} {seconds:8.1f}", flush=True)


def shown(labels: np.ndarray, clusters: np.ndarray | None) -> str:
    if clusters is None:
        return "  -    -  "
    quality = clustering_quality(labels, clusters)
    return f"{quality['nmi_geometric']:.3f} {quality['acc']:.3f}"


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
