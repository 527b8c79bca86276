"""Torchvision networks without their classifier, with weights from a file."""

from __future__ import annotations

import pickle
import struct
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from raycluster.errors import UserError
from raycluster.nn.network import Network
from raycluster.nn.pixels import rgb
from raycluster.nn.resnet import MEAN, STD

SHOWN_KEYS = 3
# What the readers raise if a file does not contain weights.
NOT_WEIGHTS = (
    *(SafetensorError, pickle.UnpicklingError, struct.error),
    *(RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError),
)


class Backbone(Network):
    """From images to the features before the classifier.

    Parameters
    ----------
    name : str
        The name of a torchvision classifier.
    image_size : int
        Side of the squares that images are resized to.

    Attributes
    ----------
    shape : (3, image_size, image_size)
    classifier : str
        The name of the layer that was removed: the last linear one.

    Raises
    ------
    UserError
        If torchvision has no such classifier.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, name: str, image_size: int = 224) -> None:
        super().__init__()
        if not has_backbone(name):
            raise UserError(f"torchvision has no classifier named {name}: choose one such as resnet18 or resnet50.")
        self.name, self.shape = name, (3, image_size, image_size)
        with torch.random.fork_rng(devices=[]):  # the random weights are about to be replaced
            self.trunk = torchvision.models.get_model(name, weights=None)
        linear = [path for path, module in self.trunk.named_modules() if isinstance(module, nn.Linear)]
        if not linear:
            raise UserError(f"{name} has no linear layer whose input could be the embedding: choose another model.")
        self.classifier = linear[-1]
        parent, _, last = self.classifier.rpartition(".")
        setattr(self.trunk.get_submodule(parent), last, nn.Identity())
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

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
        """Return the features before the classifier."""
        return {"features": self(inputs)}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the features, float32 [B, d], of images, float [B, 3, image_size, image_size] in [0, 1]."""
        features: torch.Tensor = self.trunk((images - self.mean) / self.std)
        return features.flatten(1).float()


def has_backbone(name: str) -> bool:
    """Return whether torchvision has a classifier of this name."""
    return name in torchvision.models.list_models(module=torchvision.models)


def load_backbone(name: str, weights: Path, image_size: int = 224) -> Backbone:
    """Build a torchvision network with the weights in a file, ready to predict.

    Parameters
    ----------
    name : str
    weights : Path
        Safetensors, or a state dict that ``torch.load`` reads without unpickling anything but tensors. The keys are
        torchvision's, which timm's ResNets share; those of the classifier may be present or not.
    image_size : int

    Raises
    ------
    UserError
        If there is no such network, or the weights do not fit it; the message names the keys.
    """
    net = Backbone(name, image_size)
    state = read_weights(weights)
    state = {key: value for key, value in state.items() if not key.startswith(f"{net.classifier}.")}
    expected = net.trunk.state_dict()
    # Counters of training steps are missing in old files, and have no effect here.
    missing = [key for key in expected if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in expected]
    misshapen = [
        f"{key} is {tuple(state[key].shape)} instead of {tuple(expected[key].shape)}"
        for key in expected
        if key in state and state[key].shape != expected[key].shape
    ]
    problems = [f"missing: {_first(missing)}"] if missing else []
    problems += [f"unexpected: {_first(unexpected)}"] if unexpected else []
    problems += [_first(misshapen)] if misshapen else []
    if problems:
        raise UserError(f"{weights} does not contain the weights of {name}: {'; '.join(problems)}.")
    net.trunk.load_state_dict(state, strict=False)
    try:
        with torch.inference_mode():
            net.eval()(torch.zeros(1, *net.shape))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise UserError(f"--image-size {image_size}: {name} does not support this size ({error}).") from None
    return net


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors in a weights file by key; no code in the file is ever executed.

    Raises
    ------
    UserError
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"The weights {path} cannot be read: {error.strerror or error}.") from None
    except NOT_WEIGHTS as error:
        reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        raise UserError(
            f"{path} contains no weights that can be read safely ({reason}): save the network's state_dict() with "
            "safetensors or torch.save."
        ) from None
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in content.items()
    ):
        raise UserError(f"{path} is not a state dict (tensors by name): save the network's state_dict().")
    return content


def _first(texts: list[str]) -> str:
    more = f" and {len(texts) - SHOWN_KEYS} more" if len(texts) > SHOWN_KEYS else ""
    return ", ".join(texts[:SHOWN_KEYS]) + more
