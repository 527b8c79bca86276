"""A head on the features of a pretrained network: a linear embedding of unit length, the only part that is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from raycluster.methods.frozen_features import principal_directions
from raycluster.methods.network import MethodNetwork
from raycluster.nn.backbone.network import Backbone

EMBEDDING_SIZE = 160
# With SGD and unit embeddings, weights that are c times as large learn as with a learning rate that is 1 / c^2 of it.
SCALE = 0.1**0.5


class FeatureHead(nn.Linear):
    """From features to unit embeddings of at most 160 numbers.

    Parameters
    ----------
    features : int
    """

    def __init__(self, features: int) -> None:
        super().__init__(features, min(features, EMBEDDING_SIZE))

    def start_from(self, features: np.ndarray) -> None:
        """Begin with the principal directions of all features, float32 [n, d].

        Cosines between embeddings are then those between features, as far as so few dimensions can keep them. (Random
        directions lose more, and what is trained from them is worse than the features.)
        """
        directions = principal_directions(features, self.out_features)
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(directions * SCALE))
            self.bias.zero_()

    def prepare(self, features: torch.Tensor) -> torch.Tensor:
        """Return features as a feed has them, [B, d, 1, 1], as rows."""
        return features.flatten(1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return unit embeddings, float32 [B, 160], of features, float32 [B, d]."""
        return F.normalize(super().forward(features).float(), dim=1)


class JuleHead(MethodNetwork):
    """From images to embeddings on the unit sphere: a pretrained network as it came, and a head.

    Parameters
    ----------
    backbone : Backbone
    head : FeatureHead, optional
        By default a new one.
    """

    def __init__(self, backbone: Backbone, head: FeatureHead | None = None) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head or FeatureHead(backbone.embedding_size)
        self.shape, self.embedding_size = backbone.shape, self.head.out_features
        self.fit, self.value_range = backbone.fit, backbone.value_range
        self.crop_share, self.interpolation = backbone.crop_share, backbone.interpolation

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Return images, uint8 [B, 1 or 3, H, W], as floats [B, 3, H, W] in [0, 1]."""
        return self.backbone.prepare(images)

    def layers(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the features and the embedding."""
        features = self.backbone(inputs)
        return {"features": features, "embedding": self.head(features)}

    def architecture(self) -> dict[str, Any]:
        """Return what is needed to rebuild this network and to prepare its input."""
        return {"name": "jule_head", "backbone": self.backbone.architecture()}
