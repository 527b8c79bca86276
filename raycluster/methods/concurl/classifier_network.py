"""The network of the preset ``fast``: a trunk, a projection with many prototypes, and a classifier of K clusters."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from raycluster.data.feed import ResidentFeed
from raycluster.methods.concurl.network import HEAD_WIDTH
from raycluster.methods.network import MethodNetwork
from raycluster.nn.network import Prediction
from raycluster.nn.pixels import rgb
from raycluster.nn.resnet import MEAN, STD, build_trunk, default_trunk
from raycluster.nn.trunks import Trunk

PROJECTION_SIZE = 128
EVAL_BATCH = 250


class ClassifierOutput(NamedTuple):
    """The result of a forward pass, all in float32.

    Attributes
    ----------
    features : Tensor, shape (B, 512 or 2048)
        The output of the trunk.
    projection : Tensor, shape (B, 128)
        Of unit length; the embedding.
    cosines : Tensor, shape (B, P)
        Between projections and prototypes.
    logits : Tensor, shape (B, K)
        Of the classifier. Their gradient does not reach the trunk.
    """

    features: torch.Tensor
    projection: torch.Tensor
    cosines: torch.Tensor
    logits: torch.Tensor


class ClassifierNet(MethodNetwork):
    """From images to projections, cosines to P prototypes, and logits of K clusters.

    Parameters
    ----------
    shape : (channels, height, width) of the images
    n_clusters : int
        K.
    prototypes : int
        P.
    trunk : str, optional
        By default the one from :func:`raycluster.nn.resnet.default_trunk`.
    """

    assigns = True
    embedding_size = PROJECTION_SIZE
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self, shape: tuple[int, int, int], n_clusters: int, prototypes: int, trunk: Trunk | None = None
    ) -> None:
        super().__init__()
        self.shape, self.n_clusters, self.trunk_name = shape, n_clusters, trunk or default_trunk(shape[1])
        self.trunk, features = build_trunk(self.trunk_name)
        self.head = nn.Sequential(
            nn.Linear(features, HEAD_WIDTH),
            nn.BatchNorm1d(HEAD_WIDTH),
            nn.ReLU(),
            nn.Linear(HEAD_WIDTH, PROJECTION_SIZE),
        )
        self.prototypes = nn.Linear(PROJECTION_SIZE, prototypes, bias=False)
        self.normalize_prototypes()
        self.classifier = nn.Linear(features, n_clusters)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: torch.Tensor) -> ClassifierOutput:
        """Run the network on images, float [B, 3, height, width] in [0, 1]; all after the trunk stays in float32."""
        normalized = ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        features = self.trunk(normalized).float()
        with torch.autocast(features.device.type, enabled=False):
            projection = F.normalize(self.head(features), dim=1)
            cosines = projection @ self.prototypes.weight.T
            return ClassifierOutput(features, projection, cosines, self.classifier(features.detach()))

    @torch.no_grad()
    def normalize_prototypes(self) -> None:
        """Scale the prototypes to unit length."""
        self.prototypes.weight.copy_(F.normalize(self.prototypes.weight, dim=1))

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Return images, uint8 [B, 1 or 3, H, W], as floats [B, 3, H, W] in [0, 1]."""
        return rgb(images)

    def layers(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the trunk's features, and the projection."""
        output = self(inputs)
        return {"trunk": output.features, "projection": output.projection}

    def predict(self, inputs: torch.Tensor) -> Prediction:
        """Return the projection, and the most probable cluster."""
        output = self(inputs)
        return Prediction(output.projection, output.logits.argmax(dim=1), output.features)

    def architecture(self) -> dict[str, Any]:
        """Return what is needed to rebuild this network and to prepare its input."""
        return {
            "name": "concurl_classifier",
            "shape": list(self.shape),
            "n_clusters": self.n_clusters,
            "prototypes": self.prototypes.out_features,
            "trunk": self.trunk_name,
            "embedding_size": PROJECTION_SIZE,
            "embedding": "the projection, of unit length",
            "preprocessing": "uint8 pixels divided by 255, gray in all three channels; the network normalizes them",
        }


@torch.inference_mode()
def classify(net: ClassifierNet, pixels: np.ndarray) -> np.ndarray:
    """Return the most probable clusters, int64 [n], of images, uint8 [n, C, H, W]."""
    batches = ResidentFeed(pixels).eval_batches(EVAL_BATCH)
    return torch.cat([net(net.prepare(batch.images)).logits.argmax(dim=1) for batch in batches]).numpy()
