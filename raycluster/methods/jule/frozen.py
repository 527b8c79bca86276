"""JULE on frozen features: a pretrained network embeds every image once, and only a head on its features is trained.

Merging and training take turns as in the paper, from first clusters of the features in place of the pixels. There is
no augmentation: nothing of an image is computed twice.
"""

from __future__ import annotations

from dataclasses import replace

from raycluster.data.feed import ResidentFeed
from raycluster.methods.base import Clusters, Context, Outcome
from raycluster.methods.frozen_features import gather_features, load_named
from raycluster.methods.gathered import all_rows
from raycluster.methods.jule.head import FeatureHead, JuleHead
from raycluster.methods.jule.settings import JuleSettings
from raycluster.methods.jule.train import take_turns


def train_head(settings: JuleSettings, n_clusters: Clusters, context: Context) -> Outcome:
    """Train a head on the features of the images of ``context.feed``."""
    backbone = load_named(settings, context.feed.shape[1]).to(context.device).eval()
    features = gather_features(backbone, context, all_rows).rows
    feed = ResidentFeed(features[:, :, None, None], context.device, context.rank, context.world_size, context.seed)
    head = FeatureHead(features.shape[1])
    head.start_from(features)
    still = replace(settings, rotation=0.0, shift=0.0, zoom=0.0)
    outcome = take_turns(still, n_clusters, context, feed, head, "features", lambda rows: rows[:, :, 0, 0])
    return replace(outcome, model=JuleHead(backbone, head).eval())
