"""What every network in this project can do: take images as they are stored, and embed them."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import nn

from raycluster.data.canvas import Canvas, Fit


class Network(nn.Module, ABC):
    """A network that turns images into embeddings.

    Attributes
    ----------
    shape : tuple of int
        Channels, height and width of the images it takes.
    fit : {"pad", "crop"}
        How images of another aspect are brought to that shape.
    value_range : (float, float) or None
        What becomes black and white in images of more than 8 bits.
    embedding_size : int
        d, the length of an embedding.
    """

    shape: tuple[int, int, int]
    embedding_size: int
    fit: Fit = "pad"
    value_range: tuple[float, float] | None = None

    @property
    def canvas(self) -> Canvas:
        """How images are brought to its shape."""
        return Canvas(*self.shape, self.fit, self.value_range)

    @abstractmethod
    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Return images, uint8 [B, C, H, W], as the floats in [0, 1] that the network takes."""

    @abstractmethod
    def layers(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the features, float32 [B, d], of prepared images by layer name; the embedding comes last."""

    def embed_images(self, images: torch.Tensor) -> torch.Tensor:
        """Return the embeddings, float32 [B, d], of images, uint8 [B, C, H, W], as a run saves them."""
        return list(self.layers(self.prepare(images)).values())[-1]
