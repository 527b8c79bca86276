"""Decoded images on a device, brought to the canvas of their set as :mod:`raycluster.data.image.fit` does."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal

import torch

from raycluster.data.canvas import Canvas
from raycluster.data.image.fit import Placement

WEIGHTS_KEPT = 32  # images of a set often have few sizes
Shape = Literal["mean", "triangle", "cubic"]


def _cubic(x: torch.Tensor) -> torch.Tensor:
    """Return Keys' cubic with a = -1/2, as Pillow has it."""
    return torch.where(x < 1, (1.5 * x - 2.5) * x**2 + 1, ((2.5 - 0.5 * x) * x - 4) * x + 2) * (x < 2)


SHAPES: dict[Shape, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda x: (x < 0.5).double(),
    "triangle": lambda x: (1 - x).clamp(min=0),
    "cubic": _cubic,
}


def fill_on_device(pixels: torch.Tensor, placement: Placement, canvas: Canvas) -> torch.Tensor:
    """Prepare an image as :func:`raycluster.data.image.fit.fill` does, on the device that it is on.

    The same weights (means, or a triangle or a cubic as wide as a new pixel, over a box that may begin within a pixel)
    are applied as two matrices. Pillow rounds between the two sides and this does not, so a pixel may differ by one
    level, or two of a cubic.

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
    shape: Shape = "cubic" if canvas.interpolation == "bicubic" else "mean" if averages else "triangle"
    down = _weights(pixels.shape[1], height, top, bottom, shape, pixels.device)
    across = _weights(pixels.shape[2], width, left, right, shape, pixels.device)
    shown = (down @ (pixels.float() @ across.T).clamp(0, 255)).round().clamp(0, 255).byte()
    return shown if (height, width) == (canvas.height, canvas.width) else _pad(shown, canvas)


@functools.lru_cache(WEIGHTS_KEPT)
def _weights(n: int, length: int, first: float, last: float, shape: Shape, device: torch.device) -> torch.Tensor:
    """Return float32 [length, n]: what each of n pixels adds to new ones, which show it from ``first`` to ``last``."""
    scale = (last - first) * n / length
    centers = first * n + (torch.arange(length, dtype=torch.float64) + 0.5) * scale
    distance = (torch.arange(n, dtype=torch.float64) + 0.5 - centers[:, None]).abs() / max(scale, 1.0)
    weights = SHAPES[shape](distance)
    return (weights / weights.sum(dim=1, keepdim=True)).float().to(device)


def _pad(pixels: torch.Tensor, canvas: Canvas) -> torch.Tensor:
    _, height, width = pixels.shape
    border = torch.cat([pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], dim=1)
    color = border.sort(dim=1).values[:, border.shape[1] // 2]
    padded = color[:, None, None].repeat(1, canvas.height, canvas.width)
    top, left = (canvas.height - height) // 2, (canvas.width - width) // 2
    padded[:, top : top + height, left : left + width] = pixels
    return padded
