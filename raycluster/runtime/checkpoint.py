"""Checkpoints: numbered folders, each complete or absent, with tensors in safetensors and the rest in JSON."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from raycluster.runtime.files import remove_tree, unreadable
from raycluster.runtime.tensor_file import load_tensors, save_tensors

KEEP = 2
TENSORS, STATE = "tensors.safetensors", "state.json"

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
    save_tensors(partial / TENSORS, tensors)
    (partial / STATE).write_text(json.dumps(state))
    for name in (TENSORS, STATE):
        with open(partial / name, "rb") as file:
            os.fsync(file.fileno())
    partial.rename(target)
    for number in existing[: len(existing) - KEEP + 1]:
        dropped = (folder / f"{number:06d}").rename(folder / f"{number:06d}.partial")
        shutil.rmtree(dropped)
    return target


def load_latest(folder: Path) -> Checkpoint | None:
    """Return ``(tensors, state)`` of the newest checkpoint that is intact, or None if there is none.

    Raises
    ------
    UserError
        As :func:`damage`.
    """
    newest = next((path for path in reversed(_checkpoints(folder)) if damage(path) is None), None)
    return _load(newest) if newest else None


def load_checkpoints(folder: Path) -> list[Checkpoint]:
    """Return ``(tensors, state)`` of the checkpoints that are intact, the oldest first.

    Raises
    ------
    UserError
        As :func:`damage`.
    """
    return [_load(path) for path in _checkpoints(folder) if damage(path) is None]


def put_damaged_aside(folder: Path) -> list[str]:
    """Rename checkpoints that are damaged, so that they no longer count as some, and return a sentence on each."""
    sentences = []
    for path in _checkpoints(folder):
        if reason := damage(path):
            aside = path.with_suffix(".damaged")
            remove_tree(aside)
            path.rename(aside)
            sentences.append(f"The checkpoint {path} is damaged ({reason}). It was renamed to {aside.name}.")
    return sentences


def damage(checkpoint: Path) -> str | None:
    """Return what is wrong with a checkpoint, or None if it is intact.

    Raises
    ------
    UserError
        If a file cannot be read, which says nothing about what is in it.
    """
    try:
        for name in (TENSORS, STATE):
            with open(checkpoint / name, "rb"):
                pass
        with safe_open(checkpoint / TENSORS, "pt"):  # checks the names, the shapes, and the size of the file
            pass
        is_state = isinstance(json.loads((checkpoint / STATE).read_text()), dict)
    except SafetensorError as error:
        return f"{TENSORS}: {error}"
    except FileNotFoundError:
        return "a file is missing"
    except ValueError as error:
        return f"{STATE}: {error}"
    except OSError as error:
        raise unreadable(Path(error.filename or checkpoint), error) from None
    return None if is_state else f"{STATE} does not describe a checkpoint"


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


def _load(checkpoint: Path) -> Checkpoint:
    return load_tensors(checkpoint / TENSORS), json.loads((checkpoint / STATE).read_text())


def _checkpoints(folder: Path) -> list[Path]:
    """Return the complete checkpoints, the oldest first."""
    return [folder / f"{number:06d}" for number in _numbers(folder)]


def _numbers(folder: Path) -> list[int]:
    return sorted(int(path.name) for path in folder.glob("[0-9]" * 6)) if folder.is_dir() else []
