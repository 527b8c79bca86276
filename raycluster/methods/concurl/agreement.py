"""What the crops of an image have to agree on: each predicts the balanced assignments of the large ones."""

from __future__ import annotations

import torch


def of_the_others(large: torch.Tensor, n_crops: int) -> torch.Tensor:
    """Return, for every crop, the sum over the large crops other than itself.

    Parameters
    ----------
    large : Tensor, shape (2, B, m)
        A row for each large crop of each image.
    n_crops : int
        All crops; the large ones come first.

    Returns
    -------
    sums : Tensor, shape (n_crops, B, m)
    """
    total = large.sum(dim=0, keepdim=True)
    return torch.cat([total - large, total.expand(n_crops - len(large), -1, -1)])


def agreement_loss(cosines: torch.Tensor, targets: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return the mean cross-entropy between the prediction of a crop and the target of another one (SwAV's loss).

    Parameters
    ----------
    cosines : Tensor of float32, shape (n_crops, B, P)
        Between crops and prototypes.
    targets : Tensor of float32, shape (2, B, P)
        The balanced assignments of the large crops.
    temperature : float
        Of the softmax over the predictions.
    """
    logs = (cosines / temperature).log_softmax(dim=2)
    n_large, n_crops, batch = len(targets), len(cosines), cosines.shape[1]
    return -(of_the_others(targets, n_crops) * logs).sum() / (n_large * (n_crops - 1) * batch)
