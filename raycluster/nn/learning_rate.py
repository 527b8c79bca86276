"""Learning rates that change during training, in the form in which an optimizer reads them on each device."""

from __future__ import annotations

import itertools

import torch


def initial_rate(rate: float, device: torch.device) -> float | torch.Tensor:
    """Return a learning rate for an optimizer: on a GPU a tensor, which a captured step reads anew each time."""
    return torch.tensor(rate, device=device) if device.type == "cuda" else rate


def set_learning_rate(optimizer: torch.optim.Optimizer, *rates: float) -> None:
    """Set the learning rate of all parameters, or one for each group of them."""
    for group, rate in zip(optimizer.param_groups, itertools.cycle(rates), strict=False):
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
