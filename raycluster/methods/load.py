"""The network of a finished run, built again from its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from raycluster.errors import UserError
from raycluster.methods.concurl.network import ConcurlNet
from raycluster.methods.dccm.network import DccmCNN
from raycluster.methods.jule.network import JuleCNN

Network = JuleCNN | DccmCNN | ConcurlNet


def load_model(folder: Path) -> Network:
    """Build the network that ``model.json`` in ``folder`` describes, with the weights beside it, to predict with.

    Raises
    ------
    UserError
        If there is no model, or it is damaged.
    """
    if not (folder / "model.json").exists() or not (folder / "model.safetensors").exists():
        raise UserError(f"{folder} holds no model.json and model.safetensors: name the folder of a finished run.")
    try:
        return _build(json.loads((folder / "model.json").read_text()), folder)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")
        raise UserError(f"The network in {folder} is damaged ({reason}): name the folder of a finished run.") from None


def _build(told: dict[str, Any], folder: Path) -> Network:
    shape = tuple(told["shape"])
    net: Network
    if told["name"] == "jule_cnn":
        net = JuleCNN(shape, told["embedding_size"])
    elif told["name"] == "dccm_cnn":
        net = DccmCNN(shape, told["n_clusters"], told["shallow_tap"], told["deep_tap"], told["head_bn"])
    elif told["name"] == "concurl_resnet":
        net = ConcurlNet(shape, told["n_clusters"], told["trunk"])
    else:
        raise UserError(
            f"{folder / 'model.json'} describes a network {told['name']!r} that this version does not know."
        )
    net.load_state_dict(load_file(folder / "model.safetensors"))
    net.eval()
    return net
