"""A network of timm or torchvision that embeds images."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch

from raycluster.data.canvas import Fit
from raycluster.nn.backbone.libraries import Library, Preparation, build_headless, library_of
from raycluster.nn.network import Network
from raycluster.nn.pixels import rgb
from raycluster.nn.precision import mixed_precision


class Backbone(Network):
    """From images to the features before the classifier, scaled to length 1.

    All of these networks are compared by cosine: distances between vectors of length 1 rank as cosines do.

    Parameters
    ----------
    name : str
        The name of a network, as in its library.
    image_size : int, optional
        Side of the squares that images are brought to; by default what the network was made for.
    library : {"timm", "torchvision"}, optional
        By default found by the name.

    Attributes
    ----------
    shape : (3, side, side)
    classifiers : tuple of str
        The names of the layers that were removed.
    license : str
        Of the published weights, as far as it is known.

    Raises
    ------
    UserError
        If there is no such network.
    """

    ARCHITECTURE = "backbone"
    fit: Fit = "crop"
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, name: str, image_size: int | None = None, library: Library | None = None) -> None:
        super().__init__()
        self.name, self.library = name, library or library_of(name)
        net, preparation, self.classifiers, self.license = build_headless(self.library, name, image_size)
        self.trunk = net.to(memory_format=torch.channels_last)
        self._prepare_as(preparation)

    def _prepare_as(self, preparation: Preparation) -> None:
        self._preparation, self.shape = preparation, (3, preparation.side, preparation.side)
        self.crop_share, self.interpolation = preparation.crop_share, preparation.interpolation
        self.register_buffer("mean", torch.tensor(preparation.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(preparation.std).view(3, 1, 1), persistent=False)

    @classmethod
    def rebuild(cls, architecture: Mapping[str, Any]) -> Backbone:
        """Build the network that an architecture describes, whose preparation counts, not the library's of today."""
        side, share, method, mean, std = (architecture[name] for name in Preparation._fields)
        net = cls(architecture["network"], side, architecture["library"])
        net._prepare_as(Preparation(side, share, method, tuple(mean), tuple(std)))
        return net

    def architecture(self) -> dict[str, Any]:
        """Return what is needed to build this network again and to prepare its input, fit for JSON."""
        named = {"name": self.ARCHITECTURE, "library": self.library, "network": self.name, "license": self.license}
        return named | self._preparation._asdict() | {"fit": self.fit, "value_range": self.value_range}

    @cached_property
    @torch.inference_mode()
    def embedding_size(self) -> int:  # type: ignore[override]
        """The number of features that the trunk outputs."""
        pixels = torch.zeros(1, *self.shape, dtype=torch.uint8, device=self.mean.device)
        return int(self.embed_images(pixels).shape[1])

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Return images, uint8 [B, 1 or 3, H, W], as floats [B, 3, H, W] in [0, 1]."""
        return rgb(images)

    def layers(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the embedding, which is all there is."""
        return {"embedding": self(inputs)}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the embeddings, float32 [B, d], of images, float [B, 3, side, side] in [0, 1].

        Where all features are 0 there is no direction, and the embedding is not a number.
        """
        inputs = ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        with mixed_precision(inputs.device) if inputs.is_cuda else contextlib.nullcontext():
            features: torch.Tensor = self.trunk(inputs)
        features = features.flatten(1).float()
        return features / features.norm(dim=1, keepdim=True)
