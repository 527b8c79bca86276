"""Decoded images on a device, brought to the canvas of their set as :mod:`raycluster.data.image.fit` does."""

from __future__ import annotations

import functools

import torch

from raycluster.data.canvas import Canvas
from raycluster.data.image.fit import Placement

WEIGHTS_KEPT = 32  # images of a set often have few sizes


def fill_on_device(pixels: torch.Tensor, placement: Placement, canvas: Canvas) -> torch.Tensor:
    """Prepare an image as :func:`raycluster.data.image.fit.fill` does, on the device that it is on.

    The same weights (means, or a triangle as wide as a new pixel, over a box that may begin within a pixel) are applied
    as two matrices. Pillow rounds between the two sides and this does not, so a pixel may differ by one level.

    torch's own resizing has no such boxes, and on CUDA none for shrinking by large factors.

    Parameters
    ----------
    pixels : Tensor of uint8, shape (C, H, W)
        Of as many channels as the canvas.
    placement : Placement
    canvas : Canvas

    Returns
    -------
    prepared : Tensor of uint8, shape ``canvas.shape``
    """
    height, width, (left, top, right, bottom), averages = placement
    down = _weights(pixels.shape[1], height, top, bottom, averages, pixels.device)
    across = _weights(pixels.shape[2], width, left, right, averages, pixels.device)
    shown = (down @ pixels.float() @ across.T).round().clamp(0, 255).byte()
    return shown if (height, width) == (canvas.height, canvas.width) else _pad(shown, canvas)


@functools.lru_cache(WEIGHTS_KEPT)
def _weights(n: int, length: int, first: float, last: float, averages: bool, device: torch.device) -> torch.Tensor:
    """Return float32 [length, n]: what each of n pixels adds to new ones, which show it from ``first`` to ``last``."""
    scale = (last - first) * n / length
    centers = first * n + (torch.arange(length, dtype=torch.float64) + 0.5) * scale
    distance = (torch.arange(n, dtype=torch.float64) + 0.5 - centers[:, None]).abs() / max(scale, 1.0)
    weights = (distance < 0.5).double() if averages else (1 - distance).clamp(min=0)
    return (weights / weights.sum(dim=1, keepdim=True)).float().to(device)


def _pad(pixels: torch.Tensor, canvas: Canvas) -> torch.Tensor:
    _, height, width = pixels.shape
    border = torch.cat([pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], dim=1)
    color = border.sort(dim=1).values[:, border.shape[1] // 2]
    padded = color[:, None, None].repeat(1, canvas.height, canvas.width)
    top, left = (canvas.height - height) // 2, (canvas.width - width) // 2
    padded[:, top : top + height, left : left + width] = pixels
    return padded
