"""The preset ``fast``: balanced assignments to many prototypes, agreed on by crops, and a classifier that sums them up.

In ConCURL's frame, two views of an image agree on its balanced assignment to prototypes. Here there are many more
prototypes than clusters, and they learn; small crops, which are cheap, have to agree as well; and a classifier of K
outputs, whose gradient does not reach the trunk, shares as much information with the prototypes as it can. There is
neither a memory bank nor an ensemble of projections, and no k-means at the end: an image's cluster is the classifier's.

After Ntelemis, Jin, Thomas: Information Maximization Clustering via Multi-View Self-Labelling (IMC-SwAV).
Knowledge-Based Systems, 2022. The prototypes and the multi-crop are those of Caron et al., SwAV, NeurIPS 2020.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import nn

from raycluster.data.feed import local_batch_size
from raycluster.errors import UserError
from raycluster.methods.base import Context, Outcome
from raycluster.methods.concurl.agreement import agreement_loss
from raycluster.methods.concurl.classifier_network import ClassifierNet, ClassifierOutput
from raycluster.methods.concurl.crops import LARGE_CROPS, multi_crop
from raycluster.methods.concurl.information import information_loss, joint_distribution, large_logits_loss
from raycluster.methods.concurl.settings import ConcurlSettings
from raycluster.methods.concurl.train import mean_cosine_of
from raycluster.methods.gathered import all_rows
from raycluster.methods.start import judge_network
from raycluster.metrics.health import Advice, clustering_health, embedding_health, warnings_for
from raycluster.metrics.quality import clustering_quality
from raycluster.nn.captured_step import CapturedStep
from raycluster.nn.learning_rate import initial_rate, set_learning_rate
from raycluster.nn.seeds import hash_seed
from raycluster.nn.sinkhorn import sinkhorn
from raycluster.runtime.checkpoint import optimizer_state, restore_optimizer, with_prefix, without_prefix

PROTOTYPES, SMALL_CROPS = 1000, 4
BETAS = (0.8, 0.999)  # of Adam
WARM_UP = 500  # steps in which the learning rate rises and prototypes do not move,
WARM_UP_SHARE = 0.1  # but no more than this part of the training
EVAL_BATCH = 250
SUMS = ("loss", "agreement_loss", "information_loss", "gradient_norm", "mean_cosine")

ADVICE = Advice(
    one_cluster="the classifier puts every image into the same cluster; try a lower --learning-rate",
    collapsed="try a lower --learning-rate or a larger --batch-size",
)


def train_classifier(
    settings: ConcurlSettings,
    n_clusters: int,
    context: Context,
    prototypes: int = PROTOTYPES,
    small_crops: int = SMALL_CROPS,
) -> Outcome:
    """Train a network and its classifier of ``n_clusters`` clusters on the images of ``context.feed``."""
    return ClassifierTraining(settings, n_clusters, context, prototypes, small_crops).run()


class _AllCrops(nn.Module):
    """All crops in one forward pass, as DistributedDataParallel needs it; those of one size share their BatchNorm.

    The large ones come last, so that the running averages are mostly theirs: whole images are embedded with them.
    """

    def __init__(self, net: ClassifierNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, large: torch.Tensor, small: torch.Tensor) -> list[ClassifierOutput]:
        outputs = [self.net(crops) for crops in (small, large) if len(crops)]
        return outputs[::-1]


class ClassifierTraining:
    """The training, step by step."""

    def __init__(
        self,
        settings: ConcurlSettings,
        n_clusters: int,
        context: Context,
        prototypes: int = PROTOTYPES,
        small_crops: int = SMALL_CROPS,
    ) -> None:
        self.small_crops = small_crops
        self.settings, self.n_clusters, self.context, self.feed = settings, n_clusters, context, context.feed
        s, device = settings, context.device
        if local_batch_size(self.feed.n, s.batch_size, context.world_size) < 2:
            raise UserError(
                f"{self.feed.n} images in batches of {s.batch_size} for {context.world_size} workers: each worker's "
                "batch needs at least 2; choose fewer --workers."
            )
        torch.manual_seed(context.seed)
        self.net = ClassifierNet(self.feed.shape, n_clusters, prototypes, s.trunk).to(device)
        self.model = context.wrap(_AllCrops(self.net))
        anchors = self.net.prototypes.weight
        others = [parameter for parameter in self.net.parameters() if parameter is not anchors]
        groups: list[dict[str, Any]] = [{"params": others}, {"params": [anchors], "weight_decay": 0.0}]
        for group in groups:
            group["lr"] = initial_rate(s.learning_rate, device)
        self.optimizer = torch.optim.Adam(
            groups,
            betas=BETAS,
            weight_decay=s.weight_decay,
            foreach=True,
            capturable=device.type == "cuda",
        )
        self.generator = torch.Generator(device)
        self.sums = torch.zeros(len(SUMS), device=device)
        self.step = CapturedStep(self.take_step, device, context.world_size, (self.generator,))

    def run(self) -> Outcome:
        """Train, or go on with it, and classify all images."""
        s = self.settings
        for epoch in range(self.restore(), s.epochs):
            started = time.perf_counter()
            row = self.train_epoch(epoch)
            self.report_epoch(row, epoch, time.perf_counter() - started)
            if (epoch + 1) % s.evaluate_every == 0 and epoch + 1 < s.epochs:
                self.classify_all(epoch + 1)
            self.save(epoch + 1)
        return self.classify_all(s.epochs)

    def rates_at(self, step: int, steps: int) -> tuple[float, float]:
        """Return the learning rates of the network and of the prototypes for a step out of ``steps``, from 0."""
        warm_up = min(WARM_UP, int(WARM_UP_SHARE * steps))
        if step < warm_up:
            return self.settings.learning_rate * (step + 1) / warm_up, 0.0
        rate = self.settings.learning_rate_at(step, steps)
        return rate, rate

    def train_epoch(self, epoch: int) -> dict[str, Any]:
        """Go through all images once, except for an incomplete last batch; nothing in the loop waits for the device."""
        s = self.settings
        self.generator.manual_seed(hash_seed(self.context.seed, epoch, self.context.rank))
        self.sums.zero_()
        self.model.train()
        steps, assigned = self.feed.steps(s.batch_size), []
        for number, batch in enumerate(self.feed.train_batches(s.batch_size, epoch), epoch * steps):
            rates = self.rates_at(number, s.epochs * steps)
            set_learning_rate(self.optimizer, *rates)
            assigned.append(torch.stack([batch.ids, self.step(batch.images)], dim=1))
        means = self.context.all_gather(self.sums[None]).mean(0) / steps
        row: dict[str, Any] = dict(zip(SUMS, means.tolist(), strict=True)) | {"learning_rate": rates[0]}
        ids, clusters = self.context.all_gather(torch.cat(assigned)).T.cpu().numpy()
        row |= clustering_health(clusters, self.n_clusters)
        labels = self.context.labels
        if labels is not None and (labels[ids] >= 0).any():
            row["quality"] = clustering_quality(labels[ids], clusters)
        return row

    def take_step(self, images: torch.Tensor) -> torch.Tensor:
        """Take one step on crops of a batch, uint8 [B, C, H, W], and return the clusters of large crops, int64 [B]."""
        s, n_crops = self.settings, LARGE_CROPS + self.small_crops
        crops = multi_crop(images, self.small_crops, self.generator, s.flip, s.smallest_crop)
        with self.context.autocast():
            outputs = self.model(*crops)
        cosines = torch.cat([output.cosines for output in outputs]).view(n_crops, len(images), -1)
        logits = torch.cat([output.logits for output in outputs]).view(n_crops, len(images), -1)

        # Every crop predicts the balanced assignments of the large ones.
        large = cosines[:LARGE_CROPS].detach()
        targets = sinkhorn(large, s.epsilon, s.sinkhorn_iterations, self.context.all_gather)
        agreement = agreement_loss(cosines, targets, s.head_temperature)

        # The classifier sums the prototypes up.
        likely = (large / s.head_temperature).softmax(dim=2)
        joint = self.context.all_gather(joint_distribution(logits.softmax(dim=2), likely)[None]).mean(dim=0)
        information = information_loss(joint) + large_logits_loss(logits)

        loss = agreement + information
        self.optimizer.zero_grad()
        loss.backward()
        norms = torch._foreach_norm([p.grad for p in self.net.parameters() if p.grad is not None])
        self.optimizer.step()
        self.net.normalize_prototypes()
        closeness = mean_cosine_of(outputs[0].projection.detach()[: len(images)])
        self.sums += torch.stack([loss, agreement, information, torch.stack(norms).norm(), closeness]).detach()
        return logits[0].detach().argmax(dim=1)

    def report_epoch(self, row: dict[str, Any], epoch: int, seconds: float) -> None:
        """Record how an epoch went."""
        s, steps = self.settings, self.feed.steps(self.settings.batch_size)
        progress = {"kind": "epoch", "epoch": epoch + 1, "epochs": s.epochs, "iteration": (epoch + 1) * steps}
        speed = {
            "seconds": seconds,
            "images_per_second": min(self.feed.n, steps * s.batch_size) / seconds,
            "eta": seconds * (s.epochs - epoch - 1),
        }
        warnings = warnings_for(row, ADVICE) + self.step.remarks
        self.context.report(progress | row | speed | {"warnings": warnings})

    def classify_all(self, epoch: int) -> Outcome:
        """Return the classifier's clusters of all images, and report them."""
        ids, embeddings, own = self.embed()
        clusters = self.context.run_on_driver(epoch, all_rows, ids, own).rows[:, 0].astype(np.int32)
        row: dict[str, Any] = clustering_health(clusters, self.n_clusters) | embedding_health(embeddings)
        row |= {"epoch": epoch, "clusters": len(np.unique(clusters)), "clustering": "classifier"}
        if self.context.labels is not None:
            row["quality"] = clustering_quality(self.context.labels, clusters)
        warnings = warnings_for(row, ADVICE)
        if epoch == self.settings.epochs:
            judged, doubts = judge_network(
                self.context, epoch + 1, self.n_clusters, ids, embeddings, clusters, self.feed
            )
            row, warnings = row | judged, warnings + doubts
        self.context.report({"kind": "period"} | row | {"warnings": warnings}, clusters)
        return Outcome(self.net.eval(), {"classifier": clusters}, "classifier", ids, embeddings)

    @torch.inference_mode()
    def embed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return this worker's ids, int64 [m], embeddings, float32 [m, 128], and clusters, float32 [m, 1]."""
        self.net.eval()
        parts: list[tuple[torch.Tensor, ...]] = []
        for batch in self.feed.eval_batches(EVAL_BATCH):
            output = self.net(self.net.prepare(batch.images))
            parts.append((batch.ids, output.projection, output.logits.argmax(dim=1, keepdim=True).float()))
        ids, embeddings, clusters = (torch.cat(each).cpu().numpy() for each in zip(*parts, strict=True))
        return ids, embeddings, clusters

    def save(self, epoch: int) -> None:
        """Write a checkpoint."""
        tensors = with_prefix("model", self.net.state_dict()) | with_prefix("adam", optimizer_state(self.optimizer))
        self.context.save(tensors, {"epoch": epoch})

    def restore(self) -> int:
        """Continue from the newest checkpoint, if there is one; return the number of completed epochs."""
        saved = self.context.restore()
        if saved is None:
            return 0
        tensors, state = saved
        self.net.load_state_dict(without_prefix("model", tensors))
        restore_optimizer(self.optimizer, without_prefix("adam", tensors))
        return int(state["epoch"])
