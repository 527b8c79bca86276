"""A tensor that is computed once, and kept in a file for the time after a kill."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError

from raycluster.runtime.files import atomic_write
from raycluster.runtime.tensor_file import load_tensors, save_tensors

NAME = "tensor"


def kept_tensor(path: Path, compute: Callable[[], torch.Tensor]) -> torch.Tensor:
    """Return the tensor in a file; if there is none, or it is damaged, compute the tensor and write it.

    Parameters
    ----------
    path : Path
        Its folder is made where it is missing.
    compute : callable
        Returns a tensor on the CPU.
    """
    with contextlib.suppress(FileNotFoundError, SafetensorError):
        return load_tensors(path)[NAME]
    path.parent.mkdir(parents=True, exist_ok=True)
    tensor = compute()
    with atomic_write(path) as partial:
        save_tensors(partial, {NAME: tensor})
    return tensor
