"""DCCM's losses on a small batch: pseudo-graph, pseudo-labels and triplet mutual information (ICCV 2019)."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch.nn import functional as F

SMALLEST_PROBABILITY = 1e-12  # added before every logarithm
COSINE_MARGIN = 1e-7  # cosines are kept this far from 0 and 1, where gradients would explode


class Targets(NamedTuple):
    """The targets that clean images provide; leading dimensions may stand for several small batches.

    Attributes
    ----------
    links : Tensor of bool, shape (..., b, columns)
        W, the pseudo-graph: the pairs that are alike. The columns are the small batch, or those of all workers.
    labels : Tensor of int64, shape (..., b)
        y, the pseudo-labels: the most probable clusters.
    confident : Tensor of bool, shape (..., b)
        V, whether the label is confident enough to be used.
    """

    links: torch.Tensor
    labels: torch.Tensor
    confident: torch.Tensor


def make_targets(
    clean: torch.Tensor, graph_threshold: float, label_threshold: float, columns: torch.Tensor | None = None
) -> Targets:
    """Return the targets that follow from the probabilities of clean images, float32 [..., b, K]."""
    other = clean if columns is None else columns
    cosines = F.normalize(clean, dim=-1) @ F.normalize(other, dim=-1).mT
    links = cosines >= graph_threshold
    if columns is None:
        links.diagonal(dim1=-2, dim2=-1).fill_(True)  # even if an image's cosine with itself is rounded down
    largest, labels = clean.max(dim=-1)
    return Targets(links, labels, largest >= label_threshold)


def graph_loss(probabilities: torch.Tensor, links: torch.Tensor, columns: torch.Tensor | None = None) -> torch.Tensor:
    """Return the mean binary cross-entropy between the cosines of predictions and the links, over all pairs.

    Parameters
    ----------
    probabilities : Tensor of float32, shape (b, K)
    links : Tensor of bool, shape (b, columns)
    columns : Tensor of float32, shape (columns, K), optional
        The predictions to pair with; by default the same ones.
    """
    other = probabilities if columns is None else columns
    cosines = F.normalize(probabilities, dim=1) @ F.normalize(other, dim=1).T
    return F.binary_cross_entropy(cosines.clamp(COSINE_MARGIN, 1 - COSINE_MARGIN), links.to(cosines.dtype))


def label_loss(
    probabilities: torch.Tensor, labels: torch.Tensor, confident: torch.Tensor, kind: Literal["bce", "ce"] = "bce"
) -> torch.Tensor:
    """Return the loss against confident labels, divided by the number of all b images, not of the confident ones.

    ``bce`` is the released loss, the mean of K binary cross-entropies, one per class. ``ce`` is softmax cross-entropy.
    """
    log_labeled = (probabilities.gather(1, labels[:, None]) + SMALLEST_PROBABILITY).log().squeeze(1)
    if kind == "ce":
        losses = -log_labeled
    else:
        log_not = (1 - probabilities + SMALLEST_PROBABILITY).log()
        losses = log_not.gather(1, labels[:, None]).squeeze(1) - log_not.sum(1) - log_labeled
        losses = losses / probabilities.shape[1]
    return (losses * confident).mean()


def mutual_information_loss(scores: torch.Tensor, has_fake: torch.Tensor) -> torch.Tensor:
    """Return minus the Jensen-Shannon bound on the mutual information of maps and vectors; all-zero scores give 2 ln 2.

    Parameters
    ----------
    scores : Tensor of float32, shape (b, 4, positions)
        Of each image's vector with four maps: its own and its partner's, which are real pairs, and two fake ones.
    has_fake : Tensor of bool, shape (b,)
        Whether the image has fake partners at all.
    """
    real, fake = F.softplus(-scores[:, :2]), F.softplus(scores[:, 2:])
    weights = has_fake.to(fake.dtype)
    return real.mean() + (fake.mean(dim=(1, 2)) * weights).sum() / weights.sum().clamp_min(1)


def draw_partners(links: torch.Tensor, generator: torch.Generator | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose the images whose maps each image's vector is paired with.

    Parameters
    ----------
    links : Tensor of bool, shape (..., b, b)
    generator : Generator on the same device

    Returns
    -------
    partners : Tensor of int64, shape (..., b, 4)
        The image itself, a random linked one (itself if there is none), and two random unlinked ones (the same one
        twice if there is only one).
    has_fake : Tensor of bool, shape (..., b)
        Whether there is an unlinked one.
    """
    size = links.shape[-1]
    itself = torch.arange(size, device=links.device).expand(links.shape[:-1])
    keys = torch.rand(links.shape, generator=generator, device=links.device)
    # Keys of candidates are in [1, 2) and all others in [0, 1), so that a candidate wins if there is one.
    alike = links & ~torch.eye(size, dtype=torch.bool, device=links.device)
    linked = (keys + alike).argmax(dim=-1)
    linked = torch.where(alike.any(dim=-1), linked, itself)
    two = (keys + ~links).topk(min(2, size), dim=-1).indices
    unlinked = (~links).sum(dim=-1)
    second = torch.where(unlinked > 1, two[..., -1], two[..., 0])
    return torch.stack([itself, linked, two[..., 0], second], dim=-1), unlinked > 0


def released_partners(links: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose partners as the released code does, with its mistakes, for comparison with :func:`draw_partners` only.

    The partner is off by one if it comes after the image, and arbitrary (0) if there is none. The unlinked ones are the
    first two in the batch, almost the same for all images.
    """
    size = links.shape[-1]
    itself = torch.arange(size, device=links.device).expand(links.shape[:-1])
    others = torch.arange(size - 1, device=links.device)
    shortened = others + (others >= torch.arange(size, device=links.device)[:, None])  # each row without its diagonal
    linked = links.gather(-1, shortened.expand(*links.shape[:-1], size - 1)).int().argmax(dim=-1)
    order = torch.arange(size, 0, -1, device=links.device)
    two = (~links * order).topk(2, dim=-1).indices
    unlinked = (~links).sum(dim=-1)
    second = torch.where(unlinked > 1, two[..., 1], two[..., 0])
    return torch.stack([itself, linked, two[..., 0], second], dim=-1), unlinked > 0
