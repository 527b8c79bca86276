"""Files of weights: tensors by name, read without running any code in them."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from raycluster.errors import UserError

# What the readers raise if a file does not contain weights.
NOT_WEIGHTS = (
    *(SafetensorError, pickle.UnpicklingError, struct.error),
    *(RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError),
)


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
    except NOT_WEIGHTS:  # their messages suggest to load the file in an unsafe way
        raise UserError(
            f"{path} contains no weights that can be read safely, without running code in it, or is damaged: save the "
            "network's state_dict() with safetensors or torch.save."
        ) from None
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in content.items()
    ):
        raise UserError(f"{path} is not a state dict (tensors by name): save the network's state_dict().")
    return content
