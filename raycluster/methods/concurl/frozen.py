"""ConCURL on frozen features: a pretrained network embeds every image once, and only heads on its features are trained.

In place of a second view, an image has a partner: one of its nearest neighbors in the features, drawn anew in every
step. Pairs of neighbors are an idea of SCAN (Van Gansbeke et al., ECCV 2020) and TEMI (Adaloglou et al., BMVC 2023).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from raycluster.data.feed import Batch, ResidentFeed
from raycluster.graph.neighbors.nearest import nearest_neighbors
from raycluster.methods.base import Context, Outcome
from raycluster.methods.concurl.head import ConcurlHead, FeatureHeads
from raycluster.methods.concurl.settings import ConcurlSettings
from raycluster.methods.concurl.train import seek_consensus
from raycluster.methods.frozen_features import gather_features, load_named


@dataclass(frozen=True)
class Neighborhoods:
    """The features of all images, float32 [n, d], and the ids of the nearest neighbors of each, int32 [n, k]."""

    rows: np.ndarray
    neighbors: np.ndarray


def find_partners(rows: np.ndarray, k: int) -> Neighborhoods:
    """Find k neighbors of every row; fewer if there are no more rows."""
    return Neighborhoods(rows, nearest_neighbors(rows, k)[0])


def train_heads(settings: ConcurlSettings, n_clusters: int, context: Context) -> Outcome:
    """Train heads on the features of the images of ``context.feed``."""
    backbone = load_named(settings, context.feed.shape[1]).to(context.device).eval()
    known = gather_features(backbone, context, find_partners, k=settings.partners)
    outcome, heads = train_on_features(settings, n_clusters, context, known)
    net = ConcurlHead(backbone, n_clusters)
    net.load_state_dict(heads.state_dict(), strict=False)
    net.clustering = heads.clustering
    return replace(outcome, model=net.eval())


def train_on_features(
    settings: ConcurlSettings, n_clusters: int, context: Context, known: Neighborhoods
) -> tuple[Outcome, FeatureHeads]:
    """Train heads on features, and return what came of it with the heads."""
    partners = torch.from_numpy(known.neighbors.astype(np.int64)).to(context.device)
    rows = known.rows[:, :, None, None]
    feed = ResidentFeed(rows, context.device, context.rank, context.world_size, context.seed)

    def with_partner(batch: Batch, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        drawn = torch.randint(partners.shape[1], batch.ids.shape, device=partners.device, generator=generator)
        return batch.images.flatten(1), feed.images[partners[batch.ids, drawn]].flatten(1)

    torch.manual_seed(context.seed)
    heads = FeatureHeads(rows.shape[1], n_clusters)
    heads.start_from(known.rows)
    return seek_consensus(settings, n_clusters, context, feed, heads, with_partner), heads
