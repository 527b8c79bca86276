"""JULE: agglomerative merging on a k-NN graph and CNN training take turns.

Yang, Parikh, Batra: Joint Unsupervised Learning of Deep Representations and Image Clusters. CVPR 2016.

The run, in the paper's order: cluster the raw pixels finely; then, a period at a time, train the network on the present
clusters and merge them on its features, until K are left (the result called SF, single forward). Then discard the
labels and cluster the final features from the start (RC, re-running clustering). Beyond the paper, further rounds
train on the RC clusters and cluster again.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch

from raycluster.data.feed import Feed
from raycluster.graph.n_clusters import rank_n_clusters
from raycluster.graph.neighbors.nearest import Neighbors, find_neighbors
from raycluster.graph.settings import GraphSettings
from raycluster.graph.stages.first_clusters import first_clusters
from raycluster.graph.tree import MergeTree
from raycluster.methods.base import Context, Outcome
from raycluster.methods.jule.network import JuleCNN
from raycluster.methods.jule.settings import JuleSettings
from raycluster.methods.jule.triplet_loss import triplet_loss
from raycluster.metrics.health import clustering_health, embedding_health, neighbor_agreement, warnings_for
from raycluster.metrics.quality import clustering_quality
from raycluster.nn.affine import random_affine
from raycluster.nn.seeds import hash_seed
from raycluster.runtime.checkpoint import optimizer_state, restore_optimizer, with_prefix, without_prefix

EVAL_BATCH = 500

Clusters = int | Literal["auto"]


@dataclass
class Progress:
    """Where a run stands; with the network, the optimizer and the labels it is all that a checkpoint holds."""

    period: int = 0  # completed trainings, each with the clustering that follows; also the driver's step
    epoch: int = 0  # completed epochs of the present period
    iteration: int = 0  # optimizer steps, counted on over the periods
    round: int = -1  # completed RC clusterings after the first; -1 while still merging
    target: int = 0  # K, or what the latest clustering takes it for


def train_jule(settings: JuleSettings, n_clusters: Clusters, context: Context) -> Outcome:
    """Train JULE to ``n_clusters`` clusters on the images of ``context.feed``.

    With "auto", every clustering chooses their number anew (:func:`raycluster.graph.n_clusters.rank_n_clusters`), and
    the merging ends where no period would be left before that number is reached.
    """
    return _Jule(settings, n_clusters, context).run()


class _Jule:
    def __init__(self, settings: JuleSettings, n_clusters: Clusters, context: Context) -> None:
        self.settings, self.n_clusters, self.context, self.feed = settings, n_clusters, context, context.feed
        torch.manual_seed(context.seed)
        self.net = JuleCNN(self.feed.shape).to(context.device)
        self.model = context.wrap(self.net)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(),
            lr=settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        for parameter in self.model.parameters():
            # Else a first step that is skipped would leave them as uninitialised memory.
            self.optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        self.progress = Progress()
        self.clusterings: dict[str, np.ndarray] = {}
        self.labels = np.empty(0, np.int32)

    def run(self) -> Outcome:
        context, progress = self.context, self.progress
        if not self.restore():
            ids, pixels = pixel_features(self.feed)
            found = context.run_on_driver(0, start, ids, pixels, n_clusters=self.n_clusters, graph=self.settings)
            self.labels, self.clusterings["pixels"] = found["labels"], found["pixels"]
            progress.target = int(found["n_clusters"])
            self.report_clustering("pixels", found["pixels"], found)

        while progress.round < 0 and (progress.period == 0 or self.count > progress.target):
            self.train_period(self.settings.epochs_per_period)
            ids, features = embed(self.net, self.feed, context)
            found = context.run_on_driver(
                progress.period + 1,
                merge,
                ids,
                features,
                labels=self.labels,
                n_clusters=self.n_clusters,
                at_least=self.left_after_period(self.count),
                graph=self.settings,
            )
            self.labels, progress.target = found["labels"], int(found["n_clusters"])
            self.finish_period("merged", found)
        if progress.round < 0:
            self.clusterings["sf"] = self.labels

        while True:
            if progress.round >= 0:
                self.train_period(self.settings.epochs_per_round)
            ids, features = embed(self.net, self.feed, context)
            # The step is the period about to end; the first RC follows a merge without training and has its own.
            step = progress.period + 1
            found = context.run_on_driver(step, rerun, ids, features, n_clusters=self.n_clusters, graph=self.settings)
            progress.target = int(found["n_clusters"])
            if progress.round + 1 >= self.settings.rounds:
                break
            self.labels = found["labels"]
            progress.round += 1
            self.finish_period("rc", found)

        self.clusterings["rc"] = found["labels"]
        progress.period += 1
        self.report_clustering("rc", found["labels"], found)
        return Outcome(
            model=self.net.eval(),
            architecture=self.net.architecture(),
            clusterings=self.clusterings,
            reported="rc",
            confidence=found["confidence"],
            ids=ids,
            embeddings=features,
            merges={name: found[name] for name in ("left", "right", "affinity", "size")},
        )

    def train_period(self, epochs: int) -> None:
        """Train on the present labels (the paper's backward pass)."""
        labels = torch.from_numpy(self.labels.astype(np.int64)).to(self.context.device)
        for epoch in range(self.progress.epoch, epochs):
            started = time.perf_counter()
            row = self.train_epoch(labels, epoch)
            seconds = time.perf_counter() - started
            images = min(self.feed.n, self.feed.steps(self.settings.batch_size) * self.settings.batch_size)
            self.progress.epoch = epoch + 1
            row |= {"seconds": seconds, "images_per_second": images / seconds, "epochs": epochs}
            row |= {"clusters": self.count, "eta": seconds * (epochs - epoch - 1 + self.epochs_after_this_period())}
            self.context.report(self.place("epoch") | row | {"warnings": warnings_for(row)})
            self.save()

    def train_epoch(self, labels: torch.Tensor, epoch: int) -> dict[str, float]:
        """Pass over all images once; nothing in the loop waits for the device."""
        s, context, device = self.settings, self.context, self.context.device
        number = self.progress.period * 1_000_000 + epoch
        generator = torch.Generator(device).manual_seed(hash_seed(context.seed, number, context.rank))
        common = torch.Generator(device).manual_seed(hash_seed(context.seed, number, -1))
        totals = torch.zeros(3, device=device)
        groups = self.labels if s.grouped_batches else None
        self.model.train()
        for batch in self.feed.train_batches(s.batch_size, number, groups):
            images = batch.images.float() / 255
            if s.rotation or s.shift or s.zoom:
                images = random_affine(images, s.rotation, s.shift, s.zoom, generator)
            with context.autocast():
                local = self.model(images)
            # All workers compute the loss of the whole batch, so that none falls out of step and N workers
            # give the gradient of one.
            embeddings, classes = context.all_gather(local), context.all_gather(labels[batch.ids])
            loss, triplets = triplet_loss(embeddings, classes, s.margin, s.gamma, s.negatives, common)
            self.optimizer.zero_grad()
            loss.backward()
            for group in self.optimizer.param_groups:
                group["lr"] = s.learning_rate * (1 + 1e-4 * self.progress.iteration) ** -0.75
            # A batch without a pair is skipped: the fused step leaves weights and momentum alone, on the device.
            self.optimizer.found_inf = (triplets == 0).float()  # type: ignore[attr-defined]
            self.optimizer.step()
            self.progress.iteration += 1
            norms = torch._foreach_norm([p.grad for p in self.net.parameters() if p.grad is not None])
            totals += torch.stack([loss.detach(), torch.stack(norms).norm(), (triplets == 0).float()])
        loss, norm, empty = (totals / self.feed.steps(s.batch_size)).tolist()
        return {"loss": loss, "gradient_norm": norm, "batches_without_pair": empty}

    @property
    def count(self) -> int:
        """How many clusters there are at present."""
        return int(self.labels.max()) + 1

    def left_after_period(self, count: int) -> int:
        """Return how many clusters are left of ``count`` when η of them have been merged."""
        return max(1, count - math.ceil(self.settings.unroll_rate * count))

    def epochs_after_this_period(self) -> int:
        s = self.settings
        if self.progress.round >= 0:
            return (s.rounds - self.progress.round - 1) * s.epochs_per_round
        periods, count = 0, self.left_after_period(self.count)
        while count > self.progress.target:
            periods, count = periods + 1, self.left_after_period(count)
        return periods * s.epochs_per_period + s.rounds * s.epochs_per_round

    def finish_period(self, name: str, found: dict[str, np.ndarray]) -> None:
        self.progress.period += 1
        self.progress.epoch = 0
        self.report_clustering(name, self.labels, found)
        self.save()

    def report_clustering(self, name: str, labels: np.ndarray, found: dict[str, np.ndarray]) -> None:
        count = int(labels.max()) + 1
        row: dict[str, Any] = clustering_health(labels, count) | {
            "clusters": count,
            "clustering": name,
            "neighbor_agreement": float(found["agreement"]),
            "neighbor_recall": float(found["neighbor_recall"]),
            "mean_cosine": float(found["mean_cosine"]),
            "graph_seconds": float(found["graph_seconds"]),
            "merge_seconds": float(found["merge_seconds"]),
        }
        if self.context.labels is not None:
            row["quality"] = clustering_quality(self.context.labels, labels)
        # Clusters still to be merged are small and share few neighbours; only final ones are judged. Raw pixels are
        # alike without any collapse.
        judged = {key: value for key, value in row.items() if (name, key) != ("pixels", "mean_cosine")}
        row["warnings"] = warnings_for(judged) if count == self.progress.target else []
        if self.n_clusters == "auto":
            row["alternatives"] = found["alternatives"].tolist()
        self.context.report(self.place("period") | row)

    def place(self, kind: str) -> dict[str, Any]:
        return {"kind": kind} | asdict(self.progress)

    def save(self) -> None:
        tensors = with_prefix("model", self.net.state_dict()) | with_prefix("sgd", optimizer_state(self.optimizer))
        tensors |= with_prefix("clustering", {n: torch.from_numpy(value) for n, value in self.clusterings.items()})
        self.context.save(tensors | {"labels": torch.from_numpy(self.labels)}, asdict(self.progress))

    def restore(self) -> bool:
        """Continue from the newest checkpoint, if there is one."""
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


def pixel_features(feed: Feed) -> tuple[np.ndarray, np.ndarray]:
    """Return this worker's ids int64 [m] and pixels as rows float32 [m, C·H·W]."""
    parts = [(b.ids.cpu().numpy(), b.images.cpu().numpy()) for b in feed.eval_batches(EVAL_BATCH)]
    ids, images = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return ids, pixel_rows(images)


def pixel_rows(images: np.ndarray) -> np.ndarray:
    """Return uint8 images [m, ...] as rows float32 [m, d], as the published method has them.

    Pixels lie in [0, 1], and rows longer than 1 are scaled down to that length.
    """
    rows = images.reshape(len(images), -1).astype(np.float32) / 255
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)


@torch.inference_mode()
def embed(net: JuleCNN, feed: Feed, context: Context) -> tuple[np.ndarray, np.ndarray]:
    """Return this worker's ids int64 [m] and embeddings float32 [m, d], in evaluation mode and full precision."""
    net.eval()
    parts = [(b.ids, net(b.images.float() / 255)) for b in feed.eval_batches(EVAL_BATCH)]
    ids, features = (torch.cat(tensors).cpu().numpy() for tensors in zip(*parts, strict=True))
    return ids, features


# What follows runs on the driver, over all images.


def start(
    features: np.ndarray, n_clusters: Clusters, graph: GraphSettings, neighbors: Neighbors | None = None
) -> dict[str, np.ndarray]:
    """Cluster raw pixels: the first fine clusters, and the answer of the graph alone."""
    found = rerun(features, n_clusters, graph, neighbors)
    pixels, first = found["labels"], found["first"]
    return found | {"labels": first if first.max() >= found["n_clusters"] else pixels, "pixels": pixels}


def merge(
    features: np.ndarray, labels: np.ndarray, n_clusters: Clusters, at_least: int, graph: GraphSettings
) -> dict[str, np.ndarray]:
    """Merge present clusters on new features until ``at_least`` or K are left (the paper's forward pass)."""
    found, _ = cluster(features, n_clusters, graph, labels, at_least)
    return found


def rerun(
    features: np.ndarray, n_clusters: Clusters, graph: GraphSettings, neighbors: Neighbors | None = None
) -> dict[str, np.ndarray]:
    """Cluster from single images, with the whole merge tree."""
    found, tree = cluster(features, n_clusters, graph, known=neighbors)
    return found | {"left": tree.left, "right": tree.right, "affinity": tree.affinity, "size": tree.size}


def cluster(
    features: np.ndarray,
    n_clusters: Clusters,
    graph: GraphSettings,
    labels: np.ndarray | None = None,
    at_least: int = 1,
    known: Neighbors | None = None,
) -> tuple[dict[str, np.ndarray], MergeTree]:
    """Build the graph on the features, if it is not ``known``, and merge, from ``labels`` or from single images.

    Returns
    -------
    found : dict
        ``labels`` int32 [n], of K clusters, or of ``at_least`` if that is more; ``n_clusters``, that is K, and
        ``alternatives`` to it where it was to be chosen; ``first``, the clusters that the merging began with;
        ``confidence`` float32 [n], the share of an image's neighbours that are in its cluster; and scalars for the
        metrics, ``neighbor_recall`` among them, which is 1 where the search is exact.
    tree : MergeTree
    """
    started = time.perf_counter()
    neighbors, distances, recall = known or find_neighbors(features, graph.neighbors_of(len(features)))
    built = time.perf_counter()
    first = first_clusters(neighbors) if labels is None else labels
    tree, weights = graph.build_tree(neighbors, distances, features, first)
    alternatives = np.empty(0, np.int64)
    if n_clusters == "auto":
        most = min(int(first.max()) + 1, len(features) // neighbors.shape[1])
        ranking = rank_n_clusters(tree, neighbors, weights, max_clusters=max(2, most))
        n_clusters, alternatives = ranking.chosen, np.array(ranking.alternatives, np.int64)
    merged = tree.cut(max(n_clusters, at_least))
    finished = time.perf_counter()
    confidence = neighbor_agreement(neighbors, merged)
    scalars = {
        "n_clusters": n_clusters,
        "neighbor_recall": recall,
        "agreement": confidence.mean(),
        "mean_cosine": embedding_health(features)["mean_cosine"],
        "graph_seconds": built - started,
        "merge_seconds": finished - built,
    }
    arrays = {"labels": merged, "first": first, "confidence": confidence, "alternatives": alternatives}
    return arrays | {name: np.asarray(value) for name, value in scalars.items()}, tree
