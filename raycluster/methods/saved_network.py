"""The network of a finished run, rebuilt from its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors import SafetensorError
from torch.optim.swa_utils import update_bn

from raycluster.errors import UserError
from raycluster.methods import METHODS, find_method
from raycluster.methods.network import MethodNetwork
from raycluster.metrics.label_free import sample_rows
from raycluster.nn.backbone.network import Backbone
from raycluster.nn.network import Network
from raycluster.runtime.tensor_file import load_tensors

BATCH = 500  # images whose statistics are measured together


def load_network(folder: Path) -> Network:
    """Rebuild the network of a run, ready to predict.

    Parameters
    ----------
    folder : Path
        The ``model/`` folder of a run, with ``model.json`` and ``model.safetensors``.

    Raises
    ------
    UserError
        If there is no model, or it cannot be read or is damaged.
    """
    if not (folder / "model.json").exists() or not (folder / "model.safetensors").exists():
        raise UserError(f"{folder} does not have model.json and model.safetensors: name the folder of a finished run.")
    try:
        architecture = json.loads((folder / "model.json").read_text())
        net = _build(architecture, folder)
        net.load_state_dict(load_tensors(folder / "model.safetensors"))
        net.fit = architecture.get("fit", net.fit)
        if architecture.get("value_range"):
            low, high = architecture["value_range"]
            net.value_range = low, high
    except OSError as error:
        raise UserError(
            f"The network in {folder} cannot be read: {error.strerror or error}. Make its files readable, or name the "
            "folder of another finished run."
        ) from None
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        if isinstance(error, UserError):
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")
        raise UserError(f"The network in {folder} is damaged ({reason}): name the folder of a finished run.") from None
    return net.eval()


def untrained_network(folder: Path, pixels: np.ndarray, seed: int) -> MethodNetwork | None:
    """Return the network of a run with random weights; None if its training began from others, as on a backbone.

    Parameters
    ----------
    folder : Path
        The ``model/`` folder of a run.
    pixels : ndarray of uint8, shape (n, C, H, W)
        What the statistics of BatchNorm are measured on; of more than 3,000, a sample.
    seed : int
    """
    architecture = json.loads((folder / "model.json").read_text())
    if "backbone" in architecture or architecture["name"] == Backbone.ARCHITECTURE:
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = cast("MethodNetwork", _build(architecture, folder))
    order = np.random.default_rng(seed).permutation(sample_rows(len(pixels)))
    parts = np.array_split(order, -(-len(order) // BATCH))
    update_bn((net.prepare(torch.from_numpy(pixels[rows])) for rows in parts), net.train())
    net.calibrate(net.prepare(torch.from_numpy(pixels[rows])) for rows in parts)
    return net.eval()


def _build(architecture: Mapping[str, Any], folder: Path) -> Network:
    for name in METHODS:
        method = find_method(name)
        if architecture["name"] in method.architectures:
            return method.build_network(architecture)
    if architecture["name"] == Backbone.ARCHITECTURE:
        return Backbone.rebuild(architecture)
    raise UserError(
        f"{folder / 'model.json'} describes a network {architecture['name']!r} that this version does not support."
    )
