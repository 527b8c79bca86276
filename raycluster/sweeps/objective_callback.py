"""The objective of a run in training, for schedulers that stop bad trials or continue them from better ones."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from ray import tune

from raycluster.data.loaded_images import LoadedImages
from raycluster.methods.network import MethodNetwork
from raycluster.metrics.kmeans import kmeans
from raycluster.metrics.label_free import sample_rows
from raycluster.nn.features import frozen_features
from raycluster.runtime.files import atomic_write, remove_tree
from raycluster.runtime.run_dir import RunDir
from raycluster.sweeps.objective import BY_LABELS, own_score
from raycluster.sweeps.search import METRIC, TIME
from raycluster.training.in_process import InProcessContext
from raycluster.training.trainer import TrainingRun

BATCH = 500  # images whose statistics are measured together
STARTS = 3  # of k-means
DIVERGED = -1.0  # the objective of a network whose embeddings are not finite: no score is lower


class ObjectiveCallback:
    """Reports the objective to Ray Tune every few epochs, without any effect on the training.

    The clusters are those that k-means finds in the embeddings at that time, because what a method itself reports in
    training has a different number of clusters in every run, or no clusters at all.

    Parameters
    ----------
    images : LoadedImages
        Of more than 3,000, a sample is used; for an objective by labels, a sample of those whose class is known.
    n_clusters : int
    objective : str
    interval : int
        Epochs between two reports.
    hand_over : bool
        Give Ray Tune the checkpoint too, so that another trial can continue from it.
    """

    def __init__(self, images: LoadedImages, n_clusters: int, objective: str, interval: int, hand_over: bool) -> None:
        self._n_clusters, self._objective, self._interval, self._hand_over = n_clusters, objective, interval, hand_over
        labels, rows = images.labels, np.arange(images.n)
        if labels is not None and objective in BY_LABELS:
            rows = np.flatnonzero(labels >= 0)
        rows = rows[sample_rows(len(rows))]
        self._pixels, self._labels = images.pixels[rows], None if labels is None else labels[rows]
        self._reported = 0

    def __call__(self, context: InProcessContext, folder: Path) -> None:
        """Report the objective, and for population-based training hand over the checkpoint."""
        epochs = context.epochs
        if epochs % self._interval or epochs <= self._reported:
            return
        self._reported = epochs
        found = {METRIC: self._objective_now(context.model), TIME: epochs}
        if not self._hand_over:
            tune.report(found)
            return
        with tempfile.TemporaryDirectory() as handed_over:
            newest = max(path for path in folder.iterdir() if path.name.isdigit())
            shutil.copytree(newest, Path(handed_over) / newest.name)
            shutil.copy(folder.parents[1] / "metrics.jsonl", handed_over)
            tune.report(found, checkpoint=tune.Checkpoint.from_directory(handed_over))

    def _objective_now(self, model: torch.nn.Module) -> float:
        embeddings = embedding_now(model, self._pixels)
        if not np.isfinite(embeddings).all():
            return DIVERGED
        clusters = kmeans(embeddings, min(self._n_clusters, len(embeddings)), starts=STARTS).labels
        return own_score(self._objective, embeddings, clusters, self._pixels, self._labels)


def adopt_checkpoint(run: TrainingRun, folder: Path) -> None:
    """Replace this trial's checkpoint by that of another trial, and update its settings.

    If killed halfway, it leaves the trial as it was, or without a checkpoint, to be trained from the start; never with
    an incomplete checkpoint or one that does not match its settings.
    """
    run_dir = RunDir(run.out)
    training = run_dir.checkpoints / "training"
    arriving, leaving = training.with_name("arriving.partial"), training.with_name("leaving.partial")
    remove_tree(arriving)
    remove_tree(leaving)
    for path in folder.iterdir():
        if path.name.isdigit():
            shutil.copytree(path, arriving / path.name)
    if training.exists():
        training.rename(leaving)
    run_dir.write_config(run_dir.config() | {"identity": run.identity})
    with atomic_write(run_dir.metrics) as partial:
        shutil.copy(folder / "metrics.jsonl", partial)
    arriving.rename(training)
    remove_tree(leaving)


@torch.no_grad()
def embedding_now(model: torch.nn.Module, pixels: np.ndarray) -> np.ndarray:
    """Return the embeddings float32 [n, d] of images uint8 [n, C, H, W] by a network that is in training."""
    net = next(part for part in model.modules() if isinstance(part, MethodNetwork))
    was_training = net.training
    device, order = next(net.parameters()).device, np.random.default_rng(0).permutation(len(pixels))
    batches = np.array_split(order, -(-len(order) // BATCH))
    net.calibrate(net.prepare(torch.from_numpy(pixels[rows]).to(device)) for rows in batches)
    net.eval()
    embeddings = list(frozen_features(net, pixels).values())[-1]
    model.train(was_training)
    return embeddings
