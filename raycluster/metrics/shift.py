"""How well a clustering holds up when images change, one factor at a time.

ConCURL's paper evaluates clusters under distribution shift, but without released code; the protocol here is our own.
The network, its centers and the classes that clusters stand for come from the clean training images. Shifted images are
clustered twice: frozen, by the centers from training, and refitted, by k-means on their own features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import contingency_matrix
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as tv

from raycluster.metrics.kmeans import kmeans
from raycluster.metrics.quality import clustering_quality

FACTORS: dict[str, tuple[float, ...]] = {
    "rotation": (-40, -20, -10, 0, 10, 20, 40),  # degrees
    "shear": (-20, -10, 0, 10, 20),  # degrees
    "translation": (-0.2, -0.1, 0, 0.1, 0.2),  # of the side, to the right
    "scale": (0.6, 0.8, 1, 1.25, 1.5),
    "brightness": (0.4, 0.7, 1, 1.3, 1.6),
    "contrast": (0.4, 0.7, 1, 1.3, 1.6),
    "saturation": (0, 0.5, 1, 1.5, 2),
    "hue": (-0.25, -0.1, 0, 0.1, 0.25),  # turns
    "blur": (0, 0.02, 0.04, 0.08),  # sigma, of the side
    "noise": (0, 0.05, 0.1, 0.2),  # standard deviation, of the range of the pixels
}
CLEAN = {"scale": 1.0, "brightness": 1.0, "contrast": 1.0, "saturation": 1.0}  # 0 for the others

Reader = Callable[[torch.Tensor], tuple[np.ndarray, np.ndarray]]


def shift_images(images: torch.Tensor, factor: str, amount: float, seed: int = 0) -> torch.Tensor:
    """Return images, float32 [B, 3, H, W] in [0, 1], all changed by the same amount in one of ``FACTORS``.

    Where a warped image would need pixels beyond its border, the border is repeated.
    """
    if factor in ("rotation", "shear", "translation", "scale"):
        return _warp(images, factor, amount)
    if factor == "noise":
        noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
        return (images + amount * noise.to(images.device)).clamp(0, 1)
    if factor == "blur":
        sigma = amount * images.shape[-1]
        return tv.gaussian_blur(images, [2 * int(3 * sigma) + 1] * 2, [sigma] * 2) if sigma else images
    changed: torch.Tensor = getattr(tv, f"adjust_{factor}")(images, amount)
    return changed


def shift_table(
    images: torch.Tensor, labels: np.ndarray, read: Reader, classes: np.ndarray, n_clusters: int, seed: int = 0
) -> list[dict[str, Any]]:
    """Score the clustering of clean and shifted images.

    Parameters
    ----------
    images : Tensor of float32, shape (n, 3, H, W)
        In [0, 1].
    labels : ndarray of int, shape (n,)
        Known classes.
    read : callable
        Takes images, and returns their frozen clusters, int [n], and their features, float32 [n, d].
    classes : ndarray of int, shape (K,)
        The class that each cluster stands for, from :func:`classes_of_clusters`.
    n_clusters : int
        Of the refitted k-means.
    seed : int

    Returns
    -------
    rows : list of dict
        ``factor``, ``amount`` and ``clean``, then ``frozen`` and ``refitted`` with ``acc``, ``nmi`` and ``ari``. The
        frozen accuracy is that of ``classes``; refitted clusters are matched to classes again.
    """
    rows = []
    is_gray = bool((images == images[:, :1]).all())
    for factor, amounts in FACTORS.items():
        if is_gray and factor in ("saturation", "hue"):
            continue  # they do not change gray images
        for amount in amounts:
            is_clean = amount == CLEAN.get(factor, 0)
            clusters, features = read(images if is_clean else shift_images(images, factor, amount, seed))
            frozen = clustering_quality(labels, clusters) | {"acc": float((classes[clusters] == labels).mean())}
            refitted = clustering_quality(labels, kmeans(features, min(n_clusters, len(images)), seed).labels)
            scores = {"frozen": frozen, "refitted": refitted}
            rows.append(
                {"factor": factor, "amount": amount, "clean": is_clean}
                | {how: {name: quality[name] for name in ("acc", "nmi", "ari")} for how, quality in scores.items()}
            )
    return rows


def classes_of_clusters(clusters: np.ndarray, labels: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return the class that each cluster stands for, int64 [K]; -1 for clusters that remain unmatched.

    Classes and clusters are matched one to one so that as many images as possible are in the right class. Rows with
    label -1 are ignored.
    """
    known = labels >= 0
    present, index = np.unique(labels[known], return_inverse=True)
    table = contingency_matrix(
        np.concatenate([index, np.zeros(n_clusters, int)]), np.concatenate([clusters[known], np.arange(n_clusters)])
    )
    table[0] -= 1  # the extra row that each cluster was given so that it has a column
    classes = np.full(n_clusters, -1, np.int64)
    matched_class, matched_cluster = linear_sum_assignment(table, maximize=True)
    classes[matched_cluster] = present[matched_class]
    return classes


def _warp(images: torch.Tensor, factor: str, amount: float) -> torch.Tensor:
    """Rotate, shear, shift or zoom square images about their center."""
    matrix = torch.eye(2, 3)
    radians = torch.deg2rad(torch.tensor(float(amount)))
    if factor == "rotation":
        matrix[:, :2] = torch.stack([radians.cos(), -radians.sin(), radians.sin(), radians.cos()]).view(2, 2)
    elif factor == "shear":
        matrix[0, 1] = radians.tan()
    elif factor == "translation":
        matrix[0, 2] = -2 * amount
    else:
        matrix[:, :2] /= amount
    grid = F.affine_grid(matrix.expand(len(images), 2, 3).to(images.device), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
