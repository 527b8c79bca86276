"""JULE's weighted triplet loss over a mini-batch, on the device and without a loop (JULE, eq. 14)."""

from __future__ import annotations

import torch

FAR = 1e4  # larger than every distance between unit vectors, yet small enough that float32 sums stay exact


def triplet_loss(
    embeddings: torch.Tensor,
    labels: torch.Tensor,
    margin: float = 0.2,
    gamma: float = 1.0,
    negatives: int | None = None,
    generator: torch.Generator | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pull pairs from the same cluster together, and push images of other clusters away.

    The loss is the mean over triplets of ``max(0, gamma * |x_i - x_j|^2 - |x_i - x_k|^2 + margin)``. The pairs (i, j)
    are all those from the same cluster with i < j. For each pair, k runs over ``negatives`` images of other clusters,
    drawn without replacement, or over all of them. (The paper restricts k to the K_c nearest clusters; its released
    code, like this one, does not.)

    Parameters
    ----------
    embeddings : Tensor of float32, shape (B, d)
        Unit vectors.
    labels : Tensor of int64, shape (B,)
    margin, gamma : float
    negatives : int, optional
        How many negatives to draw for each pair. None uses every image of another cluster, which gives the expected
        value of drawing.
    generator : Generator on the same device, used for drawing

    Returns
    -------
    loss : scalar Tensor
        0 if the batch contains no triplet.
    triplets : scalar Tensor
        The number of triplets in the mean. It stays on the device, so nothing waits for it.
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
    """Sum max(0, t_ij - d_ik) over all k in other clusters, in O(B^2 log B): sort each row, then look up every t_ij."""
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
    """Sum max(0, t_ij - d_ik) over drawn k: each pair uses its own window in a random order of i's negatives."""
    size, device = len(distances), distances.device
    keys = torch.rand(size, size, generator=generator, device=device).masked_fill(same, 2.0)
    order = keys.argsort(dim=1)
    available = (~same).sum(dim=1)
    start = torch.rand(size, size, generator=generator, device=device) * available[:, None]
    window = torch.arange(negatives, device=device)
    position = (start.long()[:, :, None] + window) % available.clamp_min(1)[:, None, None]
    drawn = order[:, None, :].expand(size, size, size).gather(2, position)
    to_negative = distances[:, None, :].expand(size, size, size).gather(2, drawn)
    hinge = (thresholds[:, :, None] - to_negative).clamp_min(0) * (window < available[:, None, None])
    return hinge.sum(dim=2), available.clamp_max(negatives)[:, None]
