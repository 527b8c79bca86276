"""Checkpoints: numbered folders, each complete or absent, with tensors in safetensors and the rest in JSON."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

KEEP = 2

Checkpoint = tuple[dict[str, torch.Tensor], dict[str, Any]]


def save_checkpoint(folder: Path, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> Path:
    """Write the next numbered checkpoint under ``folder``, and delete all but the newest two.

    The files are written under a temporary name and renamed when complete, so that the previous checkpoint stays
    valid if the writer is killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob("*.partial"):
        shutil.rmtree(leftover)
    existing = _numbers(folder)
    target = folder / f"{existing[-1] + 1 if existing else 0:06d}"
    partial = target.with_suffix(".partial")
    partial.mkdir()
    # Copies, because safetensors does not accept two names for the same memory.
    copies = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    save_file(copies, partial / "tensors.safetensors")
    (partial / "state.json").write_text(json.dumps(state))
    for name in ("tensors.safetensors", "state.json"):
        with open(partial / name, "rb") as file:
            os.fsync(file.fileno())
    partial.rename(target)
    for number in existing[: len(existing) - KEEP + 1]:
        dropped = (folder / f"{number:06d}").rename(folder / f"{number:06d}.partial")
        shutil.rmtree(dropped)
    return target


def load_latest(folder: Path) -> Checkpoint | None:
    """Return ``(tensors, state)`` of the newest complete checkpoint, or None if there is none."""
    kept = load_checkpoints(folder, newest=1)
    return kept[0] if kept else None


def load_checkpoints(folder: Path, newest: int = KEEP) -> list[Checkpoint]:
    """Return ``(tensors, state)`` of up to ``newest`` complete checkpoints, the oldest first."""
    folders = [folder / f"{number:06d}" for number in _numbers(folder)[-newest:]]
    return [(load_file(f / "tensors.safetensors"), json.loads((f / "state.json").read_text())) for f in folders]


def with_prefix(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return tensors under the names ``prefix.name``, so that several kinds fit into one checkpoint."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors that :func:`with_prefix` named, under their own names."""
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return the state of an optimizer for each parameter, as ``number.name``."""
    remembered: dict[int, dict[str, torch.Tensor]] = optimizer.state_dict()["state"]
    return {f"{i}.{name}": tensor for i, state in remembered.items() for name, tensor in state.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Restore the state that :func:`optimizer_state` returned."""
    whole = optimizer.state_dict()
    whole["state"] = {}
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        parameter = parameters[int(number)]
        if tensor.shape == parameter.shape:
            # In the memory layout of the parameter: fused steps require it, others are slower without it.
            tensor = torch.empty_like(parameter, dtype=tensor.dtype, device=tensor.device).copy_(tensor)
        whole["state"].setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict(whole)


def _numbers(folder: Path) -> list[int]:
    return sorted(int(path.name) for path in folder.glob("[0-9]" * 6)) if folder.is_dir() else []
