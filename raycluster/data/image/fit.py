"""Images on the canvas of their set: in its color and size, with their own aspect ratio."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from raycluster.data.canvas import Canvas, Interpolation

Box = tuple[float, float, float, float]


class Placement(NamedTuple):
    """Which part of an image is shown on a canvas, and how large.

    Attributes
    ----------
    height, width : int
        Of the shown part, on the canvas.
    box : tuple of float
        Left, top, right and bottom of the shown part, as fractions of the image.
    averages : bool
        Whether all of it is shown and both sides shrink by an integer factor.
    """

    height: int
    width: int
    box: Box
    averages: bool

    @property
    def at_least(self) -> tuple[int, int]:
        """The height and width that the whole image has at that size."""
        left, top, right, bottom = self.box
        return math.ceil(self.height / (bottom - top)), math.ceil(self.width / (right - left))


def has_aspect_of(canvas: Canvas, height: Any, width: Any) -> Any:
    """Return whether images have the aspect ratio of a canvas, to within a pixel on the short side of the canvas.

    Parameters
    ----------
    canvas : Canvas
    height, width : int, or ndarrays of int of one shape
        Of the images.
    """
    first, second = height * canvas.width, width * canvas.height
    difference = abs(first - second) * (min(canvas.height, canvas.width) - 1)
    return (difference <= first) & (difference <= second)


def place(height: int, width: int, canvas: Canvas) -> Placement:
    """Place an image on a canvas: all of it, or its central part, as ``canvas.fit`` says."""
    down, right = canvas.height / height, canvas.width / width
    has_aspect = has_aspect_of(canvas, height, width)
    if canvas.fit == "crop" and (not has_aspect or canvas.crop_share < 1):
        half = canvas.crop_share / 2
        y, x = half * down / max(down, right), half * right / max(down, right)
        return Placement(canvas.height, canvas.width, (0.5 - x, 0.5 - y, 0.5 + x, 0.5 + y), averages=False)
    shown_height, shown_width = canvas.height, canvas.width
    if not has_aspect:
        scale = min(down, right)
        shown_height, shown_width = max(1, round(height * scale)), max(1, round(width * scale))
    averages = height % shown_height == 0 and width % shown_width == 0
    return Placement(shown_height, shown_width, (0.0, 0.0, 1.0, 1.0), averages)


def prepare(pixels: np.ndarray, canvas: Canvas) -> np.ndarray:
    """Convert an image to the color and size of its set, without changing its aspect ratio.

    An image that has the aspect ratio of the canvas is resized to it. Of another one, the central part is taken
    (``fit="crop"``), or all of it is centered on a ground of one color, the median of the pixels along its border
    (``fit="pad"``). With a ``crop_share`` below 1, the central part is smaller, and is taken of every image.

    If all of it is shown and both sides shrink by an integer factor, each new pixel is the mean of exactly the pixels
    it replaces. Otherwise, and always with bicubic interpolation, it is interpolated over the area it covers, so that
    fine patterns do not alias.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (H, W) or (H, W, 3)
    canvas : Canvas

    Returns
    -------
    prepared : ndarray of uint8, shape ``canvas.shape``
    """
    height, width = pixels.shape[:2]
    return fill(Image.fromarray(pixels), place(height, width, canvas), canvas)


def fill(image: Image.Image, placement: Placement, canvas: Canvas, extent: Box | None = None) -> np.ndarray:
    """Prepare an image as :func:`prepare` does, at a placement that is known already.

    Parameters
    ----------
    image : PIL.Image.Image
        In mode L or RGB.
    placement : Placement
    canvas : Canvas
    extent : tuple of float, optional
        Left, top, right and bottom of the picture in ``image``, if it is not all of it; up to a pixel outside.

    Returns
    -------
    prepared : ndarray of uint8, shape ``canvas.shape``
    """
    if canvas.channels == 1 and image.mode != "L":
        image = image.convert("L")
    pixels = np.asarray(_resize(image, placement, extent or (0, 0, *image.size), canvas.interpolation))
    if pixels.shape[:2] != (canvas.height, canvas.width):
        pixels = _pad(pixels, canvas)
    if pixels.ndim == 2:
        return np.broadcast_to(pixels, canvas.shape)
    return pixels.transpose(2, 0, 1)


def prepare_block(values: np.ndarray, canvas: Canvas) -> np.ndarray | None:
    """Prepare all images of an array at once, if only the layout changes.

    Parameters
    ----------
    values : ndarray of numbers, shape (m, H, W) or (m, H, W, C)
    canvas : Canvas

    Returns
    -------
    prepared : ndarray of uint8, shape (m, *canvas.shape), or None
        None if the images have to be scaled, resized or converted in color, one by one.
    """
    channels, height, width = canvas.shape
    layouts = [(height, width, channels)] + [(height, width)] * (channels == 1)
    if canvas.fit == "crop" and canvas.crop_share < 1:
        return None
    if values.dtype != np.uint8 or values.shape[1:] not in layouts:
        return None
    return values.reshape(-1, height, width, channels).transpose(0, 3, 1, 2)


def _resize(image: Image.Image, placement: Placement, extent: Box, interpolation: Interpolation) -> Image.Image:
    height, width, shown, averages = placement
    left, top, right, bottom = extent
    if left < 0 or top < 0 or right > image.width or bottom > image.height:
        pixels = np.asarray(image)
        image = Image.fromarray(np.pad(pixels, ((1, 1), (1, 1), (0, 0))[: pixels.ndim], mode="edge"))
        left, top, right, bottom = left + 1, top + 1, right + 1, bottom + 1
    x, y = right - left, bottom - top
    box = left + shown[0] * x, top + shown[1] * y, left + shown[2] * x, top + shown[3] * y
    is_whole = box == (0, 0, *image.size)
    if is_whole and image.size == (width, height):
        return image
    if interpolation == "bicubic":
        return image.resize((width, height), Image.Resampling.BICUBIC, box=box)
    factors = image.width // width, image.height // height
    if is_whole and (width * factors[0], height * factors[1]) == image.size:
        return image.reduce(factors)
    # A smaller copy of an image that is to be averaged: of Pillow's filters, this one comes nearest to the mean.
    method = Image.Resampling.HAMMING if averages else Image.Resampling.BILINEAR
    return image.resize((width, height), method, box=box)


def _pad(pixels: np.ndarray, canvas: Canvas) -> np.ndarray:
    height, width = pixels.shape[:2]
    padded = np.empty((canvas.height, canvas.width, *pixels.shape[2:]), np.uint8)
    padded[:] = _border_color(pixels)
    top, left = (canvas.height - height) // 2, (canvas.width - width) // 2
    padded[top : top + height, left : left + width] = pixels
    return padded


def _border_color(pixels: np.ndarray) -> np.ndarray:
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return np.sort(border, axis=0)[len(border) // 2]
