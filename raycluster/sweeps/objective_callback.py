"""The objective of a run in training, for schedulers that stop bad trials or continue them from better ones."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
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
from raycluster.runtime.stand_in import deliver
from raycluster.sweeps.objective import BY_TRIALS, scores_by_labels
from raycluster.sweeps.sample import Sample, sample_path, save_sample
from raycluster.sweeps.search import METRIC, TIME
from raycluster.training.in_process import InProcessContext
from raycluster.training.trainer import TrainingRun

BATCH = 500  # images whose statistics are measured together
STARTS = 3  # of k-means
DIVERGED = -1.0  # the score of a network whose embeddings are not finite: no score is lower


class ObjectiveCallback:
    """Reports to Ray Tune when trials are compared, without any effect on the training.

    A score by labels is reported; for a pooled one, the sample that the others are compared with is written. The
    clusters are those that k-means finds in the embeddings at that time, because what a method itself reports in
    training has a different number of clusters in every run, or no clusters at all.

    Parameters
    ----------
    images : LoadedImages
        Of more than 3,000, a sample is used; for an objective by labels, a sample of those whose class is known.
    n_clusters : int
    objective : str
    number : int
        Of the trial.
    folder_at : callable
        Takes a number of epochs, and returns the folder in which the trials that have trained as long are compared, or
        None if they are not.
    hand_over : bool
        Give Ray Tune the checkpoint too, so that another trial can continue from it.
    """

    def __init__(
        self,
        images: LoadedImages,
        n_clusters: int,
        objective: str,
        number: int,
        folder_at: Callable[[int], Path | None],
        hand_over: bool,
    ) -> None:
        self._n_clusters, self._objective, self._number = n_clusters, objective, number
        self._folder_at, self._hand_over = folder_at, hand_over
        labels, rows = images.labels, np.arange(images.n)
        if labels is not None and objective not in BY_TRIALS:
            rows = np.flatnonzero(labels >= 0)
        rows = rows[sample_rows(len(rows))]
        self._pixels, self._labels = images.pixels[rows], None if labels is None else labels[rows]
        self._reported = 0

    def __call__(self, context: InProcessContext, folder: Path) -> None:
        """Report how the trial is, and for population-based training hand over the checkpoint."""
        epochs = context.epochs
        compared_in = self._folder_at(epochs)
        if compared_in is None or epochs <= self._reported:
            return
        self._reported = epochs
        score = self._look(context.model, sample_path(compared_in, self._number))
        found = {TIME: epochs} | ({} if score is None else {METRIC: score})
        if not self._hand_over:
            tune.report(found)
            return
        with tempfile.TemporaryDirectory() as handed_over:
            newest = max(path for path in folder.iterdir() if path.name.isdigit())
            shutil.copytree(newest, Path(handed_over) / newest.name)
            shutil.copy(folder.parents[1] / "metrics.jsonl", handed_over)
            tune.report(found, checkpoint=tune.Checkpoint.from_directory(handed_over))

    def _look(self, model: torch.nn.Module, path: Path) -> float | None:
        """Return the score by labels, or write the sample for a pooled one, and return None."""
        embeddings = embedding_now(model, self._pixels)
        if not np.isfinite(embeddings).all():
            return DIVERGED
        clusters = kmeans(embeddings, min(self._n_clusters, len(embeddings)), starts=STARTS).labels
        if self._objective in BY_TRIALS:
            save_sample(path, Sample(embeddings, clusters))
            deliver(path)
            return None
        return scores_by_labels(self._labels, clusters)[self._objective]


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
