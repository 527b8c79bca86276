"""Frozen features: a pretrained network embeds every image of a run once, and a method trains a head on them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from raycluster.methods.base import Answer, Context
from raycluster.methods.pretrained import PretrainedSettings
from raycluster.nn.backbone.load import load_backbone
from raycluster.nn.backbone.network import Backbone
from raycluster.nn.batches import in_batches

FEATURES_STEP = -1  # of the driver, before the first clustering
BLOCK = 1000  # images; a run that is killed embeds those of one block again


def load_named(settings: PretrainedSettings, image_size: int | None) -> Backbone:
    """Return the pretrained network that the settings name, ready to predict."""
    assert settings.backbone is not None
    return load_backbone(settings.backbone, Path(settings.weights) if settings.weights else None, image_size)[0]


def gather_features(backbone: Backbone, context: Context, function: Callable[..., Answer], **kwargs: Any) -> Answer:
    """Embed the images of all workers, and return ``function(features, **kwargs)``, computed on the driver.

    Parameters
    ----------
    backbone : Backbone
        On the device of the context.
    context : Context
    function : callable
        :func:`raycluster.methods.gathered.all_rows`, or what else takes them, float32 [n, d].
    """
    ids, features = embed_share(backbone, context)
    return context.run_on_driver(FEATURES_STEP, function, ids, features, **kwargs)


def embed_share(backbone: Backbone, context: Context) -> tuple[np.ndarray, np.ndarray]:
    """Return this worker's ids, int64 [m], and the features of its images, float32 [m, d]."""
    ids: list[np.ndarray] = []
    parts: list[torch.Tensor] = []
    done = 0
    for number, batch in enumerate(context.feed.eval_batches(BLOCK)):
        began = time.perf_counter()
        ids.append(batch.ids.cpu().numpy())
        parts.append(context.keep(f"features-{number}", partial(_embed, backbone, batch.images)))
        done += len(batch.ids) * context.world_size
        rate = len(batch.ids) * context.world_size / (time.perf_counter() - began)
        left = max(0, context.feed.n - done)
        row = {"images": context.feed.n - left, "of": context.feed.n, "images_per_second": rate, "eta": left / rate}
        context.report({"kind": "embedding"} | row)
    return np.concatenate(ids), torch.cat(parts).numpy()


@torch.inference_mode()
def _embed(backbone: Backbone, images: torch.Tensor) -> torch.Tensor:
    return torch.cat([features.cpu() for _, features in in_batches(backbone, images.cpu().numpy(), backbone)])


def principal_directions(features: np.ndarray, most: int) -> np.ndarray:
    """Return the first principal directions of features, float32 [n, d], as rows of length 1, float64 [m, d]."""
    _, directions = np.linalg.eigh(features.T.astype(np.float64) @ features)  # ascending
    return directions.T[::-1][:most].copy()
