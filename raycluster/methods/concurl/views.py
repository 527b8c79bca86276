"""ConCURL's random views: crop, grayscale, color jitter, flip and blur, for whole batches on the device.

Torchvision draws one set of parameters for a batch. Here, every image has its own parameters and its own order of color
changes, and nothing waits for the device. The result for an image is what torchvision computes for that image alone, in
floating point throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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


def random_view(
    images: torch.Tensor,
    recipe: ViewRecipe,
    generator: torch.Generator | None = None,
    flip: bool = True,
    smallest_crop: float = SMALLEST_CROP,
) -> torch.Tensor:
    """Return a random view of every image.

    Parameters
    ----------
    images : Tensor of uint8, shape (B, 1 or 3, side, side)
    recipe : ViewRecipe
    generator : Generator on the images' device
    flip : bool
        Mirror half of them.
    smallest_crop : float
        The smallest fraction of an image's area that a view shows.

    Returns
    -------
    views : Tensor of float32, shape (B, 3, side, side)
        In [0, 1].
    """
    batch, device = len(images), images.device
    uniform = torch.rand(8, batch, device=device, generator=generator)
    mirrored = (uniform[0] < 0.5) & flip
    views = crop(images.float() / 255, draw_boxes(images, generator, smallest_crop), mirrored).expand(-1, 3, -1, -1)
    views = torch.where((uniform[1] < GRAY_SHARE).view(-1, 1, 1, 1), gray(views), views)
    spreads = (recipe.brightness, recipe.contrast, recipe.saturation, recipe.hue)
    amounts = torch.stack([spread * (2 * u - 1) for spread, u in zip(spreads, uniform[2:6], strict=True)])
    order = torch.rand(batch, 4, device=device, generator=generator).argsort(dim=1)
    jittered = jitter(views, 1 + amounts[:3], amounts[3], order)
    if recipe.jitter_share < 1:
        jittered = torch.where((uniform[6] < recipe.jitter_share).view(-1, 1, 1, 1), jittered, views)
    if recipe.blur:
        jittered = blur(jittered, BLUR_SIGMA[0] + (BLUR_SIGMA[1] - BLUR_SIGMA[0]) * uniform[7])
    return jittered


def draw_boxes(
    images: torch.Tensor, generator: torch.Generator | None = None, smallest: float = SMALLEST_CROP
) -> torch.Tensor:
    """Draw ``top, left, height, width`` of a crop for every square image, float32 [4, B], like RandomResizedCrop."""
    batch, side, device = len(images), images.shape[2], images.device
    draws = torch.rand(2, ATTEMPTS, batch, device=device, generator=generator)
    area = side**2 * (smallest + (1 - smallest) * draws[0])
    low, high = math.log(RATIO[0]), math.log(RATIO[1])
    ratio = (low + (high - low) * draws[1]).exp()
    width, height = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (width <= side) & (height <= side)
    first = fits.float().argmax(dim=0, keepdim=True)
    any_fits = fits.any(dim=0)
    height = torch.where(any_fits, height.gather(0, first)[0], side)
    width = torch.where(any_fits, width.gather(0, first)[0], side)
    position = torch.rand(2, batch, device=device, generator=generator)
    top, left = (position * (side + 1 - torch.stack([height, width]))).floor()
    return torch.stack([top, left, height, width])


def crop(images: torch.Tensor, boxes: torch.Tensor, mirrored: torch.Tensor) -> torch.Tensor:
    """Crop to boxes, resize the crops to the size of the images by bilinear interpolation, and mirror some of them.

    Crops are never larger than the image, so no antialiasing is needed. Samples stay inside the box.

    Parameters
    ----------
    images : Tensor of float32, shape (B, C, H, W)
    boxes : Tensor of float32, shape (4, B)
        Top, left, height and width in pixels.
    mirrored : Tensor of bool, shape (B,)
    """
    height, width = images.shape[2:]
    tops, lefts, heights, widths = boxes[:, :, None]
    rows = (torch.arange(height, device=images.device) + 0.5) * (heights / height) - 0.5
    columns = (torch.arange(width, device=images.device) + 0.5) * (widths / width) - 0.5
    rows = tops + torch.minimum(rows.clamp(min=0), heights - 1)
    columns = lefts + torch.minimum(columns.clamp(min=0), widths - 1)
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    # With align_corners, -1 and 1 are the centers of the first and the last pixel.
    rows, columns = 2 * rows / (height - 1) - 1, 2 * columns / (width - 1) - 1
    shape = (-1, height, width)
    grid = torch.stack([columns[:, None, :].expand(shape), rows[:, :, None].expand(shape)], dim=3)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=True)


def gray(images: torch.Tensor) -> torch.Tensor:
    """Return the luma of images [B, 3, H, W] as [B, 1, H, W]."""
    red, green, blue = images.unbind(1)
    return (0.2989 * red + 0.587 * green + 0.114 * blue)[:, None]


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
    hue_step = (order == 3).int().argmax(dim=1)
    for step in range(3):
        images = _blend(images, factors, order[:, step], step < hue_step)
    images = shift_hue(images, hue)
    for step in range(1, 4):
        images = _blend(images, factors, order[:, step], step > hue_step)
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


def _blend(images: torch.Tensor, factors: torch.Tensor, change: torch.Tensor, active: torch.Tensor) -> torch.Tensor:
    """Apply each image's ``change``, 0 to 2, to the images that are ``active``; the others stay unchanged."""
    factor = factors.gather(0, change.clamp(max=2)[None])[0]
    factor = torch.where(active, factor, 1).view(-1, 1, 1, 1)
    luma = gray(images)
    target = (change == 1).view(-1, 1, 1, 1) * luma.mean(dim=(2, 3), keepdim=True)
    target = target + (change == 2).view(-1, 1, 1, 1) * luma
    return (factor * images + (1 - factor) * target).clamp(0, 1)
