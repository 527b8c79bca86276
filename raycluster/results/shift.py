"""How well a finished run's clusters hold up when images are changed, one factor at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from raycluster.errors import UserError
from raycluster.metrics.shift import Reader, classes_of_clusters, shift_table
from raycluster.nn.network import Network
from raycluster.report.shift_plot import shift_plot
from raycluster.results.finished_run import labels_in
from raycluster.runtime.console import Console
from raycluster.runtime.files import atomic_write
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.units import count

MOST_IMAGES = 1_000  # each is passed through the network some fifty times
BATCH = 250


def shift_of_run(
    run_dir: RunDir,
    net: Network,
    pixels: np.ndarray,
    labels: np.ndarray,
    seed: int,
    console: Console,
) -> list[dict[str, Any]]:
    """Score the run's clusters on changed images, show the table, and write the picture ``shift.svg``.

    Parameters
    ----------
    run_dir : RunDir
    net : Network
        Its network, which has to assign clusters itself.
    pixels : ndarray of uint8, shape (n, C, H, W)
    labels : ndarray of int, shape (n,)
        Known classes, numbered as those of the run.
    seed : int
        Draws the sample of a large set, and the noise.
    console : Console

    Raises
    ------
    UserError
        If the classes of the run's own images are not known.
    """
    classes = classes_of_run(run_dir.path, net.n_clusters)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(pixels))[:MOST_IMAGES])
    images = net.prepare(torch.from_numpy(pixels[chosen]))
    rows = shift_table(images, labels[chosen], reader(net), classes, net.n_clusters, seed)
    with atomic_write(run_dir.path / "shift.svg") as partial:
        partial.write_text(shift_plot(rows))
    console.say(f"Accuracy on {count(len(images), 'image')} changed in one factor, with frozen / refitted clusters:")
    for factor in dict.fromkeys(row["factor"] for row in rows):
        scores = (
            f"{row['amount']:g}: {row['frozen']['acc']:.3f}/{row['refitted']['acc']:.3f}"
            for row in rows
            if row["factor"] == factor
        )
        console.say(f"  {factor:<12} {'  '.join(scores)}")
    return rows


def classes_of_run(path: Path, n_clusters: int) -> np.ndarray:
    """Return the class that each cluster of the run stands for on the images it was trained on, int64 [K]."""
    table = RunDir(path).read_table("assignments", ["cluster"])
    labels = labels_in(table)
    if labels is None:
        raise UserError(
            f"{path} was trained on images without known classes: which class a cluster stands for is unknown."
        )
    return classes_of_clusters(table["cluster"].to_numpy(), labels, n_clusters)


def reader(net: Network) -> Reader:
    """Return a function from images float [n, 3, H, W] to their frozen clusters, and features to refit k-means on."""

    @torch.inference_mode()
    def read(images: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        clusters, features = [], []
        for part in images.split(BATCH):
            prediction = net.predict(part)
            if prediction.clusters is None:
                raise ValueError("this network does not assign clusters")
            clusters.append(prediction.clusters)
            features.append(prediction.embeddings if prediction.clustered is None else prediction.clustered)
        return torch.cat(clusters).numpy(), torch.cat(features).numpy()

    return read
