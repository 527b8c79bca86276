"""ConCURL's network: a trunk with two parallel heads, one of which is followed by prototypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from raycluster.methods.network import MethodNetwork
from raycluster.nn.network import Prediction
from raycluster.nn.pixels import rgb
from raycluster.nn.resnet import MEAN, STD, build_trunk, default_trunk
from raycluster.nn.trunks import Trunk

NCE_SIZE = 128  # d
HEAD_SIZE = 256  # D
HEAD_WIDTH = 2048


class ConcurlOutput(NamedTuple):
    """The result of a forward pass, all in float32.

    Attributes
    ----------
    features : Tensor, shape (B, 512 or 2048)
        h, the output of the trunk.
    nce : Tensor, shape (B, 128)
        e, the NCE embedding, of unit length.
    head : Tensor, shape (B, 256)
        z, the projection, not normalized.
    cosines : Tensor, shape (B, K)
        Between z and the prototypes.
    """

    features: torch.Tensor
    nce: torch.Tensor
    head: torch.Tensor
    cosines: torch.Tensor


def mlp_head(features: int, width: int = HEAD_WIDTH) -> nn.Module:
    """Return the projection head, with one hidden layer, by default the paper's."""
    return nn.Sequential(nn.Linear(features, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, HEAD_SIZE))


class TwoHeads(MethodNetwork):
    """A trunk, and on its features an NCE embedding, a projection, and cosines of the projection to K prototypes.

    Parameters
    ----------
    trunk : Module
    features : int
        How many it returns.
    n_clusters : int
        K.
    new_head : callable
        Takes the number of features, and returns the layers from features to projections of 256 numbers.

    Attributes
    ----------
    clustering : str or None
        The reported clustering, to whose clusters new images are assigned; None until training ends.
    nce_centroids, head_centroids : Tensor, shapes (K, 128) and (K, 256)
        From k-means at the end of training, so that new images can be assigned; zero until then.
    """

    assigns = True
    nce_centroids: torch.Tensor
    head_centroids: torch.Tensor

    def __init__(
        self,
        trunk: nn.Module,
        features: int,
        n_clusters: int,
        new_head: Callable[[int], nn.Module],
    ) -> None:
        super().__init__()
        self.n_clusters = n_clusters
        self.clustering: str | None = None
        self.trunk = trunk
        self.nce_head = nn.Linear(features, NCE_SIZE)
        self.head = new_head(features)
        self.prototypes = nn.Linear(HEAD_SIZE, n_clusters, bias=False)
        self.normalize_prototypes()
        self.register_buffer("nce_centroids", torch.zeros(n_clusters, NCE_SIZE))
        self.register_buffer("head_centroids", torch.zeros(n_clusters, HEAD_SIZE))

    def forward(self, inputs: torch.Tensor) -> ConcurlOutput:
        """Run the network on what the trunk takes; all after the trunk stays in float32."""
        features = self.trunk(inputs).float()
        with torch.autocast(features.device.type, enabled=False):
            head = self.head(features)
            nce = F.normalize(self.nce_head(features), dim=1)
            return ConcurlOutput(features, nce, head, F.normalize(head, dim=1) @ self.prototypes.weight.T)

    def embedding(self, output: ConcurlOutput) -> torch.Tensor:
        """Return the embedding that a run exports, of unit length."""
        return output.nce

    @torch.no_grad()
    def normalize_prototypes(self) -> None:
        """Scale the prototypes to unit length."""
        self.prototypes.weight.copy_(F.normalize(self.prototypes.weight, dim=1))

    @torch.no_grad()
    def assign(self, output: ConcurlOutput, clustering: str) -> torch.Tensor:
        """Return the clusters, int64 [B], of images in one of the run's clusterings, independently for each image.

        An image goes to the nearest centroid, or for ``outcode`` to the nearest prototype. ``q_code`` also uses the
        nearest prototype, because balancing is only defined for a whole set of images.
        """
        if clustering == "nce_embeddings":
            return torch.cdist(output.nce, self.nce_centroids).argmin(dim=1)
        if clustering == "clust_head":
            return torch.cdist(output.head, self.head_centroids).argmin(dim=1)
        return output.cosines.argmax(dim=1)

    def layers(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the trunk's features, the projection and the NCE embedding."""
        output = self(inputs)
        return {"trunk": output.features, "head": output.head, "nce": output.nce}

    def predict(self, inputs: torch.Tensor) -> Prediction:
        """Return embeddings, and clusters in the reported clustering."""
        output, clustering = self(inputs), self.clustering or ""
        clustered = output.nce if clustering == "nce_embeddings" else output.head
        return Prediction(self.embedding(output), self.assign(output, clustering), clustered)


class ConcurlNet(TwoHeads):
    """From images to an NCE embedding, a projection, and cosines to K prototypes.

    Parameters
    ----------
    shape : (channels, height, width) of the images
    n_clusters : int
        K.
    trunk : str, optional
        By default the one from :func:`raycluster.nn.resnet.default_trunk`.
    """

    embedding_size = NCE_SIZE
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, shape: tuple[int, int, int], n_clusters: int, trunk: Trunk | None = None) -> None:
        name = trunk or default_trunk(shape[1])
        super().__init__(*build_trunk(name), n_clusters, mlp_head)
        self.shape, self.trunk_name = shape, name
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: torch.Tensor) -> ConcurlOutput:
        """Run the network on images, float [B, 3, height, width] in [0, 1]."""
        return super().forward(((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last))

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Return images, uint8 [B, 1 or 3, H, W], as floats [B, 3, H, W] in [0, 1]."""
        return rgb(images)

    def architecture(self) -> dict[str, Any]:
        """Return what is needed to rebuild this network and to prepare its input."""
        reported = {} if self.clustering is None else {"clustering": self.clustering}
        return reported | {
            "name": "concurl_resnet",
            "shape": list(self.shape),
            "n_clusters": self.n_clusters,
            "trunk": self.trunk_name,
            "embedding_size": NCE_SIZE,
            "embedding": "the NCE head, of unit length",
            "preprocessing": "uint8 pixels divided by 255, gray in all three channels; the network normalizes them",
        }
