"""Balanced soft assignments of images to prototypes, so that every prototype gets an equal share of the images.

The Sinkhorn-Knopp iteration of Cuturi (NIPS 2013), as SwAV (Caron et al., NeurIPS 2020) uses it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

Gather = Callable[[torch.Tensor], torch.Tensor]


def single_worker(tensor: torch.Tensor) -> torch.Tensor:
    """Return the tensor unchanged: a single worker has the whole batch, so there is nothing to gather."""
    return tensor


@torch.no_grad()
def sinkhorn(
    cosines: torch.Tensor, epsilon: float = 0.05, iterations: int = 3, gather: Gather = single_worker
) -> torch.Tensor:
    """Return the soft assignments Q that ConCURL and SwAV use as targets; they carry no gradient.

    The iterations run on logarithms, so that no exponential overflows. Scaling by constants (the total, 1/K, 1/B) is
    omitted, because it cancels when the last step makes every image's row sum to 1.

    Parameters
    ----------
    cosines : Tensor, shape (B, K)
        Between this worker's images and the prototypes.
    epsilon : float
        ε, how soft the assignments are.
    iterations : int
        With 0 the result is a plain softmax.
    gather : callable
        Returns the workers' tensors [1, K] concatenated by rank, so that prototypes are balanced over the batch of all
        workers. By default this worker has the whole batch.

    Returns
    -------
    q : Tensor of float32, shape (B, K)
    """
    logs = cosines.float() / epsilon
    for _ in range(iterations):
        logs = logs - gather(logs.logsumexp(dim=0, keepdim=True)).logsumexp(dim=0, keepdim=True)
        logs = logs - logs.logsumexp(dim=1, keepdim=True)
    return logs.softmax(dim=1)
