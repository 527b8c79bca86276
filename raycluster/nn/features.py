"""The features of many images in every layer of a network."""

from __future__ import annotations

import numpy as np
import torch

from raycluster.nn.batches import in_batches
from raycluster.nn.network import Network


@torch.inference_mode()
def frozen_features(net: Network, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Return the features, float32 [n, d], of images, uint8 [n, C, H, W], by layer name; the embedding comes last."""
    parts: dict[str, list[torch.Tensor]] = {}
    for _, layers in in_batches(net, pixels, net.layers):
        for name, values in layers.items():
            parts.setdefault(name, []).append(values)
    return {name: torch.cat(values).cpu().numpy() for name, values in parts.items()}
