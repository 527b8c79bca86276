"""ConCURL's random views: crop, grayscale, color jitter, flip and blur, for whole batches on the device.

Torchvision draws one set of parameters for a batch. Here, every image has its own parameters and its own order of color
changes, and nothing waits for the device. The result for an image is what torchvision computes for that image alone, in
floating point throughout.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.nn import functional as F

SMALLEST_CROP = 0.2  # of the image's area
RATIO = (3 / 4, 4 / 3)  # of a crop's width to its height
ATTEMPTS = 10  # crops to draw until one fits; if none does, the whole image is used
GRAY_SHARE = 0.2
BLUR_KERNEL, BLUR_SIGMA = 23, (0.1, 2.0)


@dataclass(frozen=True)
class ViewRecipe:
    """How strongly the colors of a view are changed.

    Attributes
    ----------
    brightness, contrast, saturation : float
        Factors are drawn from between 1 minus and 1 plus this value.
    hue : float
        Shifts are drawn from between minus and plus this fraction of the color circle.
    jitter_share : float
        The share of images whose colors are changed.
    blur : bool
    """

    brightness: float
    contrast: float
    saturation: float
    hue: float
    jitter_share: float = 1.0
    blur: bool = False


VIEW_1 = ViewRecipe(0.4, 0.4, 0.4, 0.4)
VIEW_2 = {
    "same": VIEW_1,
    "slight": ViewRecipe(0.38, 0.38, 0.38, 0.38),
    "strong": ViewRecipe(0.4, 0.4, 0.2, 0.1, jitter_share=0.8, blur=True),
}


def random_views(
    images: torch.Tensor,
    recipes: Sequence[ViewRecipe],
    generator: torch.Generator | None = None,
    flip: bool = True,
    areas: tuple[float, float] = (SMALLEST_CROP, 1.0),
    side: int | None = None,
) -> list[torch.Tensor]:
    """Return random views of every image, one for each recipe, all of them made at once.

    Parameters
    ----------
    images : Tensor of uint8, shape (B, 1 or 3, side, side)
    recipes : sequence of ViewRecipe
    generator : Generator on the images' device
    flip : bool
        Mirror half of them.
    areas : (float, float)
        The smallest and the largest fraction of an image's area that a view shows.
    side : int, optional
        Of the views; by default that of the images.

    Returns
    -------
    views : list of Tensor of float32, shape (B, 3, side, side)
        In [0, 1].
    """
    draws = [_draw(images, generator) for _ in recipes]
    uniform, sizes, positions, order = (torch.cat(parts, dim=-1) for parts in zip(*draws, strict=True))
    boxes = _boxes(images.shape[2], sizes, positions, areas)
    mirrored = (uniform[0] < 0.5) & flip
    floats = (images.float() / 255).repeat(len(recipes), 1, 1, 1)
    views = crop(floats, boxes, mirrored, side).expand(-1, 3, -1, -1)
    views = torch.where((uniform[1] < GRAY_SHARE).view(-1, 1, 1, 1), gray(views), views)
    amounts = torch.cat([_amounts(recipe, draw.uniform) for recipe, draw in zip(recipes, draws, strict=True)], dim=1)
    jittered = jitter(views, 1 + amounts[:3], amounts[3], order.argsort(dim=0).T)
    made = []
    parts = (each.split(len(images)) for each in (views, jittered))
    for recipe, draw, plain, changed in zip(recipes, draws, *parts, strict=True):
        view = changed
        if recipe.jitter_share < 1:
            view = torch.where((draw.uniform[6] < recipe.jitter_share).view(-1, 1, 1, 1), changed, plain)
        if recipe.blur:
            view = blur(view, BLUR_SIGMA[0] + (BLUR_SIGMA[1] - BLUR_SIGMA[0]) * draw.uniform[7])
        made.append(view)
    return made


class _Draws(NamedTuple):
    """Random numbers in [0, 1) for a view of every image; the last dimension is that of the images."""

    uniform: torch.Tensor  # [8, B]: flip, gray, brightness, contrast, saturation, hue, jitter, blur
    sizes: torch.Tensor  # [2, ATTEMPTS, B]: area and ratio of crops
    positions: torch.Tensor  # [2, B]: of the crop
    order: torch.Tensor  # [4, B]: the color changes come in the order of these


def _draw(images: torch.Tensor, generator: torch.Generator | None) -> _Draws:
    batch, device = len(images), images.device
    uniform = torch.rand(8, batch, device=device, generator=generator)
    sizes = torch.rand(2, ATTEMPTS, batch, device=device, generator=generator)
    positions = torch.rand(2, batch, device=device, generator=generator)
    return _Draws(uniform, sizes, positions, torch.rand(batch, 4, device=device, generator=generator).T)


def _amounts(recipe: ViewRecipe, uniform: torch.Tensor) -> torch.Tensor:
    """Return by how much brightness, contrast, saturation and hue of every image change, float32 [4, B]."""
    spreads = (recipe.brightness, recipe.contrast, recipe.saturation, recipe.hue)
    return torch.stack([spread * u for spread, u in zip(spreads, 2 * uniform[2:6] - 1, strict=True)])


def draw_boxes(
    images: torch.Tensor,
    generator: torch.Generator | None = None,
    areas: tuple[float, float] = (SMALLEST_CROP, 1.0),
) -> torch.Tensor:
    """Draw ``top, left, height, width`` of a crop for every square image, float32 [4, B], like RandomResizedCrop."""
    draws = _draw(images, generator)
    return _boxes(images.shape[2], draws.sizes, draws.positions, areas)


def _boxes(side: int, sizes: torch.Tensor, positions: torch.Tensor, areas: tuple[float, float]) -> torch.Tensor:
    smallest, largest = areas
    area = side**2 * (smallest + (largest - smallest) * sizes[0])
    low, high = math.log(RATIO[0]), math.log(RATIO[1])
    ratio = (low + (high - low) * sizes[1]).exp()
    width, height = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (width <= side) & (height <= side)
    first = fits.float().argmax(dim=0, keepdim=True)
    extent = torch.stack([height, width]).gather(1, first.expand(2, 1, -1))[:, 0]
    extent = torch.where(fits.any(dim=0), extent, side)
    corner = (positions * (side + 1 - extent)).floor()
    return torch.cat([corner, extent])


def crop(images: torch.Tensor, boxes: torch.Tensor, mirrored: torch.Tensor, side: int | None = None) -> torch.Tensor:
    """Crop to boxes, resize the crops to the size of the images by bilinear interpolation, and mirror some of them.

    Crops are never larger than the image, so no antialiasing is needed. Samples stay inside the box.

    Parameters
    ----------
    images : Tensor of float32, shape (B, C, H, W)
    boxes : Tensor of float32, shape (4, B)
        Top, left, height and width in pixels.
    mirrored : Tensor of bool, shape (B,)
    side : int, optional
        Make squares of this many pixels instead.
    """
    height, width = images.shape[2:]
    new_height, new_width = (side, side) if side else (height, width)
    tops, lefts, heights, widths = boxes[:, :, None]
    rows = (torch.arange(new_height, device=images.device) + 0.5) * (heights / new_height) - 0.5
    columns = (torch.arange(new_width, device=images.device) + 0.5) * (widths / new_width) - 0.5
    rows = tops + torch.minimum(rows.clamp(min=0), heights - 1)
    columns = lefts + torch.minimum(columns.clamp(min=0), widths - 1)
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    # With align_corners, -1 and 1 are the centers of the first and the last pixel.
    rows, columns = 2 * rows / (height - 1) - 1, 2 * columns / (width - 1) - 1
    shape = (-1, new_height, new_width)
    grid = torch.stack([columns[:, None, :].expand(shape), rows[:, :, None].expand(shape)], dim=3)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=True)


def gray(images: torch.Tensor) -> torch.Tensor:
    """Return the luma of images [B, 3, H, W] as [B, 1, H, W]."""
    return (images * _luma_weights(images.device)).sum(dim=1, keepdim=True)


@functools.cache
def _luma_weights(device: torch.device) -> torch.Tensor:
    """Return the weights of red, green and blue, float32 [3, 1, 1], made once: a copy to a GPU cannot be captured."""
    return torch.tensor([0.2989, 0.587, 0.114], device=device).view(3, 1, 1)


def jitter(images: torch.Tensor, factors: torch.Tensor, hue: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """Change brightness, contrast, saturation and hue of every image, each image in its own order.

    The first three are all blends: with black, with the mean gray, and with the gray of each pixel. So every image goes
    through three possible blends, the hue shift, and three more; blends that its order does not have at that point
    leave it unchanged.

    Parameters
    ----------
    images : Tensor of float32, shape (B, 3, H, W)
        In [0, 1].
    factors : Tensor of float32, shape (3, B)
        For brightness, contrast and saturation.
    hue : Tensor of float32, shape (B,)
        As a fraction of the color circle.
    order : Tensor of int64, shape (B, 4)
        What is changed first, second and so on: 0 brightness, 1 contrast, 2 saturation, 3 hue.
    """
    hue_step, steps = (order == 3).int().argmax(dim=1, keepdim=True), torch.arange(4, device=images.device)
    change = torch.cat([order[:, :3], order[:, 1:]], dim=1)
    active = torch.cat([steps[:3] < hue_step, steps[1:] > hue_step], dim=1)
    factor = torch.where(active, factors.T.gather(1, change.clamp(max=2)), 1)
    rest = 1 - factor
    blends = torch.stack([factor, rest * (change == 1), rest * (change == 2)])[..., None, None, None].unbind(2)
    for own, mean_gray, own_gray in blends[:3]:
        images = _blend(images, own, mean_gray, own_gray)
    images = shift_hue(images, hue)
    for own, mean_gray, own_gray in blends[3:]:
        images = _blend(images, own, mean_gray, own_gray)
    return images


def shift_hue(images: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """Shift the hue of images [B, 3, H, W] in [0, 1], each by its own fraction of the color circle [B]."""
    red, green, blue = images.unbind(1)
    largest = images.amax(dim=1)
    chroma = largest - images.amin(dim=1)
    safe = torch.where(chroma == 0, 1, chroma)
    sixth = torch.where(
        largest == red,
        (green - blue) / safe,
        torch.where(largest == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    sixth = sixth + 6 * turns[:, None, None]
    start = torch.arange(5, 0, -2, device=images.device).view(3, 1, 1)
    position = (start + sixth[:, None]) % 6
    return largest[:, None] - chroma[:, None] * torch.minimum(position, 4 - position).clamp(0, 1)


def blur(images: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Blur images [B, C, H, W] by Gaussians, each with its own sigma [B] in pixels; the border is reflected."""
    batch, channels, height, width = images.shape
    half = BLUR_KERNEL // 2
    offset = torch.arange(-half, half + 1, device=images.device)
    kernel = (-0.5 * (offset / sigma[:, None]) ** 2).softmax(dim=1).repeat_interleave(channels, dim=0)
    stacked = F.pad(images.reshape(1, batch * channels, height, width), [half] * 4, mode="reflect")
    stacked = F.conv2d(stacked, kernel[:, None, :, None], groups=batch * channels)
    stacked = F.conv2d(stacked, kernel[:, None, None, :], groups=batch * channels)
    return stacked.view(batch, channels, height, width)


def _blend(images: torch.Tensor, own: torch.Tensor, mean_gray: torch.Tensor, own_gray: torch.Tensor) -> torch.Tensor:
    """Add up every image, its mean gray and the gray of its pixels, with weights of shape (B, 1, 1, 1)."""
    luma = gray(images)
    return (own * images + (mean_gray * luma.mean(dim=(2, 3), keepdim=True) + own_gray * luma)).clamp(0, 1)
