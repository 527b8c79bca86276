"""What a network makes of many images, layer by layer."""

from __future__ import annotations

import numpy as np
import torch

from raycluster.nn.network import Network

BATCH = 500


@torch.inference_mode()
def frozen_features(net: Network, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Return the features of images uint8 [n, C, H, W] by name of their layer, float32 [n, d]; the embedding last."""
    parts: dict[str, list[torch.Tensor]] = {}
    device = next(net.parameters()).device
    for images in torch.from_numpy(pixels).split(BATCH):
        for name, values in net.layers(net.prepare(images.to(device))).items():
            parts.setdefault(name, []).append(values)
    return {name: torch.cat(values).cpu().numpy() for name, values in parts.items()}
