"""What each network makes of images, layer by layer: the one place that knows which of them is its embedding."""

from __future__ import annotations

import torch

from raycluster.methods.concurl.network import ConcurlNet
from raycluster.methods.dccm.network import DccmCNN
from raycluster.methods.load import Network
from raycluster.nn.backbone import Backbone
from raycluster.nn.pixels import rgb

AnyNetwork = Network | Backbone


def layers_of(net: AnyNetwork, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the features float32 [B, d] of images uint8 [B, C, H, W], by name of their layer; the embedding last."""
    if isinstance(net, DccmCNN):
        passed = net(rgb(images))
        return {"conv": passed.conv, "fc": passed.features}
    if isinstance(net, ConcurlNet):
        seen = net(rgb(images))
        return {"trunk": seen.features, "head": seen.head, "nce": seen.nce}
    if isinstance(net, Backbone):
        return {"features": net(rgb(images))}
    return {"embedding": net(images.float() / 255)}


def embedding_of(net: AnyNetwork, images: torch.Tensor) -> torch.Tensor:
    """Return the embeddings float32 [B, d] of images uint8 [B, C, H, W], as a run writes them into ``embeddings/``."""
    return list(layers_of(net, images).values())[-1]


@torch.inference_mode()
def embedding_size(net: AnyNetwork) -> int:
    """Return how long an embedding is."""
    device = next(net.parameters()).device
    return embedding_of(net, torch.zeros(1, *net.shape, dtype=torch.uint8, device=device)).shape[1]
