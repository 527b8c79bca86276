"""JULE: agglomerative clustering on a k-NN graph and CNN training take turns.

Yang, Parikh, Batra: Joint Unsupervised Learning of Deep Representations and Image Clusters. CVPR 2016.

The run follows the paper's order. First it clusters the raw pixels finely. Then, period by period, it trains the
network on the current clusters (the backward pass) and merges them on its features (the forward pass), until K clusters
are left; this result is called SF, single forward. Finally it discards the labels and clusters the final features from
scratch: RC, re-running clustering. Further rounds, which the paper does not have, train on the RC clusters and
cluster again. If the result is worse than the graph on what the run started from, the latter is reported.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from raycluster.data.feed import Feed
from raycluster.methods.base import Clusters, Context, Outcome
from raycluster.methods.jule.clustering import (
    Clustering,
    Judgement,
    cluster_pixels,
    judge,
    merge_clusters,
    merges_of,
    pixel_rows,
    recluster,
)
from raycluster.methods.jule.head import FeatureHead
from raycluster.methods.jule.health import warnings_of
from raycluster.methods.jule.network import JuleCNN
from raycluster.methods.jule.settings import JuleSettings
from raycluster.methods.jule.triplet_loss import triplet_loss
from raycluster.metrics.effect import Effect
from raycluster.metrics.health import clustering_health
from raycluster.metrics.quality import clustering_quality
from raycluster.nn.affine import random_affine
from raycluster.nn.captured_step import CapturedStep
from raycluster.nn.learning_rate import initial_rate, set_learning_rate
from raycluster.nn.seeds import hash_seed
from raycluster.runtime.checkpoint import optimizer_state, restore_optimizer, with_prefix, without_prefix

EVAL_BATCH = 500

Trainable = JuleCNN | FeatureHead


@dataclass
class Progress:
    """How far a run has come. A checkpoint has this, the network, the optimizer and the labels, and nothing else."""

    period: int = 0  # completed periods, each with its training and the clustering that follows; also the driver's step
    epoch: int = 0  # completed epochs of the current period
    iteration: int = 0  # optimizer steps, counted across periods
    round: int = -1  # completed RC clusterings after the first one; -1 while still merging
    target: int = 0  # K, or the number that the latest clustering chose for it


def train_jule(settings: JuleSettings, n_clusters: Clusters, context: Context) -> Outcome:
    """Train JULE to ``n_clusters`` clusters on the images of ``context.feed``.

    With "auto", every clustering chooses the number again (:func:`raycluster.graph.n_clusters.rank_n_clusters`), and
    the periods end when that number is reached.
    """
    torch.manual_seed(context.seed)
    net = JuleCNN(context.feed.shape)
    return take_turns(settings, n_clusters, context, context.feed, net, "pixels", pixel_rows)


def take_turns(
    settings: JuleSettings,
    n_clusters: Clusters,
    context: Context,
    feed: Feed,
    net: Trainable,
    start: str,
    rows_of: Callable[[np.ndarray], np.ndarray],
) -> Outcome:
    """Merge clusters and train a network in turns.

    Parameters
    ----------
    settings : JuleSettings
    n_clusters : int or "auto"
    context : Context
    feed : Feed
        What the network takes, of the same rows as ``context.feed``.
    net : JuleCNN or FeatureHead
        Called with what its ``prepare`` makes of a batch, it returns unit embeddings.
    start : str
        The name of the clustering that comes before any training.
    rows_of : callable
        From all that the feed holds to the rows, float32 [m, d], of that clustering.
    """
    return _Jule(settings, n_clusters, context, feed, net, start, rows_of).run()


class _Jule:
    def __init__(
        self,
        settings: JuleSettings,
        n_clusters: Clusters,
        context: Context,
        feed: Feed,
        net: Trainable,
        start: str,
        rows_of: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self.settings, self.n_clusters, self.context, self.feed = settings, n_clusters, context, feed
        self.start, self.rows_of = start, rows_of
        self.net = net.to(context.device)
        self.model = context.wrap(self.net)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(),
            lr=initial_rate(settings.learning_rate, context.device),
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        for parameter in self.model.parameters():
            # Otherwise, skipping the first step would leave them as uninitialized memory.
            self.optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        self.generator, self.shared_generator = torch.Generator(context.device), torch.Generator(context.device)
        self.totals = torch.zeros(3, device=context.device)
        generators = (self.generator, self.shared_generator)
        self.step = CapturedStep(self.take_step, context.device, context.world_size, generators)
        self.progress = Progress()
        self.clusterings: dict[str, np.ndarray] = {}
        self.labels = np.empty(0, np.int32)

    def run(self) -> Outcome:
        context, progress = self.context, self.progress
        if not self.restore():
            ids, rows = first_rows(self.feed, self.rows_of)
            clustering = context.run_on_driver(
                0, cluster_pixels, ids, rows, n_clusters=self.n_clusters, graph=self.settings
            )
            assert clustering.pixels is not None
            self.labels, self.clusterings[self.start] = clustering.labels, clustering.pixels
            progress.target = clustering.n_clusters
            self.report_clustering(self.start, clustering.pixels, clustering)

        # Periods: train on the current clusters, then merge η of them on the new features, until K are left (SF).
        while progress.round < 0 and (progress.period == 0 or self.n_current > progress.target):
            self.train_period(self.settings.epochs_per_period)
            ids, features = embed(self.net, self.feed, context)
            clustering = context.run_on_driver(
                progress.period + 1,
                merge_clusters,
                ids,
                features,
                labels=self.labels,
                n_clusters=self.n_clusters,
                at_least=self.n_after_period(self.n_current),
                graph=self.settings,
            )
            self.labels, progress.target = clustering.labels, clustering.n_clusters
            self.finish_period("merged", clustering)
        if progress.round < 0:
            self.clusterings["sf"] = self.labels

        # RC: cluster the final features from scratch; then, beyond the paper, train on the result and cluster again.
        while True:
            if progress.round >= 0:
                self.train_period(self.settings.epochs_per_round)
            ids, features = embed(self.net, self.feed, context)
            # The driver's step is the period about to end; the first RC, without training before it, counts as one too.
            step = progress.period + 1
            clustering = context.run_on_driver(
                step, recluster, ids, features, n_clusters=self.n_clusters, graph=self.settings
            )
            progress.target = clustering.n_clusters
            if progress.round + 1 >= self.settings.rounds:
                break
            self.labels = clustering.labels
            progress.round += 1
            self.finish_period("rc", clustering)

        self.clusterings["rc"] = clustering.labels
        progress.period += 1
        judgement = self.judge(ids, features)
        self.report_clustering("rc", clustering.labels, clustering, judgement)
        if judgement.labels is not None:
            self.clusterings[self.start] = judgement.labels
        return Outcome(
            model=self.net.eval(),  # type: ignore[arg-type]  # train_head puts a head on its pretrained network
            clusterings=self.clusterings,
            reported="rc" if judgement.labels is None else self.start,
            outliers=clustering.outliers if judgement.labels is None else judgement.outliers,
            ids=ids,
            embeddings=features,
            merges=merges_of(clustering if judgement.labels is None else judgement),
        )

    def judge(self, ids: np.ndarray, features: np.ndarray) -> Judgement:
        """Compare the final clusters with those of what training started from."""
        start_ids, rows = first_rows(self.feed, self.rows_of)
        order = np.argsort(start_ids)[np.searchsorted(np.sort(start_ids), ids)]
        return self.context.run_on_driver(
            self.progress.period + 1,
            judge,
            ids,
            np.hstack([rows[order], features]),
            split=rows.shape[1],
            before=self.clusterings[self.start],
            after=self.clusterings["rc"],
            graph=self.settings,
        )

    def train_period(self, epochs: int) -> None:
        """Train on the current labels (the paper's backward pass)."""
        labels = torch.from_numpy(self.labels.astype(np.int64)).to(self.context.device)
        for epoch in range(self.progress.epoch, epochs):
            started = time.perf_counter()
            row = self.train_epoch(labels, epoch)
            seconds = time.perf_counter() - started
            images = min(self.feed.n, self.feed.steps(self.settings.batch_size) * self.settings.batch_size)
            self.progress.epoch = epoch + 1
            row |= {"seconds": seconds, "images_per_second": images / seconds, "epochs": epochs}
            row |= {"clusters": self.n_current, "eta": seconds * (epochs - epoch - 1 + self.epochs_after_this_period())}
            warnings = warnings_of(row, self.settings) + self.step.remarks
            self.context.report(self.progress_row("epoch") | row | {"warnings": warnings})
            self.save()

    def train_epoch(self, labels: torch.Tensor, epoch: int) -> dict[str, float]:
        """Go through all images once; nothing in the loop waits for the device."""
        s, context = self.settings, self.context
        number = self.progress.period * 1_000_000 + epoch
        self.generator.manual_seed(hash_seed(context.seed, number, context.rank))
        self.shared_generator.manual_seed(hash_seed(context.seed, number, -1))
        self.totals.zero_()
        groups = self.labels if s.grouped_batches else None
        self.model.train()
        for batch in self.feed.train_batches(s.batch_size, number, groups):
            set_learning_rate(self.optimizer, s.learning_rate * (1 + 1e-4 * self.progress.iteration) ** -0.75)
            self.step(batch.images, labels[batch.ids])
            self.progress.iteration += 1
        loss, norm, empty = (self.totals / self.feed.steps(s.batch_size)).tolist()
        return {"loss": loss, "gradient_norm": norm, "batches_without_pair": empty}

    def take_step(self, images: torch.Tensor, clusters: torch.Tensor) -> torch.Tensor:
        """Take one step on this worker's part of a batch, uint8 [B, C, H, W], and its clusters, int64 [B].

        Returns the loss, the norm of the gradient, and whether the batch was without a pair, float32 [3].
        """
        s, context = self.settings, self.context
        inputs = self.net.prepare(images)
        if s.rotation or s.shift or s.zoom:
            inputs = random_affine(inputs, s.rotation, s.shift, s.zoom, self.generator)
        with context.autocast():
            local = self.model(inputs)
        # Every worker computes the loss of the whole batch, so that all stay in step, and N workers together compute
        # the gradient that a single one would.
        embeddings, clusters = context.all_gather(local), context.all_gather(clusters)
        loss, triplets = triplet_loss(embeddings, clusters, s.margin, s.gamma, s.negatives, self.shared_generator)
        self.optimizer.zero_grad()
        loss.backward()
        # A batch without a pair is skipped on the device: the fused step leaves weights and momentum unchanged.
        empty = (triplets == 0).float()
        self.optimizer.found_inf = empty  # type: ignore[attr-defined]
        self.optimizer.step()
        norms = torch._foreach_norm([p.grad for p in self.net.parameters() if p.grad is not None])
        found = torch.stack([loss.detach(), torch.stack(norms).norm(), empty])
        self.totals += found
        return found

    @property
    def n_current(self) -> int:
        """The current number of clusters."""
        return int(self.labels.max()) + 1

    def n_after_period(self, n_clusters: int) -> int:
        """Return how many of ``n_clusters`` clusters are left after a period, which makes ceil(η n_clusters) merges."""
        return max(1, n_clusters - math.ceil(self.settings.unroll_rate * n_clusters))

    def epochs_after_this_period(self) -> int:
        s = self.settings
        if self.progress.round >= 0:
            return (s.rounds - self.progress.round - 1) * s.epochs_per_round
        periods, n_left = 0, self.n_after_period(self.n_current)
        while n_left > self.progress.target:
            periods, n_left = periods + 1, self.n_after_period(n_left)
        return periods * s.epochs_per_period + s.rounds * s.epochs_per_round

    def finish_period(self, name: str, clustering: Clustering) -> None:
        self.progress.period += 1
        self.progress.epoch = 0
        self.report_clustering(name, self.labels, clustering)
        self.save()

    def report_clustering(
        self, name: str, labels: np.ndarray, clustering: Clustering, effect: Effect | None = None
    ) -> None:
        n_clusters = int(labels.max()) + 1
        row: dict[str, Any] = (
            clustering_health(labels, n_clusters)
            | {
                "clusters": n_clusters,
                "clustering": name,
                "neighbor_agreement": clustering.agreement,
                "neighbor_recall": clustering.neighbor_recall,
                "mean_cosine": clustering.mean_cosine,
                "graph_seconds": clustering.graph_seconds,
                "merge_seconds": clustering.merge_seconds,
            }
            | clustering.joined
        )
        if self.context.labels is not None:
            row["quality"] = clustering_quality(self.context.labels, labels)
        # Warn about final clusters only: those still to be merged are small and naturally share few neighbors. Raw
        # pixels have a high mean cosine without any collapse.
        checked = {key: value for key, value in row.items() if (name, key) != (self.start, "mean_cosine")}
        is_final = n_clusters == self.progress.target
        row["warnings"] = [*clustering.remarks, *warnings_of(checked, self.settings)] if is_final else []
        if effect is not None:
            row["training"] = effect.described(self.start)
            if not effect.helped:
                row["warnings"].append(f"{effect.sentence(self.start)}; these are reported")
        self.context.report(self.progress_row("period") | row | clustering.counted, labels)

    def progress_row(self, kind: str) -> dict[str, Any]:
        return {"kind": kind} | asdict(self.progress)

    def save(self) -> None:
        tensors = with_prefix("model", self.net.state_dict()) | with_prefix("sgd", optimizer_state(self.optimizer))
        tensors |= with_prefix("clustering", {n: torch.from_numpy(value) for n, value in self.clusterings.items()})
        self.context.save(tensors | {"labels": torch.from_numpy(self.labels)}, asdict(self.progress))

    def restore(self) -> bool:
        """Continue from the newest checkpoint, and return whether there is one."""
        saved = self.context.restore()
        if saved is None:
            return False
        tensors, state = saved
        self.progress.__dict__.update(state)
        self.labels = tensors["labels"].numpy()
        self.net.load_state_dict(without_prefix("model", tensors))
        restore_optimizer(self.optimizer, without_prefix("sgd", tensors))
        self.clusterings = {name: value.numpy() for name, value in without_prefix("clustering", tensors).items()}
        return True


def first_rows(feed: Feed, rows_of: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return this worker's ids, int64 [m], and the rows of its images, float32 [m, d]."""
    parts = [(b.ids.cpu().numpy(), b.images.cpu().numpy()) for b in feed.eval_batches(EVAL_BATCH)]
    ids, images = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return ids, rows_of(images)


@torch.inference_mode()
def embed(net: Trainable, feed: Feed, context: Context) -> tuple[np.ndarray, np.ndarray]:
    """Return this worker's ids, int64 [m], and embeddings, float32 [m, d], in evaluation mode and full precision."""
    net.eval()
    parts = [(b.ids, net(net.prepare(b.images))) for b in feed.eval_batches(EVAL_BATCH)]
    ids, features = (torch.cat(tensors).cpu().numpy() for tensors in zip(*parts, strict=True))
    return ids, features
