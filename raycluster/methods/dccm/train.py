"""DCCM: a network learns from the pairs, labels and mutual information that its own confident outputs imply.

Wu, Long, Wang, Qian, Li, Lin, Zha: Deep Comprehensive Correlation Mining for Image Clustering. ICCV 2019.

Images come in large batches. The network's probabilities for the clean images give targets, which stay fixed while the
network learns to match them on augmented images, many times in small batches: which images are alike (the
pseudo-graph), which cluster confident images belong to (the pseudo-labels), and whose shallow map goes with whose deep
vector (the triplet mutual information). At the end, the BatchNorm statistics are measured once over all images, and
every image goes to its most probable cluster.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from raycluster.data.feed import Batch
from raycluster.errors import UserError
from raycluster.methods.base import Context, Outcome
from raycluster.methods.dccm.augmentation import augment
from raycluster.methods.dccm.bcubed import bcubed
from raycluster.methods.dccm.health import warnings_of
from raycluster.methods.dccm.losses import (
    Targets,
    draw_partners,
    graph_loss,
    label_loss,
    make_targets,
    mutual_information_loss,
    released_partners,
)
from raycluster.methods.dccm.network import DccmCNN, DccmOutput, Discriminator
from raycluster.methods.dccm.settings import DccmSettings
from raycluster.methods.gathered import all_rows
from raycluster.methods.start import judge_network
from raycluster.metrics.health import clustering_health, embedding_health, probability_health
from raycluster.metrics.quality import clustering_quality
from raycluster.nn.batch_norm import population_statistics
from raycluster.nn.captured_step import CapturedStep
from raycluster.nn.pixels import rgb
from raycluster.nn.seeds import hash_seed
from raycluster.runtime.checkpoint import optimizer_state, restore_optimizer, with_prefix, without_prefix

EVAL_BATCH = 500


class Partners(NamedTuple):
    """The images whose maps each vector is paired with, int64 [b, 4], and which vectors have fake pairs, bool [b]."""

    chosen: torch.Tensor
    has_fake: torch.Tensor


class SmallBatch(NamedTuple):
    """The augmented images (views) and partners of A updates, the clean images, and the targets of a small batch."""

    views: list[torch.Tensor]
    clean: torch.Tensor
    targets: Targets
    partners: list[Partners]


def train_dccm(settings: DccmSettings, n_clusters: int, context: Context) -> Outcome:
    """Train DCCM to ``n_clusters`` clusters on the images of ``context.feed``."""
    return _Dccm(settings, n_clusters, context).run()


class _NetworkAndDiscriminator(nn.Module):
    """The network and the discriminator, trained by one optimizer to minimize the same loss (not adversarially)."""

    def __init__(self, encoder: DccmCNN, beta: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.discriminator = Discriminator(encoder.shallow_channels, encoder.deep_size) if beta else None

    def forward(
        self, images: torch.Tensor, partners: torch.Tensor | None = None, positions: torch.Tensor | None = None
    ) -> tuple[DccmOutput, torch.Tensor | None]:
        output = self.encoder(images)
        if self.discriminator is None or partners is None:
            return output, None
        shallow = output.shallow if positions is None else output.shallow.flatten(2)[:, :, positions]
        return output, self.discriminator(shallow, output.deep, partners)


class _Dccm:
    def __init__(self, settings: DccmSettings, n_clusters: int, context: Context) -> None:
        self.settings, self.n_clusters, self.context, self.feed = settings, n_clusters, context, context.feed
        if self.feed.n // context.world_size < 2:
            raise UserError(
                f"{self.feed.n} images for {context.world_size} workers: DCCM needs at least 2 on each; choose fewer "
                "--workers."
            )
        torch.manual_seed(context.seed)
        s = settings
        encoder = DccmCNN(self.feed.shape, n_clusters, s.shallow_tap, s.deep_tap, s.head_bn)
        self.net = _NetworkAndDiscriminator(encoder, s.beta).to(context.device)
        # Each worker's BatchNorm sees only its own small batch, as in training with one worker.
        self.model = context.wrap(self.net, sync_batchnorm=False)
        self.optimizer = torch.optim.RMSprop(
            self.model.parameters(),
            lr=s.learning_rate,
            alpha=0.9,
            eps=1e-8,
            foreach=True,
            capturable=context.device.type == "cuda",
        )
        self.labels = None if context.labels is None else torch.from_numpy(context.labels).to(context.device)
        self.generator = torch.Generator(context.device)
        self.step = CapturedStep(self.take_step, context.device, context.world_size, (self.generator,))
        self.losses = torch.zeros(6, device=context.device)
        self.begin_epoch(0)

    def run(self) -> Outcome:
        for epoch in range(self.restore(), self.settings.epochs):
            started = time.perf_counter()
            row = self.train_epoch(epoch)
            self.report_epoch(row, epoch, time.perf_counter() - started)
            self.save(epoch + 1)
        return self.finish()

    def begin_epoch(self, epoch: int) -> None:
        self.generator.manual_seed(hash_seed(self.context.seed, epoch, self.context.rank))
        self.sums: dict[str, torch.Tensor] = {"losses": self.losses.zero_()}
        self.updates = 0

    def train_epoch(self, epoch: int) -> dict[str, Any]:
        """Go through all images once, in large batches; nothing in the loops waits for the device."""
        s = self.settings
        self.begin_epoch(epoch)
        predictions = []
        for large in self.feed.train_batches(s.large_batch * self.context.world_size, epoch):
            probabilities = self.predict_clean(large.images)
            predictions.append(assignments_of(large.ids, probabilities))
            for _ in range(s.repeats):
                for small in self.small_batches(large, probabilities):
                    for view, partners in zip(small.views, small.partners, strict=True):
                        self.update(view, partners, small)
        return self.describe_epoch(torch.cat(predictions))

    @torch.no_grad()
    def predict_clean(self, images: torch.Tensor) -> torch.Tensor:
        """Return the probabilities z of clean images, float32 [L, K], with this batch's BatchNorm statistics."""
        self.net.train()
        probabilities: torch.Tensor = self.net.encoder(rgb(images)).probabilities
        return probabilities

    @torch.no_grad()
    def small_batches(self, large: Batch, probabilities: torch.Tensor) -> Iterator[SmallBatch]:
        """Split a large batch into small ones at random, each with its targets and augmented images.

        Everything that can be computed for all small batches at once is computed here, so that an update does little
        more than run the network.
        """
        s, context = self.settings, self.context
        size = min(s.small_batch, len(large.images))
        order = torch.randperm(len(large.images), generator=self.generator, device=context.device)
        order = order[: len(order) // size * size]
        clean = probabilities[order].view(-1, size, self.n_clusters)
        targets = make_targets(clean, s.graph_threshold, s.label_threshold)
        partners = [self.choose_partners(targets.links) for _ in range(s.augmentations)]
        self.record_targets(targets, partners[0], large.ids[order])
        if s.global_graph:
            all_workers = context.all_gather(clean[None]).transpose(0, 1).flatten(1, 2)
            targets = make_targets(clean, s.graph_threshold, s.label_threshold, all_workers)
        images = large.images[order]
        views = [
            (augment(images, self.generator, s.flip) if s.augment else rgb(images)).split(size)
            for _ in range(s.augmentations)
        ]
        for i in range(len(clean)):
            clean_images = images[i * size : (i + 1) * size]
            yield SmallBatch(
                [view[i] for view in views],
                rgb(clean_images) if s.loss_on_clean else clean_images,
                Targets(*(values[i] for values in targets)),
                [Partners(chosen[i], has_fake[i]) for chosen, has_fake in partners],
            )

    def choose_partners(self, links: torch.Tensor) -> Partners:
        if self.settings.mi_mode == "reference_bug":
            return Partners(*released_partners(links))
        if self.settings.mi_mode == "instance":
            links = torch.eye(links.shape[-1], dtype=torch.bool, device=links.device).expand_as(links)
        return Partners(*draw_partners(links, self.generator))

    def update(self, view: torch.Tensor, partners: Partners, small: SmallBatch) -> None:
        """Take one step on one augmented small batch."""
        self.step(view, small.clean, *partners, *small.targets)
        self.updates += 1

    def take_step(
        self,
        view: torch.Tensor,
        clean: torch.Tensor,
        chosen: torch.Tensor,
        has_fake: torch.Tensor,
        links: torch.Tensor,
        labels: torch.Tensor,
        confident: torch.Tensor,
    ) -> torch.Tensor:
        """Take one step with L = L_PG + α L_PL + β L_MI.

        The arguments are those of a :class:`SmallBatch`. Returns the loss, its three parts without their weights, and
        the norm of the gradient, float32 [5].
        """
        s, partners, targets = self.settings, Partners(chosen, has_fake), Targets(links, labels, confident)
        with self.context.autocast():
            output, scores = self.model(view, partners.chosen, self.draw_positions())
        graph, label = self.supervised_losses(output.probabilities, targets)
        loss = graph + s.alpha * label
        if s.loss_on_clean:
            with self.context.autocast():
                passed, _ = self.model(clean)
            on_clean = self.supervised_losses(passed.probabilities, targets)
            loss = loss + on_clean[0] + s.alpha * on_clean[1]
        information = torch.zeros_like(loss)
        if scores is not None:
            information = mutual_information_loss(scores, partners.has_fake)
            loss = loss + s.beta * information
        self.optimizer.zero_grad()
        loss.backward()
        norms = torch._foreach_norm([p.grad for p in self.net.parameters() if p.grad is not None])
        self.optimizer.step()
        found = torch.stack([loss, graph, label, information, torch.stack(norms).norm()]).detach()
        self.losses += torch.cat([found, found.new_ones(1)])
        return found

    def supervised_losses(self, probabilities: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the pseudo-graph loss L_PG and the pseudo-label loss L_PL.

        With a global graph, the gathered columns carry gradients back to their workers. (If they were detached, the
        gradient would be half the true one, because the graph is symmetric.)
        """
        columns = self.context.all_gather(probabilities) if self.settings.global_graph else None
        graph = graph_loss(probabilities, targets.links, columns)
        return graph, label_loss(probabilities, targets.labels, targets.confident, self.settings.label_loss)

    def draw_positions(self) -> torch.Tensor | None:
        """Draw the positions of the shallow map that are used in this update."""
        if self.settings.mi_places is None:
            return None
        order = torch.randperm(self.net.encoder.n_positions, generator=self.generator, device=self.context.device)
        return order[: self.settings.mi_places]

    def record_targets(self, targets: Targets, partners: Partners, ids: torch.Tensor) -> None:
        links, size = targets.links, targets.links.shape[-1]
        partner_counts = links.sum(dim=-1) - 1
        density = partner_counts.float().mean() / (size - 1)
        without_linked, without_unlinked = (partner_counts == 0).float().mean(), (~partners.has_fake).float().mean()
        confident = targets.confident.float().mean()
        self.accumulate("targets", torch.stack([confident, density, without_linked, without_unlinked]))
        if self.labels is not None:
            self.accumulate("bcubed", bcubed(links, self.labels[ids].view(links.shape[:-1])), last_is_weight=True)

    def accumulate(self, name: str, values: torch.Tensor, last_is_weight: bool = False) -> None:
        """Add values to the sums for the means of an epoch, on the device; the last value may be their weight."""
        values = values if last_is_weight else torch.cat([values, values.new_ones(1)])
        self.sums[name] = self.sums[name] + values if name in self.sums else values

    def describe_epoch(self, predictions: torch.Tensor) -> dict[str, Any]:
        """Combine the metrics of an epoch from all workers; this waits for the device."""
        sums = {name: self.context.all_gather(values[None]).sum(0).tolist() for name, values in self.sums.items()}
        means = {name: [value / (values[-1] or 1) for value in values[:-1]] for name, values in sums.items()}
        rows = self.context.all_gather(predictions).cpu().numpy()
        ids, clusters, probability = rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int32), rows[:, 2]
        row = dict(zip(("loss", "graph_loss", "label_loss", "mi_loss", "gradient_norm"), means["losses"], strict=True))
        row |= dict(
            zip(
                ("confident_share", "link_density", "without_linked", "without_unlinked"), means["targets"], strict=True
            )
        )
        if "bcubed" in sums and sums["bcubed"][-1] > 0:
            row |= dict(zip(("bcubed_precision", "bcubed_recall"), means["bcubed"], strict=True))
        row |= clustering_health(clusters, self.n_clusters) | probability_health(probability)
        labels = self.context.labels
        if labels is not None and (labels[ids] >= 0).any():
            row["quality"] = clustering_quality(labels[ids], clusters)
        return row

    def report_epoch(self, row: dict[str, Any], epoch: int, seconds: float) -> None:
        s = self.settings
        n_trained = self.updates * min(s.small_batch, s.large_batch, self.feed.n // self.context.world_size)
        progress = {"kind": "epoch", "epoch": epoch + 1, "epochs": s.epochs, "iteration": (epoch + 1) * self.updates}
        speed = {
            "seconds": seconds,
            "images_per_second": n_trained * self.context.world_size / seconds,
            "updates_per_second": self.updates / seconds,
            "eta": seconds * (s.epochs - epoch - 1),
        }
        self.context.report(progress | row | speed | {"warnings": warnings_of(row) + self.step.remarks})

    @torch.no_grad()
    def finish(self) -> Outcome:
        """Measure the population's statistics and predict every image with them; also predict with batch statistics."""
        context, net, s = self.context, self.net.encoder, self.settings
        by_batch = np.full(self.feed.n, -1, np.int32)
        # Equal batches, so that fewer images than there are batches remain outside of them.
        size = self.feed.n // math.ceil(self.feed.n / (s.large_batch * context.world_size))
        with population_statistics(net) as statistics:
            predictions = [
                assignments_of(large.ids, net(rgb(large.images)).probabilities)
                for large in self.feed.train_batches(size, s.epochs)
            ]
        for value in statistics:
            value.copy_(context.all_gather(value[None]).mean(0))
        rows = context.all_gather(torch.cat(predictions)).cpu().numpy()
        by_batch[rows[:, 0].astype(np.int64)] = rows[:, 1]

        outputs = [(batch.ids, net(rgb(batch.images))) for batch in self.feed.eval_batches(EVAL_BATCH)]
        ids = torch.cat([batch_ids for batch_ids, _ in outputs]).cpu().numpy()
        features = torch.cat([output.features for _, output in outputs]).cpu().numpy()
        largest = torch.cat([torch.stack(output.probabilities.max(dim=1), dim=1) for _, output in outputs])
        everyone = context.run_on_driver(0, all_rows, ids, largest.cpu().numpy()).rows
        probability, population = everyone[:, 0], everyone[:, 1].astype(np.int32)
        # The few images outside the batches get the prediction with the population's statistics.
        by_batch = np.where(by_batch < 0, population, by_batch)
        self.report_end(ids, population, probability, features)
        return Outcome(
            model=net,
            clusterings={"population": population, "batch": by_batch},
            reported="population",
            ids=ids,
            embeddings=features,
        )

    def report_end(self, ids: np.ndarray, clusters: np.ndarray, probability: np.ndarray, features: np.ndarray) -> None:
        row: dict[str, Any] = clustering_health(clusters, self.n_clusters) | probability_health(probability)
        row |= embedding_health(features)
        row |= {"clusters": len(np.unique(clusters)), "clustering": "population"}
        if self.context.labels is not None:
            row["quality"] = clustering_quality(self.context.labels, clusters)
        judged, warnings = judge_network(self.context, 1, self.n_clusters, ids, features, clusters, self.feed)
        self.context.report({"kind": "period"} | row | judged | {"warnings": warnings_of(row) + warnings}, clusters)

    def save(self, epoch: int) -> None:
        tensors = with_prefix("model", self.net.state_dict()) | with_prefix("rmsprop", optimizer_state(self.optimizer))
        self.context.save(tensors, {"epoch": epoch})

    def restore(self) -> int:
        """Continue from the newest checkpoint, if there is one; return the number of completed epochs."""
        saved = self.context.restore()
        if saved is None:
            return 0
        tensors, state = saved
        self.net.load_state_dict(without_prefix("model", tensors))
        restore_optimizer(self.optimizer, without_prefix("rmsprop", tensors))
        return int(state["epoch"])


def assignments_of(ids: torch.Tensor, probabilities: torch.Tensor) -> torch.Tensor:
    """Return the id, cluster and probability of each image, float64 [B, 3]."""
    probability, clusters = probabilities.max(dim=1)
    return torch.stack([ids.double(), clusters.double(), probability.double()], dim=1)
