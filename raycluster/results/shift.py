"""How a finished run's clusters hold on images that are changed, one factor at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

from raycluster.errors import UserError
from raycluster.methods.network import MethodNetwork
from raycluster.metrics.shift import Reader, classes_of_clusters, shift_table
from raycluster.report.shift_plot import shift_plot
from raycluster.results.finished_run import labels_in
from raycluster.runtime.console import Say
from raycluster.runtime.files import atomic_write
from raycluster.runtime.run_dir import RunDir

MOST_IMAGES = 1_000  # each is passed through the network some fifty times
BATCH = 250


def shift_of_run(
    run_dir: RunDir,
    net: MethodNetwork,
    pixels: np.ndarray,
    labels: np.ndarray,
    seed: int,
    say: Say,
) -> list[dict[str, Any]]:
    """Score the run's clusters on shifted images, print the table, and write the picture ``shift.svg``.

    Parameters
    ----------
    run_dir : RunDir
    net : MethodNetwork
        Its network, one that assigns images by itself.
    pixels : ndarray of uint8, shape (n, C, H, W)
    labels : ndarray of int, shape (n,)
        Known classes, numbered as those of the run.
    seed : int
        Draws the sample of a large set, and the noise.
    say : callable

    Raises
    ------
    UserError
        If the run knew no classes.
    """
    classes = classes_of_run(run_dir.path, net.n_clusters)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(pixels))[:MOST_IMAGES])
    images = net.prepare(torch.from_numpy(pixels[chosen]))
    rows = shift_table(images, labels[chosen], reader(net), classes, net.n_clusters, seed)
    with atomic_write(run_dir.path / "shift.svg") as partial:
        partial.write_text(shift_plot(rows))
    say(f"Accuracy on {len(images):,} images changed in one factor, clusters frozen / refitted:")
    for factor in dict.fromkeys(row["factor"] for row in rows):
        scores = (
            f"{row['amount']:g}: {row['frozen']['acc']:.3f}/{row['refitted']['acc']:.3f}"
            for row in rows
            if row["factor"] == factor
        )
        say(f"  {factor:<12} {'  '.join(scores)}")
    return rows


def classes_of_run(path: Path, n_clusters: int) -> np.ndarray:
    """Return the class that each cluster of the run stands for on the images it was trained on, int64 [K]."""
    table = pq.read_table(path / "assignments.parquet")
    labels = labels_in(table)
    if labels is None:
        raise UserError(f"{path} was trained on images without known classes: what its clusters stand for is unknown.")
    return classes_of_clusters(table["cluster"].to_numpy(), labels, n_clusters)


def reader(net: MethodNetwork) -> Reader:
    """Return what gives images float [n, 3, H, W] their frozen clusters and features to refit k-means on."""

    @torch.inference_mode()
    def read(images: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        clusters, features = [], []
        for part in images.split(BATCH):
            prediction = net.predict(part)
            if prediction.clusters is None:
                raise ValueError("this network assigns no clusters by itself")
            clusters.append(prediction.clusters)
            features.append(prediction.embeddings if prediction.clustered is None else prediction.clustered)
        return torch.cat(clusters).numpy(), torch.cat(features).numpy()

    return read
