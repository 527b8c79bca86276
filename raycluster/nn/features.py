"""The features of many images in every layer of a network."""

from __future__ import annotations

import numpy as np
import torch

from raycluster.nn.network import Network

BATCH = 500


@torch.inference_mode()
def frozen_features(net: Network, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Return the features, float32 [n, d], of images, uint8 [n, C, H, W], by layer name; the embedding comes last."""
    parts: dict[str, list[torch.Tensor]] = {}
    device = next(net.parameters()).device
    for images in torch.from_numpy(pixels).split(BATCH):
        for name, values in net.layers(net.prepare(images.to(device))).items():
            parts.setdefault(name, []).append(values)
    return {name: torch.cat(values).cpu().numpy() for name, values in parts.items()}
