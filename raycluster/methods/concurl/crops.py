"""Multi-crop: two large and some small crops of every image (Caron et al., SwAV, NeurIPS 2020)."""

from __future__ import annotations

import torch

from raycluster.methods.concurl.views import ViewRecipe, random_views

LARGE_CROPS = 2
SMALL_AREAS = (0.08, 0.4)  # of the image
COLORS = ViewRecipe(0.4, 0.4, 0.4, 0.1, jitter_share=0.8)


def crop_sides(side: int) -> tuple[int, int]:
    """Return the sides of large and small crops in pixels: 28 and 18 for images of 32."""
    return 7 * side // 8, 9 * side // 16


def multi_crop(
    images: torch.Tensor,
    small_crops: int,
    generator: torch.Generator | None = None,
    flip: bool = True,
    smallest_large: float = 0.2,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two large and ``small_crops`` small crops of every image, each with colors of its own.

    Parameters
    ----------
    images : Tensor of uint8, shape (B, 1 or 3, side, side)
    small_crops : int
    generator : Generator on the images' device
    flip : bool
        Mirror half of the crops.
    smallest_large : float
        The smallest fraction of an image's area that a large crop shows. Small ones show .08 to .4 of it.

    Returns
    -------
    large : Tensor of float32, shape (2 * B, 3, large side, large side)
        In [0, 1]; first one crop of every image, then the other.
    small : Tensor of float32, shape (small_crops * B, 3, small side, small side)
    """
    large_side, small_side = crop_sides(images.shape[2])
    large = random_views(images, [COLORS] * LARGE_CROPS, generator, flip, (smallest_large, 1.0), large_side)
    if not small_crops:
        return torch.cat(large), images.new_empty((0, 3, small_side, small_side), dtype=torch.float32)
    small = random_views(images, [COLORS] * small_crops, generator, flip, SMALL_AREAS, small_side)
    return torch.cat(large), torch.cat(small)
