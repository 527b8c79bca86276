"""DCCM's losses on a small batch: pseudo-graph, pseudo-labels and mutual information (ICCV 2019, sections 3.1-3.4)."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch.nn import functional as F

SMALLEST_LOG = 1e-12
NEAREST_TO_ONE = 1e-7


class Targets(NamedTuple):
    """What clean images teach; the leading dimensions may hold several small batches.

    Attributes
    ----------
    links : Tensor of bool, shape (..., b, columns)
        W: the pairs that are alike. The columns are the small batch, or those of all workers.
    labels : Tensor of int64, shape (..., b)
        y, the most probable cluster.
    confident : Tensor of bool, shape (..., b)
        V, whether the label counts.
    """

    links: torch.Tensor
    labels: torch.Tensor
    confident: torch.Tensor


def make_targets(
    clean: torch.Tensor, graph_threshold: float, label_threshold: float, columns: torch.Tensor | None = None
) -> Targets:
    """Return what the probabilities of clean images, float32 [..., b, K], are taken for."""
    other = clean if columns is None else columns
    cosines = F.normalize(clean, dim=-1) @ F.normalize(other, dim=-1).mT
    links = cosines >= graph_threshold
    if columns is None:
        links.diagonal(dim1=-2, dim2=-1).fill_(True)  # however the cosine of an image with itself is rounded
    largest, labels = clean.max(dim=-1)
    return Targets(links, labels, largest >= label_threshold)


def graph_loss(probabilities: torch.Tensor, links: torch.Tensor, columns: torch.Tensor | None = None) -> torch.Tensor:
    """Return the mean binary cross-entropy of the cosines of predictions against the links, over all pairs.

    Parameters
    ----------
    probabilities : Tensor of float32, shape (b, K)
    links : Tensor of bool, shape (b, columns)
    columns : Tensor of float32, shape (columns, K), optional
        The predictions to pair with, by default the same.
    """
    other = probabilities if columns is None else columns
    cosines = F.normalize(probabilities, dim=1) @ F.normalize(other, dim=1).T
    return F.binary_cross_entropy(cosines.clamp(NEAREST_TO_ONE, 1 - NEAREST_TO_ONE), links.to(cosines.dtype))


def label_loss(
    probabilities: torch.Tensor, labels: torch.Tensor, confident: torch.Tensor, kind: Literal["bce", "ce"] = "bce"
) -> torch.Tensor:
    """Return the loss against confident labels, divided by all b images, not by the confident ones.

    ``bce`` is the released one, the mean over K of a binary cross-entropy a class; ``ce`` is softmax cross-entropy.
    """
    right = (probabilities.gather(1, labels[:, None]) + SMALLEST_LOG).log().squeeze(1)
    if kind == "ce":
        losses = -right
    else:
        others = (1 - probabilities + SMALLEST_LOG).log()
        losses = (others.gather(1, labels[:, None]).squeeze(1) - others.sum(1) - right) / probabilities.shape[1]
    return (losses * confident).mean()


def mutual_information_loss(scores: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """Return minus the Jensen-Shannon bound on the mutual information of maps and vectors, 2 ln 2 where it is 0.

    Parameters
    ----------
    scores : Tensor of float32, shape (b, 4, places)
        Of each image's vector with four maps: its own and its partner's, which are real, and two that are fake.
    counted : Tensor of bool, shape (b,)
        Whether the image has fake partners at all.
    """
    real, fake = F.softplus(-scores[:, :2]), F.softplus(scores[:, 2:])
    weights = counted.to(fake.dtype)
    return real.mean() + (fake.mean(dim=(1, 2)) * weights).sum() / weights.sum().clamp_min(1)


def draw_partners(links: torch.Tensor, generator: torch.Generator | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose whose maps each image's vector is paired with.

    Parameters
    ----------
    links : Tensor of bool, shape (..., b, b)
    generator : Generator on the same device

    Returns
    -------
    partners : Tensor of int64, shape (..., b, 4)
        The image itself, a random linked one (itself where there is none), and two random unlinked ones (twice the
        same where there is only one).
    counted : Tensor of bool, shape (..., b)
        Whether there is an unlinked one.
    """
    size = links.shape[-1]
    itself = torch.arange(size, device=links.device).expand(links.shape[:-1])
    keys = torch.rand(links.shape, generator=generator, device=links.device)
    # Keys of candidates lie in [1, 2), all others in [0, 1), so that a candidate wins where there is one.
    alike = links & ~torch.eye(size, dtype=torch.bool, device=links.device)
    linked = (keys + alike).argmax(dim=-1)
    linked = torch.where(alike.any(dim=-1), linked, itself)
    two = (keys + ~links).topk(min(2, size), dim=-1).indices
    unlinked = (~links).sum(dim=-1)
    second = torch.where(unlinked > 1, two[..., -1], two[..., 0])
    return torch.stack([itself, linked, two[..., 0], second], dim=-1), unlinked > 0


def released_partners(links: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Do what :func:`draw_partners` does with the mistakes of the released code, for comparison only.

    The partner is off by one where it comes after the image and arbitrary (0) where there is none; the unlinked ones
    are the first two, for all images almost the same.
    """
    size = links.shape[-1]
    itself = torch.arange(size, device=links.device).expand(links.shape[:-1])
    others = torch.arange(size - 1, device=links.device)
    shortened = others + (others >= torch.arange(size, device=links.device)[:, None])  # a row without its diagonal
    linked = links.gather(-1, shortened.expand(*links.shape[:-1], size - 1)).int().argmax(dim=-1)
    order = torch.arange(size, 0, -1, device=links.device)
    two = (~links * order).topk(2, dim=-1).indices
    unlinked = (~links).sum(dim=-1)
    second = torch.where(unlinked > 1, two[..., 1], two[..., 0])
    return torch.stack([itself, linked, two[..., 0], second], dim=-1), unlinked > 0
