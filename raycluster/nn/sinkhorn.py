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
    cosines : Tensor, shape (..., B, K)
        Between this worker's images and the prototypes; leading dimensions are several views, each balanced alone.
    epsilon : float
        ε, how soft the assignments are.
    iterations : int
        With 0 the result is a plain softmax.
    gather : callable
        Returns the workers' tensors [1, ..., 1, K] concatenated by rank, so that prototypes are balanced over the batch
        of all workers. By default this worker has the whole batch.

    Returns
    -------
    q : Tensor of float32, shape (..., B, K)
    """
    logs = cosines.float() / epsilon
    for _ in range(iterations):
        totals = gather(logs.logsumexp(dim=-2, keepdim=True)[None])
        logs = logs - (totals[0] if len(totals) == 1 else totals.logsumexp(dim=0))
        # On a GPU, one kernel in place of eight; it rounds differently.
        logs = logs.log_softmax(dim=-1) if logs.is_cuda else logs - logs.logsumexp(dim=-1, keepdim=True)
    return logs.softmax(dim=-1)
