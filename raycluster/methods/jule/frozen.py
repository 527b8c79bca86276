"""JULE on frozen features: a pretrained network embeds every image once, and only a head on its features is trained.

Merging and training take turns as in the paper, from first clusters of the features in place of the pixels. There is
no augmentation: nothing of an image is computed twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from raycluster.data.feed import ResidentFeed
from raycluster.methods.base import Clusters, Context, Outcome
from raycluster.methods.jule.head import FeatureHead, JuleHead
from raycluster.methods.jule.settings import JuleSettings
from raycluster.methods.jule.train import EVAL_BATCH, take_turns
from raycluster.nn.backbone.load import load_backbone
from raycluster.nn.backbone.network import Backbone
from raycluster.nn.batches import in_batches

FEATURES_STEP = -1  # of the driver, before the first clustering


@dataclass(frozen=True)
class Features:
    """The features of all images, float32 [n, d]."""

    rows: np.ndarray


def load_named(settings: JuleSettings, image_size: int | None) -> Backbone:
    """Return the pretrained network that the settings name, ready to predict."""
    assert settings.backbone is not None
    return load_backbone(settings.backbone, Path(settings.weights) if settings.weights else None, image_size)[0]


def train_head(settings: JuleSettings, n_clusters: Clusters, context: Context) -> Outcome:
    """Train a head on the features of the images of ``context.feed``."""
    backbone = load_named(settings, context.feed.shape[1]).to(context.device).eval()
    ids, mine = features_of(backbone, context)
    features = context.run_on_driver(FEATURES_STEP, all_features, ids, mine).rows
    feed = ResidentFeed(features[:, :, None, None], context.device, context.rank, context.world_size, context.seed)
    head = FeatureHead(features.shape[1])
    head.start_from(features)
    still = replace(settings, rotation=0.0, shift=0.0, zoom=0.0)
    outcome = take_turns(still, n_clusters, context, feed, head, "features", lambda rows: rows[:, :, 0, 0])
    return replace(outcome, model=JuleHead(backbone, head).eval())


def all_features(rows: np.ndarray) -> Features:
    """Return what the driver has gathered."""
    return Features(rows)


@torch.inference_mode()
def features_of(backbone: Backbone, context: Context) -> tuple[np.ndarray, np.ndarray]:
    """Return this worker's ids, int64 [m], and the features of its images, float32 [m, d]."""
    ids: list[np.ndarray] = []
    parts: list[np.ndarray] = []
    for batch in context.feed.eval_batches(EVAL_BATCH):
        ids.append(batch.ids.cpu().numpy())
        parts += [features.cpu().numpy() for _, features in in_batches(backbone, batch.images.cpu().numpy(), backbone)]
    return np.concatenate(ids), np.concatenate(parts)
