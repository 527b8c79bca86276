"""The exemplar loss: every image is its own class, by noise-contrastive estimation against a memory bank.

It comes from instance discrimination (Wu, Xiong, Yu, Lin, CVPR 2018), on which ConCURL builds.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F


def nce_loss(positive: torch.Tensor, noise: torch.Tensor, z_bar: torch.Tensor) -> torch.Tensor:
    """Return the loss of distinguishing each image's own row of the bank from m rows drawn at random.

    This is the closed form, in which the number of images n cancels: ``softplus(c - s_pos) + sum softplus(s_l - c)``
    with ``c = ln(m z_bar)``, summed over the noise and averaged over the images.

    Parameters
    ----------
    positive : Tensor, shape (B,)
        Dot products with the images' own rows, divided by the temperature τ.
    noise : Tensor, shape (B, m)
        Dot products with the drawn rows, divided by τ.
    z_bar : Tensor of float32, shape ()
        Z / n, from :func:`mean_exponential` on the first batch, constant from then on.
    """
    offset = (noise.shape[1] * z_bar).log()
    positive_loss = F.softplus(offset - positive.float())
    return (positive_loss + F.softplus(noise.float() - offset).sum(dim=1)).mean()


@torch.no_grad()
def mean_exponential(positive: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Return z_bar = Z / n, the mean of the exponentials of all entries, float32 of shape ()."""
    return torch.cat([positive[:, None], noise], dim=1).float().exp().mean()


def softmax_loss(scores: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return the loss of the variant without noise: cross-entropy over all n rows of the bank.

    Parameters
    ----------
    scores : Tensor, shape (B, n)
        Dot products with all rows, divided by the temperature τ.
    rows : Tensor of int64, shape (B,)
        The images' own rows.
    """
    return F.cross_entropy(scores.float(), rows)
