"""ConCURL's heads on the features of a pretrained network, the only part that is trained."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from raycluster.methods.concurl.network import HEAD_SIZE, NCE_SIZE, ConcurlOutput, TwoHeads, mlp_head
from raycluster.methods.frozen_features import principal_directions
from raycluster.nn.backbone.network import Backbone

WIDTH = 512  # of the hidden layer


class Scale(nn.Module):
    """Multiply by a number: features of unit length are too short for the usual learning rates."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the features, times the factor."""
        return features * self.factor


class FeatureHeads(TwoHeads):
    """From features to an NCE embedding, a projection through fewer hidden units, and cosines to K prototypes.

    The projection, scaled to unit length, is the embedding that a run exports.

    Parameters
    ----------
    features : int
        How many there are.
    n_clusters : int
        K.
    """

    embedding_size = HEAD_SIZE

    def __init__(self, features: int, n_clusters: int) -> None:
        super().__init__(Scale(features**0.5), features, n_clusters, partial(mlp_head, width=WIDTH))

    def start_from(self, features: np.ndarray) -> None:
        """Let the NCE embedding begin with the principal directions of all features, float32 [n, d]."""
        directions = principal_directions(features, NCE_SIZE)
        with torch.no_grad():
            self.nce_head.weight.zero_()
            self.nce_head.weight[: len(directions)].copy_(torch.from_numpy(directions))
            self.nce_head.bias.zero_()

    def embedding(self, output: ConcurlOutput) -> torch.Tensor:
        """Return projections of unit length."""
        return F.normalize(output.head, dim=1)

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Return features as a feed has them, [B, d, 1, 1], as rows."""
        return images.flatten(1)

    def architecture(self) -> dict[str, Any]:
        """Return what is needed to rebuild these heads."""
        reported = {} if self.clustering is None else {"clustering": self.clustering}
        return {"name": "concurl_head", "n_clusters": self.n_clusters} | reported


class ConcurlHead(FeatureHeads):
    """From images to projections and clusters: a pretrained network as it came, and trained heads.

    Parameters
    ----------
    backbone : Backbone
    n_clusters : int
        K.
    """

    def __init__(self, backbone: Backbone, n_clusters: int) -> None:
        super().__init__(backbone.embedding_size, n_clusters)
        self.trunk, self.backbone = nn.Sequential(backbone, self.trunk), backbone
        self.shape, self.fit, self.value_range = backbone.shape, backbone.fit, backbone.value_range
        self.crop_share, self.interpolation = backbone.crop_share, backbone.interpolation

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Return images, uint8 [B, 1 or 3, H, W], as floats [B, 3, H, W] in [0, 1]."""
        return self.backbone.prepare(images)

    def architecture(self) -> dict[str, Any]:
        """Return what is needed to rebuild this network and to prepare its input."""
        return super().architecture() | {"backbone": self.backbone.architecture()}
