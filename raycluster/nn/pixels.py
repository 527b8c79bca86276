"""Pixels in the form that networks take."""

from __future__ import annotations

import torch


def rgb(images: torch.Tensor) -> torch.Tensor:
    """Return uint8 images [B, 1 or 3, H, W] as float [B, 3, H, W] in [0, 1]; gray is copied to all three channels."""
    return (images.float() / 255).expand(-1, 3, -1, -1)
