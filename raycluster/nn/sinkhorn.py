"""Balanced soft assignments: every image a distribution over prototypes, every prototype the same share of images."""

from __future__ import annotations

from collections.abc import Callable

import torch

Gather = Callable[[torch.Tensor], torch.Tensor]


def only_here(tensor: torch.Tensor) -> torch.Tensor:
    """Return the tensor: one worker holds the whole batch."""
    return tensor


@torch.no_grad()
def sinkhorn(
    cosines: torch.Tensor, epsilon: float = 0.05, iterations: int = 3, gather: Gather = only_here
) -> torch.Tensor:
    """Return the targets Q of ConCURL and SwAV (ConCURL's facts, section 4.2), which carry no gradient.

    In the logarithmic domain, where no exponential overflows. Scaling by constants (the total, 1/K, 1/B) falls out,
    because the last step makes every image's row sum to 1.

    Parameters
    ----------
    cosines : Tensor, shape (B, K)
        Of this worker's images to the prototypes.
    epsilon : float
        ε, how soft the assignments are.
    iterations : int
        0 gives a plain softmax.
    gather : callable
        Returns the workers' tensors [1, K] concatenated by rank, so that the prototypes are balanced over the batch of
        all; by default this worker has all of it.

    Returns
    -------
    q : Tensor of float32, shape (B, K)
    """
    logs = cosines.float() / epsilon
    for _ in range(iterations):
        logs = logs - gather(logs.logsumexp(dim=0, keepdim=True)).logsumexp(dim=0, keepdim=True)
        logs = logs - logs.logsumexp(dim=1, keepdim=True)
    return logs.softmax(dim=1)
