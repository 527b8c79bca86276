"""The networks of timm and torchvision: built without their classifier, with what each library says of their input."""

from __future__ import annotations

import contextlib
import difflib
import sys
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from raycluster.data.canvas import Interpolation
from raycluster.errors import UserError

Library = Literal["timm", "torchvision"]
NO_TIMM = "pip install timm, or choose one of torchvision's, such as resnet50."
# timm names the size of DINOv2's short last phase of training, 518; its authors evaluate at 224, an eighth of the work.
SIDES = {"dinov2": 224}
SUGGESTIONS = 3


class Preparation(NamedTuple):
    """How images become the input of a network.

    Attributes
    ----------
    side : int
        Of the square images that it takes.
    crop_share : float
        How much of the largest central square is shown, along each side.
    interpolation : {"bilinear", "bicubic"}
    mean, std : tuple of float, length 3
        Of each channel, for values from 0 to 1.
    """

    side: int
    crop_share: float
    interpolation: Interpolation
    mean: tuple[float, ...]
    std: tuple[float, ...]


class Headless(NamedTuple):
    """A network with random weights, without its classifier.

    Attributes
    ----------
    net : nn.Module
        From images, float [B, 3, side, side], to features [B, ...].
    preparation : Preparation
    classifiers : tuple of str
        The names of the layers that were removed.
    license : str
        Of the weights; empty if it is unknown.
    """

    net: nn.Module
    preparation: Preparation
    classifiers: tuple[str, ...]
    license: str


def library_of(name: str) -> Library:
    """Return the library that has a network of this name.

    A name that torchvision has is torchvision's, whether timm is installed or not. timm's networks can be named with
    their tag, such as ``resnet50.a1_in1k``, which torchvision's names do not have.

    Raises
    ------
    UserError
        If neither has it.
    """
    if name in _torchvision_names():
        return "torchvision"
    timm = _import_timm(name)
    if timm.is_model(name.partition(".")[0]):
        with contextlib.suppress(RuntimeError):  # there is no such tag
            timm.get_pretrained_cfg(name)
            return "timm"
    known = [*_torchvision_names(), *timm.list_models(pretrained=True)]
    similar = difflib.get_close_matches(name, known, SUGGESTIONS, cutoff=0.5)
    hint = f"did you mean {' or '.join(similar)}?" if similar else "choose one such as resnet50."
    raise UserError(f"Neither timm nor torchvision has a network named {name}: {hint}")


def build_headless(library: Library, name: str, side: int | None = None) -> Headless:
    """Build a network for square images of ``side`` pixels, by default those that it was made for.

    Raises
    ------
    UserError
        If it is not clear which of its layers is the classifier.
    """
    with torch.random.fork_rng(devices=[]):  # the random weights are about to be replaced
        return _timm_network(name, side) if library == "timm" else _torchvision_network(name, side)


def in_names_of(library: Library, state: dict[str, torch.Tensor], net: nn.Module) -> dict[str, torch.Tensor]:
    """Return weights by the names that the network has for them, in its sizes.

    timm knows what its networks are called elsewhere, as in the files of the DINOv2 authors, and resizes position
    embeddings to the size of the images.
    """
    convert = getattr(sys.modules[type(net).__module__], "checkpoint_filter_fn", None) if library == "timm" else None
    converted: dict[str, torch.Tensor] = convert(state, net) if convert else state
    return converted


def _torchvision_names() -> list[str]:
    import torchvision  # takes seconds, and most runs do without

    return torchvision.models.list_models(module=torchvision.models)  # the classifiers


def _torchvision_network(name: str, side: int | None) -> Headless:
    import torchvision

    transform = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    (own_side,) = set(transform.crop_size)
    sized = {"image_size": own_side} if name.startswith("vit_") else {}  # their weights depend on it
    net = torchvision.models.get_model(name, weights=None, **sized)
    linear = [path for path, module in net.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise UserError(f"{name} has no linear layer whose input could be the embedding: choose another network.")
    parent, _, last = linear[-1].rpartition(".")
    setattr(net.get_submodule(parent), last, nn.Identity())
    share = own_side / transform.resize_size[0]
    method = _interpolation(transform.interpolation.value)
    preparation = Preparation(side or own_side, share, method, tuple(transform.mean), tuple(transform.std))
    return Headless(net, preparation, (linear[-1],), "")


def _timm_network(name: str, side: int | None) -> Headless:
    timm = _import_timm(name)
    config = timm.get_pretrained_cfg(name)
    side = side or next((side for family, side in SIDES.items() if family in name), None)
    resized = {"img_size": side} if side and config.fixed_input_size and side != config.input_size[-1] else {}
    net = timm.create_model(name, pretrained=False, num_classes=0, **resized)
    data: Mapping[str, Any] = timm.data.resolve_model_data_config(net)
    preparation = Preparation(
        side or data["input_size"][-1],
        data["crop_pct"],
        _interpolation(data["interpolation"]),
        tuple(data["mean"]),
        tuple(data["std"]),
    )
    removed = config.classifier or ()
    return Headless(net, preparation, (removed,) if isinstance(removed, str) else tuple(removed), config.license or "")


def _interpolation(name: str) -> Interpolation:
    return "bicubic" if name == "bicubic" else "bilinear"


def _import_timm(name: str) -> Any:
    try:
        import timm
        import timm.data
    except ImportError:
        raise UserError(f"The network {name} would be one of timm's, which is not installed: {NO_TIMM}") from None
    return timm
