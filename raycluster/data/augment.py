"""Augmentation of whole batches on the device, every image with its own parameters."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F


def random_affine(
    images: torch.Tensor,
    rotation: float,
    shift: float,
    zoom: float,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Turn, shift and zoom every image by its own random amount, bilinear, the border repeated.

    Parameters
    ----------
    images : Tensor of float, shape (B, C, H, W)
    rotation : float
        Up to how many degrees either way.
    shift : float
        Up to which part of the side, in each direction.
    zoom : float
        Up to which part larger or smaller.
    generator : Generator on the images' device

    Returns
    -------
    images : Tensor of float, shape (B, C, H, W)
    """
    batch, _, height, width = images.shape
    turn, right, down, scale = torch.empty(4, batch, device=images.device).uniform_(-1, 1, generator=generator)
    angle = turn * (rotation * math.pi / 180)
    scale = 1 + scale * zoom
    cos, sin = angle.cos() / scale, angle.sin() / scale
    # Coordinates run from -1 to 1 on either side, hence the aspect ratio and the factor 2.
    x = torch.arange(1 - width, width, 2, device=images.device) / width
    y = torch.arange(1 - height, height, 2, device=images.device)[:, None] / height
    cos, sin, right, down = (value[:, None, None] for value in (cos, sin, 2 * shift * right, 2 * shift * down))
    source_x = cos * x + sin * (height / width) * y + right
    source_y = cos * y - sin * (width / height) * x + down
    grid = torch.stack([source_x, source_y], dim=3)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
