"""The augmentation of DCCM's released code, for whole batches on the device: warp, channel shift, flip and scale."""

from __future__ import annotations

import math

import torch

ROTATION = 20.0  # degrees, in either direction
SHIFT = 0.18  # of the side, in every direction
ZOOM = 0.15  # larger or smaller
CHANNEL_SHIFT = 0.1  # of the pixel range, brighter or darker
SCALE = 0.95


def augment(images: torch.Tensor, generator: torch.Generator | None = None, flip: bool = True) -> torch.Tensor:
    """Rotate, shift, zoom, tint and flip every image by its own random amounts, and darken all of them by 5%.

    Parameters
    ----------
    images : Tensor of uint8, shape (B, 1 or 3, H, W)
    generator : Generator on the images' device
    flip : bool
        Mirror half of them.

    Returns
    -------
    images : Tensor of float32, shape (B, 3, H, W)
        In [0, 0.95]. Gray images get three channels too, each shifted by its own amount.
    """
    batch, _, height, width = images.shape
    random = torch.empty(9, batch, device=images.device).uniform_(-1, 1, generator=generator)
    turn, down, right, zoom_rows, zoom_columns, mirror = random[:6]
    shift = torch.stack([SHIFT * height * down, SHIFT * width * right], dim=1)
    zoom = 1 + ZOOM * torch.stack([zoom_rows, zoom_columns], dim=1)
    warped = warp(images, turn * (ROTATION * math.pi / 180), shift, zoom, (mirror < 0) & flip).float() / 255
    low, high = warped.flatten(1).aminmax(dim=1)
    shifted = warped + CHANNEL_SHIFT * random[6:].T[:, :, None, None]
    return shifted.clamp(low.view(-1, 1, 1, 1), high.view(-1, 1, 1, 1)) * SCALE


def warp(
    images: torch.Tensor, angle: torch.Tensor, shift: torch.Tensor, zoom: torch.Tensor, flip: torch.Tensor
) -> torch.Tensor:
    """Warp images with nearest-neighbor sampling and the border repeated, in one gather for all of them.

    Pixel ``o`` (row, column) of the result is read from ``R(angle) (zoom * (o - c) + shift) + c``, where the center
    ``c`` is half the sides plus one half, as in Keras 2.0.2. A flip mirrors the result.

    Parameters
    ----------
    images : Tensor, shape (B, C, H, W)
    angle : Tensor of float32, shape (B,)
        In radians.
    shift : Tensor of float32, shape (B, 2)
        Rows and columns.
    zoom : Tensor of float32, shape (B, 2)
        Of rows and columns; values above 1 shrink the content.
    flip : Tensor of bool, shape (B,)

    Returns
    -------
    images : Tensor, shape (B, C, H, W)
    """
    batch, channels, height, width = images.shape
    device = images.device
    to_row, to_column = height / 2 + 0.5, width / 2 + 0.5
    cos, sin = angle.cos(), angle.sin()
    rotation = torch.stack([cos, -sin, sin, cos], dim=1).view(batch, 2, 2)
    rows, columns = torch.meshgrid(
        torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij"
    )
    offset = torch.stack([rows - to_row, columns - to_column]).flatten(1)
    source = rotation * zoom[:, None, :] @ offset + rotation @ shift[:, :, None]
    row = (source[:, 0] + (to_row + 0.5)).floor_().long().clamp_(0, height - 1)
    column = (source[:, 1] + (to_column + 0.5)).floor_().long().clamp_(0, width - 1)
    index = row * width + column
    index = torch.where(flip[:, None], index.view(batch, height, width).flip(2).flatten(1), index)
    warped = images.flatten(2).gather(2, index[:, None].expand(-1, channels, -1))
    return warped.view(batch, channels, height, width)
