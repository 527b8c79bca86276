"""Augmentation of whole batches on the device, every image with its own parameters."""

from __future__ import annotations

import functools
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
    """Rotate, shift and zoom every image by its own random amount, with bilinear sampling and the border repeated.

    Parameters
    ----------
    images : Tensor of float, shape (B, C, H, W)
    rotation : float
        Maximum angle in degrees, in either direction.
    shift : float
        Maximum shift as a fraction of the side, in every direction.
    zoom : float
        Maximum change in size, as a fraction, larger or smaller.
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
    # Coordinates run from -1 to 1 along both sides, hence the aspect ratio and the factor 2.
    to_x = torch.stack([cos, sin * (height / width), 2 * shift * right], dim=1)
    to_y = torch.stack([-sin * (width / height), cos, 2 * shift * down], dim=1)
    # One product for all images; sampling reads it as [B, H, W, 2] without a copy.
    pixels = _coordinates(height, width, images.device)
    grid = (torch.stack([to_x, to_y], dim=1) @ pixels).view(batch, 2, height, width).permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


@functools.cache  # for good: a captured step reads them where they are
def _coordinates(height: int, width: int, device: torch.device) -> torch.Tensor:
    """Return x, y and 1 of every pixel, float32 [3, H * W]."""
    pixels = torch.ones(3, height, width, device=device)
    pixels[0] = torch.arange(1 - width, width, 2, device=device) / width
    pixels[1] = torch.arange(1 - height, height, 2, device=device)[:, None] / height
    return pixels.flatten(1)
