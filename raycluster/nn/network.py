"""What every network in this project can do: take images as they are stored, and embed them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import torch
from torch import nn

from raycluster.data.canvas import Canvas, Fit, Interpolation


class Prediction(NamedTuple):
    """What a trained network makes of a batch of images.

    Attributes
    ----------
    embeddings : Tensor of float32, shape (B, d)
    clusters : Tensor of int64, shape (B,), or None
        None where an image's cluster is that of the nearest image of the run.
    clustered : Tensor of float32, shape (B, m), or None
        The features that the clusters were found in, where these are not the embeddings.
    """

    embeddings: torch.Tensor
    clusters: torch.Tensor | None = None
    clustered: torch.Tensor | None = None


class Network(nn.Module, ABC):
    """A network that turns images into embeddings, and may assign them to clusters.

    Attributes
    ----------
    shape : tuple of int
        Channels, height and width of the images it takes.
    fit, value_range, crop_share, interpolation
        How images are brought to that shape, as in :class:`raycluster.data.canvas.Canvas`.
    embedding_size : int
        d, the length of an embedding.
    assigns : bool
        Whether the network itself gives an image its cluster.
    n_clusters : int
        K, where it does.
    largest_batch : int, optional
        How many images fit into the memory of the device, once more have been tried.
    """

    shape: tuple[int, int, int]
    embedding_size: int
    fit: Fit = "pad"
    value_range: tuple[float, float] | None = None
    crop_share: float = 1.0
    interpolation: Interpolation = "bilinear"
    assigns = False
    n_clusters: int
    largest_batch: int | None = None

    @property
    def canvas(self) -> Canvas:
        """How images are brought to its shape."""
        return Canvas(*self.shape, self.fit, self.value_range, self.crop_share, self.interpolation)

    @abstractmethod
    def architecture(self) -> dict[str, Any]:
        """Return what is needed to build this network again and to prepare its input, fit for JSON."""

    @abstractmethod
    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Return images, uint8 [B, C, H, W], as the floats in [0, 1] that the network takes."""

    @abstractmethod
    def layers(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the features, float32 [B, d], of prepared images by layer name; the embedding comes last."""

    def embed_images(self, images: torch.Tensor) -> torch.Tensor:
        """Return the embeddings, float32 [B, d], of images, uint8 [B, C, H, W], as a run saves them."""
        return list(self.layers(self.prepare(images)).values())[-1]

    def predict(self, inputs: torch.Tensor) -> Prediction:
        """Return the embeddings of prepared images, and their clusters where the network assigns them."""
        return Prediction(list(self.layers(inputs).values())[-1])
