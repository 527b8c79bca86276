"""The consensus loss: each view predicts the other's balanced assignments, under an ensemble of transformations."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from raycluster.methods.concurl.settings import Transform


def draw_transforms(
    kind: Transform, ensemble: int, size: int, projection_size: int, generator: torch.Generator
) -> torch.Tensor | None:
    """Draw the transformations A_1..A_E of the embedding space.

    Parameters
    ----------
    kind : {"rp", "diag", "none"}
        Random projections with entries from N(0, 1/p), diagonal matrices with entries from N(0, 1), or no change.
    ensemble : int
        E.
    size : int
        D, the dimensions of the space.
    projection_size : int
        p, the dimensions of a projection.
    generator : Generator on the CPU, so that the transformations are the same on all devices

    Returns
    -------
    transforms : Tensor of float32, shape (E, p, D) for ``rp`` and (E, D) for ``diag``; None for ``none``
    """
    if kind == "rp":
        return torch.randn(ensemble, projection_size, size, generator=generator) / projection_size**0.5
    return torch.randn(ensemble, size, generator=generator) if kind == "diag" else None


def transformed_cosines(
    outputs: torch.Tensor, prototypes: torch.Tensor, transforms: torch.Tensor | None
) -> torch.Tensor:
    """Return the cosines between images and prototypes after each transformation.

    Parameters
    ----------
    outputs : Tensor, shape (B, D)
        z, not normalized.
    prototypes : Tensor, shape (K, D)
    transforms : Tensor, shape (E, p, D) or (E, D), or None

    Returns
    -------
    cosines : Tensor of float32, shape (E, B, K); E is 1 without transformations
    """
    images, anchors = (_apply(values.float(), transforms) for values in (outputs, prototypes))
    return F.normalize(images, dim=2) @ F.normalize(anchors, dim=2).mT


def swapped_loss(
    cosines1: torch.Tensor, cosines2: torch.Tensor, q1: torch.Tensor, q2: torch.Tensor, temperature: float = 0.1
) -> torch.Tensor:
    """Return the mean cross-entropy between each view's predictions and the other view's targets.

    With transformed cosines this is the consensus loss L_con; with untransformed ones it is L_soft, the loss of SwAV.

    Parameters
    ----------
    cosines1, cosines2 : Tensor, shape (..., B, K)
        Of the two views; the mean includes the leading dimensions.
    q1, q2 : Tensor of float32, shape (B, K)
        The targets from :func:`raycluster.nn.sinkhorn.sinkhorn`.
    temperature : float
        Of the softmax over the predictions.
    """
    logs1, logs2 = ((cosines.float() / temperature).log_softmax(dim=-1) for cosines in (cosines1, cosines2))
    return -((q2 * logs1).sum(dim=-1).mean() + (q1 * logs2).sum(dim=-1).mean()) / 2


def _apply(values: torch.Tensor, transforms: torch.Tensor | None) -> torch.Tensor:
    """Return rows [m, D] after each transformation, [E, m, p]."""
    if transforms is None:
        return values[None]
    if transforms.dim() == 2:
        return values[None] * transforms[:, None]
    # One matrix product for the whole ensemble.
    ensemble, size = transforms.shape[:2]
    return (values @ transforms.flatten(0, 1).T).view(len(values), ensemble, size).transpose(0, 1)
