"""DCCM's network: four convolutions and two linear layers up to a softmax over K clusters, and the discriminator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import nn

from raycluster.methods.dccm.settings import SIDES, DeepTap, ShallowTap
from raycluster.methods.network import MethodNetwork
from raycluster.nn.batch_norm import BatchNorm, population_statistics
from raycluster.nn.network import Prediction
from raycluster.nn.pixels import rgb

FEATURES = 64


class DccmOutput(NamedTuple):
    """The result of a forward pass.

    Attributes
    ----------
    probabilities : Tensor of float32, shape (B, K)
    shallow : Tensor, shape (B, C, h, w)
        The feature map on one side of the mutual information.
    deep : Tensor of float32, shape (B, d)
        The vector on the other side of it.
    features : Tensor of float32, shape (B, 64)
        The fully connected layer, which is the embedding.
    conv : Tensor of float32, shape (B, 256)
        The last convolution, averaged over the image.
    """

    probabilities: torch.Tensor
    shallow: torch.Tensor
    deep: torch.Tensor
    features: torch.Tensor
    conv: torch.Tensor


class DccmCNN(MethodNetwork):
    """From images to probabilities of K clusters; at 32 pixels, the released network.

    Convolutions are 3x3 without padding. The networks for 64 and 96 pixels were never published; here, their first
    convolution is 5x5 with stride 2 instead. The last pooling averages whatever map is left, which is 4x4 at 32 and 64
    pixels.

    Parameters
    ----------
    shape : (channels, side, side) of the images; the side is 32, 64 or 96
    n_clusters : int
        K.
    shallow_tap : {"pool1", "conv3"}
        The feature map on one side of the mutual information.
    deep_tap : {"logits", "fc"}
        The vector on the other side of it.
    head_bn : bool
        BatchNorm on the K logits; without it, nothing prevents all images from falling into one cluster.
    """

    assigns = True
    embedding_size = FEATURES

    def __init__(
        self,
        shape: tuple[int, int, int],
        n_clusters: int,
        shallow_tap: ShallowTap = "pool1",
        deep_tap: DeepTap = "logits",
        head_bn: bool = True,
    ) -> None:
        super().__init__()
        if shape[1] != shape[2] or shape[1] not in SIDES:
            raise ValueError(f"images of {shape[1]} x {shape[2]}: this network takes squares of 32, 64 or 96 pixels")
        self.shape, self.n_clusters, self.head_bn = shape, n_clusters, head_bn
        self.shallow_tap, self.deep_tap = shallow_tap, deep_tap
        stem = nn.Conv2d(3, 64, 3) if shape[1] == 32 else nn.Conv2d(3, 64, 5, stride=2, padding=2)
        self.block1 = nn.Sequential(
            *(stem, BatchNorm(64), nn.ReLU(), nn.Conv2d(64, 64, 3), BatchNorm(64), nn.ReLU(), nn.MaxPool2d(2))
        )
        self.block2 = nn.Sequential(nn.Conv2d(64, 128, 3), BatchNorm(128), nn.ReLU())
        self.block3 = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(128, 256, 3), BatchNorm(256), nn.ReLU())
        self.fc = nn.Sequential(nn.Linear(256, FEATURES), BatchNorm(FEATURES), nn.ReLU())
        self.logits = nn.Linear(FEATURES, n_clusters)
        self.norm: nn.Module = BatchNorm(n_clusters) if head_bn else nn.Identity()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.eye_(module.weight)
                # In the released code, rows beyond the identity are 0, but outputs that start equal stay equal.
                nn.init.normal_(module.weight[module.in_features :], std=module.in_features**-0.5)
            if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        self.to(memory_format=torch.channels_last)

    @property
    def shallow_channels(self) -> int:
        """The number of channels of the shallow map."""
        return {"pool1": 64, "conv3": 128}[self.shallow_tap]

    @property
    def n_positions(self) -> int:
        """The number of positions in the shallow map, height times width."""
        side = (self.shape[1] - 2 if self.shape[1] == 32 else self.shape[1] // 2) - 2
        return {"pool1": side // 2, "conv3": side // 2 - 2}[self.shallow_tap] ** 2

    @property
    def deep_size(self) -> int:
        """The length of the deep vector."""
        return {"logits": self.n_clusters, "fc": FEATURES}[self.deep_tap]

    def forward(self, images: torch.Tensor) -> DccmOutput:
        """Run the network on images, float [B, 3, side, side] in [0, 1]; linear layers and softmax stay in float32."""
        pool1 = self.block1(images.contiguous(memory_format=torch.channels_last))
        conv3 = self.block2(pool1)
        conv = self.block3(conv3).float().mean(dim=(2, 3))
        with torch.autocast(images.device.type, enabled=False):
            features = self.fc(conv)
            logits = self.logits(features)
            probabilities = self.norm(logits).softmax(dim=1)
        shallow = {"pool1": pool1, "conv3": conv3}[self.shallow_tap]
        deep = {"logits": logits, "fc": features}[self.deep_tap]
        return DccmOutput(probabilities, shallow, deep, features, conv)

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Return images, uint8 [B, 1 or 3, H, W], as floats [B, 3, H, W] in [0, 1]."""
        return rgb(images)

    def layers(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the last convolution, averaged over the image, and the fully connected layer."""
        output = self(inputs)
        return {"conv": output.conv, "fc": output.features}

    def predict(self, inputs: torch.Tensor) -> Prediction:
        """Return the fully connected layer, and the most probable cluster."""
        output = self(inputs)
        return Prediction(output.features, output.probabilities.argmax(dim=1), output.features)

    @torch.no_grad()
    def calibrate(self, batches: Iterable[torch.Tensor]) -> None:
        """Measure the population's BatchNorm statistics on random batches, and switch to evaluation mode."""
        with population_statistics(self):
            for batch in batches:
                self(batch)

    def architecture(self) -> dict[str, Any]:
        """Return what is needed to rebuild this network and to prepare its input."""
        return {
            "name": "dccm_cnn",
            "shape": list(self.shape),
            "n_clusters": self.n_clusters,
            "shallow_tap": self.shallow_tap,
            "deep_tap": self.deep_tap,
            "head_bn": self.head_bn,
            "embedding_size": FEATURES,
            "embedding": "fc: the fully connected layer of size 64, after BatchNorm and ReLU",
            "batch_norm": "population statistics, measured on the training images after the last epoch",
            "preprocessing": "uint8 pixels divided by 255, gray in all three channels",
        }


class Discriminator(nn.Module):
    """Scores how well maps and vectors match, at every position of the map, by 1x1 convolutions without bias.

    Parameters
    ----------
    channels : int
        The number of channels of the shallow map.
    size : int
        The length of the deep vector.
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.first = nn.Linear(channels + size, 512, bias=False)
        self.rest = nn.Sequential(
            nn.ReLU(inplace=True), nn.Linear(512, 512, bias=False), nn.ReLU(inplace=True), nn.Linear(512, 1, bias=False)
        )

    def forward(self, shallow: torch.Tensor, deep: torch.Tensor, partners: torch.Tensor) -> torch.Tensor:
        """Return the scores of each image's vector with the maps of its partners.

        Parameters
        ----------
        shallow : Tensor, shape (B, C, h, w) or (B, C, positions)
        deep : Tensor, shape (B, d)
        partners : Tensor of int64, shape (B, m)

        Returns
        -------
        scores : Tensor of float32, shape (B, m, positions)
        """
        maps = shallow.flatten(2).transpose(1, 2)[partners]
        vectors = deep.to(maps.dtype)[:, None, None].expand(*maps.shape[:3], -1)
        hidden = self.first(torch.cat([maps, vectors], dim=3))
        scores: torch.Tensor = self.rest(hidden).squeeze(3).float()
        return scores
