"""JULE's weighted triplet loss over a mini-batch, on the device and without a loop (CVPR 2016, eq. 14)."""

from __future__ import annotations

import torch

FAR = 1e4  # beyond every distance between unit vectors, and still exact to add to in float32


def triplet_loss(
    embeddings: torch.Tensor,
    labels: torch.Tensor,
    margin: float = 0.2,
    gamma: float = 1.0,
    negatives: int | None = None,
    generator: torch.Generator | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pull pairs of one cluster together and push images of other clusters away.

    The mean over triplets of ``max(0, gamma * |x_i - x_j|^2 - |x_i - x_k|^2 + margin)``: (i, j) runs over the pairs of
    one cluster with i < j, k over ``negatives`` images of other clusters drawn for each pair without replacement,
    or over all of them.

    Parameters
    ----------
    embeddings : Tensor of float32, shape (B, d)
        Unit vectors.
    labels : Tensor of int64, shape (B,)
    margin, gamma : float
    negatives : int, optional
        Draws a pair; None takes every image of another cluster, which is the expected value of drawing.
    generator : Generator on the same device, needed to draw

    Returns
    -------
    loss : scalar Tensor
        0 where the batch holds no triplet.
    triplets : scalar Tensor
        How many triplets the mean was taken over. It stays on the device: nothing here waits for it.
    """
    distances = (2 - 2 * embeddings @ embeddings.T).clamp_min(0)
    same = labels[:, None] == labels[None, :]
    pairs = same.triu(1)
    thresholds = gamma * distances + margin
    if negatives is None:
        sums, count = _sum_over_all(distances, thresholds, same)
    else:
        sums, count = _sum_over_drawn(distances, thresholds, same, negatives, generator)
    triplets = (pairs * count).sum()
    return (pairs * sums).sum() / triplets.clamp_min(1), triplets


def _sum_over_all(
    distances: torch.Tensor, thresholds: torch.Tensor, same: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sum max(0, t_ij - d_ik) over all k of other clusters, in O(B^2 log B): sort row i once, then look t_ij up."""
    ordered = distances.masked_fill(same, FAR).sort(dim=1).values
    below = torch.searchsorted(ordered.detach(), thresholds.detach().contiguous())
    totals = torch.nn.functional.pad(ordered.cumsum(dim=1), (1, 0)).gather(1, below)
    return below * thresholds - totals, (~same).sum(dim=1, keepdim=True)


def _sum_over_drawn(
    distances: torch.Tensor,
    thresholds: torch.Tensor,
    same: torch.Tensor,
    negatives: int,
    generator: torch.Generator | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sum max(0, t_ij - d_ik) over drawn k: every pair takes its own window of a random order of i's negatives."""
    size, device = len(distances), distances.device
    keys = torch.rand(size, size, generator=generator, device=device).masked_fill(same, 2.0)
    order = keys.argsort(dim=1)
    available = (~same).sum(dim=1)
    start = torch.rand(size, size, generator=generator, device=device) * available[:, None]
    window = torch.arange(negatives, device=device)
    place = (start.long()[:, :, None] + window) % available.clamp_min(1)[:, None, None]
    drawn = order[:, None, :].expand(size, size, size).gather(2, place)
    to_negative = distances[:, None, :].expand(size, size, size).gather(2, drawn)
    hinge = (thresholds[:, :, None] - to_negative).clamp_min(0) * (window < available[:, None, None])
    return hinge.sum(dim=2), available.clamp_max(negatives)[:, None]
