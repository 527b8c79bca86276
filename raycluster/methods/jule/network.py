"""JULE's network: blocks of convolution, BatchNorm, ReLU and pooling, then a linear embedding of unit length."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from raycluster.methods.network import MethodNetwork

CHANNELS = 50
KERNEL = 5
ENLARGED_TO = 16  # pixels, about: on 8 x 8 pixels, a convolution of 5 x 5 sees most of the image, and a shift is coarse


class Block(NamedTuple):
    """One block: the convolution's padding in pixels, and whether a 2x2 max-pool follows."""

    padding: int
    pool: bool


PLAIN, PADDED, UNPOOLED = Block(0, True), Block(2, True), Block(0, False)

# The published networks (JULE, CVPR 2016, supplementary), by image height and width.
PUBLISHED: dict[tuple[int, int], tuple[Block, ...]] = {
    (16, 16): (PLAIN,),  # USPS
    (28, 28): (PLAIN, UNPOOLED),  # MNIST
    (32, 32): (PLAIN, PLAIN),  # CMU-PIE, FRGC
    (112, 92): (PADDED, PADDED, PADDED),  # UMIST
    (128, 128): (PLAIN, PLAIN, PLAIN, PLAIN),  # COIL
    (55, 55): (PADDED, PADDED),  # YTF
}


def choose_blocks(height: int, width: int) -> tuple[Block, ...]:
    """Return the published blocks for an image size; for other sizes, blocks down to a map of 12x12 or smaller.

    Maps with a side below 12 are padded, so that small images do not shrink to nothing; maps below 8 are not pooled.
    """
    if (height, width) in PUBLISHED:
        return PUBLISHED[height, width]
    blocks: list[Block] = []
    while not blocks or max(height, width) > 12:
        padding = 0 if min(height, width) >= 12 else KERNEL // 2
        height, width = (side + 2 * padding - KERNEL + 1 for side in (height, width))
        pool = max(height, width) >= 8
        if pool:
            height, width = -(-height // 2), -(-width // 2)
        blocks.append(Block(padding, pool))
    return tuple(blocks)


class JuleCNN(MethodNetwork):
    """From images to embeddings on the unit sphere.

    Parameters
    ----------
    shape : (channels, height, width) of the images
    embedding_size : int
    enlarge : int, optional
        How many times as high and wide images are made first. By default, sides of 8 pixels or fewer are brought to at
        most 16.
    """

    def __init__(self, shape: tuple[int, int, int], embedding_size: int = 160, enlarge: int | None = None) -> None:
        super().__init__()
        channels, height, width = shape
        self.shape, self.embedding_size = shape, embedding_size
        self.enlarge = enlarge or max(1, ENLARGED_TO // max(height, width))
        height, width = height * self.enlarge, width * self.enlarge
        layers: list[nn.Module] = []
        for block in choose_blocks(height, width):
            layers += [nn.Conv2d(channels, CHANNELS, KERNEL, padding=block.padding), nn.BatchNorm2d(CHANNELS)]
            layers += [nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)] if block.pool else [nn.ReLU()]
            channels = CHANNELS
        self.trunk = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            self.trunk.eval()
            flat = self.trunk(torch.zeros(1, shape[0], height, width)).shape[1]
            self.trunk.train()
        self.embed = nn.Linear(flat, embedding_size)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        self.to(memory_format=torch.channels_last)

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Return images, uint8 [B, C, H, W], as floats in [0, 1], enlarged where they are tiny."""
        floats = images.float() / 255
        if self.enlarge == 1:
            return floats
        return F.interpolate(floats, scale_factor=self.enlarge, mode="bilinear", align_corners=False)

    def layers(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the embedding, float32 [B, embedding_size], the only layer that is evaluated."""
        return {"embedding": self(inputs)}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return unit embeddings, float32 [B, embedding_size], of prepared images."""
        features = self.embed(self.trunk(images.contiguous(memory_format=torch.channels_last)))
        return F.normalize(features.float(), dim=1)

    def architecture(self) -> dict[str, Any]:
        """Return what is needed to rebuild this network and to prepare its input."""
        return {
            "name": "jule_cnn",
            "shape": list(self.shape),
            "embedding_size": self.embedding_size,
            "enlarge": self.enlarge,
            "preprocessing": "uint8 pixels divided by 255, then enlarged bilinearly",
        }
