"""Files of tensors in safetensors, read and written like any other file: with the same mode, and the same errors."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file


def save_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write tensors by name.

    Raises
    ------
    OSError
        If there is no room, or the file cannot be written for another reason.
    """
    # Copies, because safetensors does not accept two names for the same memory.
    copies = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    path.touch()
    mode = path.stat().st_mode
    try:
        save_file(copies, path)
    except SafetensorError as error:
        found = re.search(r"\(os error (\d+)\)", str(error))
        if found is None:
            raise
        number = int(found[1])
        raise OSError(number, os.strerror(number), str(path)) from None
    path.chmod(mode)  # safetensors replaces the file by one that only its owner can read


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a file by name.

    Raises
    ------
    OSError
        If the file cannot be read.
    SafetensorError
        If it is damaged.
    """
    with open(path, "rb"):  # safetensors says of every file that it cannot open that it does not exist
        return load_file(path)
