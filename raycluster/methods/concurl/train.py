"""ConCURL: balanced assignments of one view are predicted from the other, in many random projections at once.

Deshmukh, Regatti, Manavoglu, Dogan: Representation Learning for Clustering via Building Consensus. Machine Learning,
2022. This is the version with a memory bank (NCE).

Each step draws two views of every image. The exemplar loss L_nce distinguishes each image from all others, by means of
a memory bank. The consensus loss L_con makes the network predict, from one view and in every random projection of an
ensemble, the balanced assignment to prototypes that the other view has. The prototypes are random vectors that do not
learn, unless α is above 0. At the end, the images are clustered in four ways; by default, k-means on the NCE embedding
is reported.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from raycluster.data.feed import Batch, Feed, local_batch_size
from raycluster.errors import UserError
from raycluster.methods.base import Context, Outcome
from raycluster.methods.concurl.clustering import CLUSTERINGS, Clusterings, cluster_all
from raycluster.methods.concurl.consensus import draw_transforms, swapped_loss, transformed_cosines
from raycluster.methods.concurl.embed import embed
from raycluster.methods.concurl.health import warnings_of
from raycluster.methods.concurl.memory_bank import MemoryBank
from raycluster.methods.concurl.nce import mean_exponential, nce_loss, softmax_loss
from raycluster.methods.concurl.network import HEAD_SIZE, NCE_SIZE, ConcurlNet, ConcurlOutput, TwoHeads
from raycluster.methods.concurl.settings import ConcurlSettings
from raycluster.methods.concurl.views import VIEW_1, VIEW_2, random_views
from raycluster.methods.start import judge_network
from raycluster.metrics.health import clustering_health
from raycluster.metrics.quality import clustering_quality
from raycluster.nn.captured_step import CapturedStep
from raycluster.nn.learning_rate import set_learning_rate
from raycluster.nn.seeds import hash_seed
from raycluster.nn.sinkhorn import sinkhorn
from raycluster.runtime.checkpoint import optimizer_state, restore_optimizer, with_prefix, without_prefix

DrawViews = Callable[[Batch, torch.Generator], tuple[torch.Tensor, torch.Tensor]]


def train_concurl(settings: ConcurlSettings, n_clusters: int, context: Context) -> Outcome:
    """Train ConCURL to ``n_clusters`` clusters on the images of ``context.feed``."""
    return on_images(settings, n_clusters, context).run()


def on_images(settings: ConcurlSettings, n_clusters: int, context: Context) -> _Concurl:
    """Return the training of a new network, from two augmented views of every image."""
    s = settings

    def augmented(batch: Batch, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        recipes = (VIEW_1, VIEW_2[s.view2])
        view1, view2 = random_views(batch.images, recipes, generator, s.flip, (s.smallest_crop, 1.0))
        return view1, view2

    torch.manual_seed(context.seed)
    net = ConcurlNet(context.feed.shape, n_clusters, s.trunk)
    return _Concurl(s, n_clusters, context, context.feed, net, augmented)


def seek_consensus(
    settings: ConcurlSettings, n_clusters: int, context: Context, feed: Feed, net: TwoHeads, draw_views: DrawViews
) -> Outcome:
    """Train a network until two views of every image agree on its cluster.

    Parameters
    ----------
    settings : ConcurlSettings
    n_clusters : int
    context : Context
    feed : Feed
        What the network takes, of the same rows as ``context.feed``.
    net : TwoHeads
    draw_views : callable
        Takes a batch and a generator, and returns two views of every row, as the network takes them.
    """
    return _Concurl(settings, n_clusters, context, feed, net, draw_views).run()


class _BothViews(nn.Module):
    """Both views in one forward pass, as DistributedDataParallel needs it, each with its own BatchNorm statistics."""

    def __init__(self, net: TwoHeads) -> None:
        super().__init__()
        self.net = net

    def forward(self, view1: torch.Tensor, view2: torch.Tensor) -> tuple[ConcurlOutput, ConcurlOutput]:
        return self.net(view1), self.net(view2)


class _Concurl:
    def __init__(
        self,
        settings: ConcurlSettings,
        n_clusters: int,
        context: Context,
        feed: Feed,
        net: TwoHeads,
        draw_views: DrawViews,
    ) -> None:
        self.settings, self.n_clusters, self.context, self.feed = settings, n_clusters, context, feed
        self.draw_views = draw_views
        s = settings
        if local_batch_size(self.feed.n, s.batch_size, context.world_size) < 2:
            raise UserError(
                f"{self.feed.n} images in batches of {s.batch_size} for {context.world_size} workers: ConCURL needs at "
                "least 2 in each worker's batch; choose fewer --workers."
            )
        self.net = net.to(context.device)
        # DistributedDataParallel waits for a gradient of every parameter that requires one.
        self.prototypes_learn = s.alpha > 0 or (s.gamma > 0 and s.proto_grad == "through_projection")
        self.net.prototypes.requires_grad_(self.prototypes_learn)
        self.net.nce_head.requires_grad_(s.beta > 0)
        self.net.head.requires_grad_(s.alpha + s.gamma > 0)
        self.model = context.wrap(_BothViews(self.net))
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.SGD(
            trained, lr=s.learning_rate, momentum=s.momentum, weight_decay=s.weight_decay, foreach=True
        )
        self.bank = MemoryBank(
            self.feed.n,
            NCE_SIZE,
            hash_seed(context.seed, -1, 0),
            context.device,
            s.bank,
            context.rank,
            context.world_size,
            context.all_gather,
        )
        self.transforms = self.draw_ensemble(-1)
        self.generator = torch.Generator(context.device)
        self.sums = torch.zeros(6, device=context.device)
        self.step = CapturedStep(self.take_step, context.device, context.world_size, (self.generator,))
        self.begin_epoch(0)

    def run(self) -> Outcome:
        s = self.settings
        for epoch in range(self.restore(), s.epochs):
            started = time.perf_counter()
            row = self.train_epoch(epoch)
            self.report_epoch(row, epoch, time.perf_counter() - started)
            if (epoch + 1) % s.evaluate_every == 0 and epoch + 1 < s.epochs:
                self.cluster(epoch + 1)
            self.save(epoch + 1)
        return self.finish()

    def draw_ensemble(self, epoch: int) -> torch.Tensor | None:
        """Draw the transformations A_1..A_E, the same on all workers."""
        s = self.settings
        generator = torch.Generator().manual_seed(hash_seed(self.context.seed, epoch, -1))
        transforms = draw_transforms(s.transform, s.ensemble, HEAD_SIZE, s.projection_size, generator)
        return None if transforms is None else transforms.to(self.context.device)

    def begin_epoch(self, epoch: int) -> None:
        self.generator.manual_seed(hash_seed(self.context.seed, epoch, self.context.rank))
        self.sums.zero_()
        self.assignments: list[torch.Tensor] = []
        drawn = self.draw_ensemble(epoch) if self.settings.redraw == "epoch" else None
        if self.transforms is not None and drawn is not None:
            self.transforms.copy_(drawn)

    def train_epoch(self, epoch: int) -> dict[str, Any]:
        """Go through all images once, except for an incomplete last batch; nothing in the loop waits for the device."""
        s = self.settings
        self.begin_epoch(epoch)
        self.model.train()
        steps = self.feed.steps(s.batch_size)
        for number, batch in enumerate(self.feed.train_batches(s.batch_size, epoch), epoch * steps):
            rate = s.learning_rate_at(number, s.epochs * steps)
            if rate != self.optimizer.param_groups[0]["lr"]:
                set_learning_rate(self.optimizer, rate)
                self.step.renew()
            clusters = self.step(batch.images, batch.ids)
            self.assignments.append(torch.stack([batch.ids, clusters], dim=1))
        if self.prototypes_learn:
            self.net.normalize_prototypes()  # clustering and checkpoints expect unit vectors too
        return self.describe_epoch() | {"learning_rate": rate}

    def take_step(self, images: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Draw two views of a batch, take one step on them, and return the nearest prototypes, int64 [B]."""
        batch = Batch(images, ids)
        return self.update(batch, *self.draw_views(batch, self.generator))

    def update(self, batch: Batch, view1: torch.Tensor, view2: torch.Tensor) -> torch.Tensor:
        """Take one step on both views of a batch, L = β L_nce + α L_soft + γ L_con, and move its rows in the bank.

        Returns the prototypes nearest to the first views, int64 [B].
        """
        s = self.settings
        if self.prototypes_learn:
            self.net.normalize_prototypes()
        with self.context.autocast():
            output1, output2 = self.model(view1, view2)
        exemplar = consensus = soft = output1.nce.new_zeros(())
        if s.beta:
            outputs = (output1, output2)[: s.nce_views]
            exemplar = torch.stack([self.exemplar_loss(output.nce, batch.ids) for output in outputs]).mean()
        if s.alpha or s.gamma:
            cosines = torch.stack([output1.cosines, output2.cosines])
            q1, q2 = sinkhorn(cosines, s.epsilon, s.sinkhorn_iterations, self.context.all_gather)
            if s.alpha:
                soft = swapped_loss(output1.cosines, output2.cosines, q1, q2, s.head_temperature)
            if s.gamma:
                consensus = self.consensus_loss(output1.head, output2.head, q1, q2)
        loss = s.beta * exemplar + s.alpha * soft + s.gamma * consensus
        self.optimizer.zero_grad()
        loss.backward()
        norms = torch._foreach_norm([p.grad for p in self.net.parameters() if p.grad is not None])
        self.optimizer.step()
        # The bank gets the embedding from before the step, as in the released code. It is updated only now because the
        # backward pass reads its rows.
        self.bank.update(batch.ids, output1.nce, s.bank_momentum)
        losses = torch.stack([loss, exemplar, consensus, soft, torch.stack(norms).norm()])
        self.sums += torch.cat([losses.detach(), mean_cosine_of(output1.nce.detach())[None]])
        return output1.cosines.detach().argmax(dim=1)

    def exemplar_loss(self, embeddings: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Return L_nce of one view; the first batch of a run sets z_bar."""
        s, bank = self.settings, self.bank
        if not s.noise:
            return softmax_loss(embeddings @ bank.rows.T / s.tau, ids)
        noise_rows = bank.draw_noise(len(ids), s.noise, self.generator)
        positive, noise = (products / s.tau for products in bank.products(embeddings, ids, noise_rows))
        z_bar = bank.set_z_bar(mean_exponential(positive, noise)) if bank.z_bar is None else bank.z_bar
        return nce_loss(positive, noise, z_bar)

    def consensus_loss(
        self, head1: torch.Tensor, head2: torch.Tensor, q1: torch.Tensor, q2: torch.Tensor
    ) -> torch.Tensor:
        """Return L_con, the mean over the ensemble of the swapped losses of both views."""
        s, prototypes = self.settings, self.net.prototypes.weight
        if s.proto_grad == "detached":
            prototypes = prototypes.detach()
        cosines1, cosines2 = (transformed_cosines(head, prototypes, self.transforms) for head in (head1, head2))
        return swapped_loss(cosines1, cosines2, q1, q2, s.head_temperature)

    def describe_epoch(self) -> dict[str, Any]:
        """Combine the metrics of an epoch from all workers; this waits for the device."""
        names = ("loss", "nce_loss", "consensus_loss", "soft_loss", "gradient_norm", "mean_cosine")
        means = self.context.all_gather(self.sums[None]).mean(0) / len(self.assignments)
        row: dict[str, Any] = dict(zip(names, means.tolist(), strict=True))
        if not (self.settings.alpha or self.settings.gamma):
            return row  # no loss uses the prototypes, so assignments to them are meaningless
        ids, clusters = self.context.all_gather(torch.cat(self.assignments)).T.cpu().numpy()
        row |= clustering_health(clusters, self.n_clusters)
        labels = self.context.labels
        if labels is not None and (labels[ids] >= 0).any():
            row["quality"] = clustering_quality(labels[ids], clusters)
        return row

    def report_epoch(self, row: dict[str, Any], epoch: int, seconds: float) -> None:
        s = self.settings
        steps = self.feed.steps(s.batch_size)
        progress = {"kind": "epoch", "epoch": epoch + 1, "epochs": s.epochs, "iteration": (epoch + 1) * steps}
        images = min(self.feed.n, steps * s.batch_size)
        speed = {
            "seconds": seconds,
            "images_per_second": images / seconds,
            "eta": seconds * (s.epochs - epoch - 1),
        }
        row["batch_size"] = min(self.feed.n, s.batch_size)
        self.context.report(progress | row | speed | {"warnings": warnings_of(row) + self.step.remarks})

    def cluster(self, epoch: int) -> tuple[Clusterings, np.ndarray, np.ndarray]:
        """Cluster all images in four ways; return the clusterings, and this worker's ids and embeddings."""
        s = self.settings
        ids, embeddings, rows = embed(self.net, self.feed)
        result = self.context.run_on_driver(
            epoch,
            cluster_all,
            ids,
            rows,
            n_clusters=self.n_clusters,
            settings=s,
            seed=self.context.seed,
        )
        name, clusterings = result.reported_name, result.clusterings()
        row: dict[str, Any] = clustering_health(clusterings[name], self.n_clusters)
        row |= {"epoch": epoch, "clusters": len(np.unique(clusterings[name])), "clustering": name}
        row |= {key: getattr(result, key) for key in ("mean_cosine", "consensus", "seeds", "projections", "algorithms")}
        row["support"] = dict(zip(CLUSTERINGS, result.support.tolist(), strict=True))
        if self.context.labels is not None:
            row["qualities"] = {
                each: clustering_quality(self.context.labels, labels) for each, labels in clusterings.items()
            }
            row["quality"] = row["qualities"][name]
        warnings = warnings_of(row)
        if epoch == s.epochs:
            judged, doubts = self.judge(ids, embeddings, clusterings[name])
            row, warnings = row | judged, warnings + doubts
        self.context.report({"kind": "period"} | row | {"warnings": warnings}, clusterings[name])
        return result, ids, embeddings

    def judge(self, ids: np.ndarray, embeddings: np.ndarray, clusters: np.ndarray) -> tuple[dict[str, Any], list[str]]:
        """Compare the final clusters with those of what training started from."""
        known = (self.context, self.settings.epochs + 1, self.n_clusters, ids, embeddings, clusters, self.feed)
        if self.settings.backbone is None:
            return judge_network(*known)
        return judge_network(*known, "features", lambda rows: rows[:, :, 0, 0])

    def finish(self) -> Outcome:
        """Cluster one last time, and store the centroids in the network."""
        result, ids, embeddings = self.cluster(self.settings.epochs)
        for name in ("nce_centroids", "head_centroids"):
            getattr(self.net, name).copy_(torch.from_numpy(getattr(result, name)))
        self.net.clustering = result.reported_name
        return Outcome(
            model=self.net.eval(),
            clusterings=result.clusterings(),
            reported=result.reported_name,
            ids=ids,
            embeddings=embeddings,
        )

    def save(self, epoch: int) -> None:
        tensors = with_prefix("model", self.net.state_dict()) | with_prefix("sgd", optimizer_state(self.optimizer))
        tensors |= with_prefix("bank", self.bank.state())
        tensors |= {} if self.transforms is None else {"transforms": self.transforms}
        self.context.save(tensors, {"epoch": epoch})

    def restore(self) -> int:
        """Continue from the newest checkpoint, if there is one; return the number of completed epochs."""
        saved = self.context.restore()
        if saved is None:
            return 0
        tensors, state = saved
        self.net.load_state_dict(without_prefix("model", tensors))
        restore_optimizer(self.optimizer, without_prefix("sgd", tensors))
        self.bank.load_state(without_prefix("bank", tensors))
        if self.transforms is not None:
            self.transforms = tensors["transforms"].to(self.context.device)
        return int(state["epoch"])


def mean_cosine_of(embeddings: torch.Tensor) -> torch.Tensor:
    """Return the mean cosine between different embeddings of unit length, float32 [B, d], as a tensor of shape ()."""
    size = len(embeddings)
    return (embeddings.sum(dim=0).square().sum() - size) / (size * (size - 1))
