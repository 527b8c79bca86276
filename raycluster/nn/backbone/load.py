"""A pretrained network, ready to embed: its weights from a file, or from where its library publishes them."""

from __future__ import annotations

from pathlib import Path

import torch

from raycluster.errors import UserError
from raycluster.nn.backbone.download import published_weights
from raycluster.nn.backbone.libraries import in_names_of
from raycluster.nn.backbone.network import Backbone
from raycluster.nn.backbone.weights import NOT_WEIGHTS, read_weights

SHOWN_KEYS = 3
PROBES = 8  # images of noise, which show whether a network can take their size


def load_backbone(name: str, weights: Path | None = None, image_size: int | None = None) -> tuple[Backbone, Path]:
    """Build a network of timm or torchvision with pretrained weights, ready to predict.

    Parameters
    ----------
    name : str
    weights : Path, optional
        Safetensors, or a state dict that ``torch.load`` reads without unpickling anything but tensors, with the names
        of the library; the classifier may be present or not. By default the published weights, from this machine or
        from the network.
    image_size : int, optional

    Returns
    -------
    net : Backbone
    weights : Path
        The file with its weights.

    Raises
    ------
    UserError
        If there is no such network, its weights are out of reach, or they do not fit it; the message names the keys.
    """
    net = Backbone(name, image_size)
    path = weights or published_weights(net.library, name)
    state = read_weights(path)
    try:
        state = in_names_of(net.library, state, net.trunk)
    except NOT_WEIGHTS as error:
        raise UserError(f"{path} does not contain the weights of {name} ({type(error).__name__}: {error}).") from None
    state = {key: value for key, value in state.items() if not key.startswith(tuple(f"{c}." for c in net.classifiers))}
    # A published file may hold more than the trunk. In one that somebody names, more means another network.
    _check_fits(net.trunk.state_dict(), state, f"{path} does not contain the weights of {name}", weights is not None)
    net.trunk.load_state_dict(state, strict=False)
    side = net.shape[1]
    try:
        with torch.inference_mode():
            embeddings = net.eval()(torch.rand(PROBES, *net.shape, generator=torch.Generator().manual_seed(0)))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise UserError(f"--image-size {side}: {name} does not support this size ({error}).") from None
    if not torch.isfinite(embeddings).all(dim=1).any():
        raise UserError(f"--image-size {side}: all features that {name} finds in such small images are 0: choose more.")
    return net, path


def _check_fits(expected: dict[str, torch.Tensor], state: dict[str, torch.Tensor], wrong: str, exactly: bool) -> None:
    # Counters of training steps are missing in old files, and have no effect here.
    missing = [key for key in expected if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in expected] if exactly else []
    misshapen = [
        f"{key} is {tuple(state[key].shape)} instead of {tuple(expected[key].shape)}"
        for key in expected
        if key in state and state[key].shape != expected[key].shape
    ]
    problems = [f"missing: {_first(missing)}"] if missing else []
    problems += [f"unexpected: {_first(unexpected)}"] if unexpected else []
    problems += [_first(misshapen)] if misshapen else []
    if problems:
        raise UserError(f"{wrong}: {'; '.join(problems)}.")


def _first(texts: list[str]) -> str:
    more = f" and {len(texts) - SHOWN_KEYS} more" if len(texts) > SHOWN_KEYS else ""
    return ", ".join(texts[:SHOWN_KEYS]) + more
