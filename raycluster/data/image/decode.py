"""One image, decoded or from an array, as uint8 pixels."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile

from raycluster.data.image.open_image import is_gray, open_image, orientation
from raycluster.data.image.pixel_values import scale_16_bit, scale_to_uint8, stored_values
from raycluster.data.image.transparency import on_ground
from raycluster.data.unreadable import Unreadable

# By EXIF orientation: whether height and width change places, and the steps along them after that.
TURNS = {
    1: (False, 1, 1),
    2: (False, 1, -1),
    3: (False, -1, -1),
    4: (False, -1, 1),
    5: (True, 1, 1),
    6: (True, 1, -1),
    7: (True, -1, -1),
    8: (True, -1, 1),
}
MARGIN = 2
JPEG2000_HEADER_BYTES = 2**16


class Decoded(NamedTuple):
    """A decoded image.

    Attributes
    ----------
    image : PIL.Image.Image
        In mode L or RGB.
    extent : tuple of float
        Left, top, right and bottom of the picture in it. If it was decoded at a fraction of its size, its edges may
        lie within a pixel, or less than one pixel outside.
    """

    image: Image.Image
    extent: tuple[float, float, float, float]


def decode(
    data: bytes,
    *,
    name: str = "",
    frame: int = 0,
    at_least: tuple[int, int] | None = None,
    gray: bool = False,
    value_range: tuple[float, float] | None = None,
) -> np.ndarray:
    """Decode an encoded image.

    Transparent areas are placed on white or black (:func:`raycluster.data.image.transparency.on_ground`), more than 8
    bits are scaled to 8, palettes and CMYK become RGB (a palette of grays becomes gray), and the image is rotated as
    its EXIF orientation says.

    Parameters
    ----------
    data : bytes
        A file of one of the formats in :mod:`raycluster.data.image.formats`, of at most 2^27 pixels (134 megapixels).
    name : str
        Of the file; its suffix tells the formats that the content cannot tell.
    frame : int
        Which frame of an animation, or page.
    at_least : (int, int), optional
        The height and width, after rotation, that are needed. JPEG and JPEG 2000 are then decoded at a half, quarter
        or eighth of their size (or less), which takes a fraction of the time, as long as both sides stay twice as
        large as that: resized to it, the image is nearly the same.
    gray : bool
        Whether a color image becomes gray; JPEG files hold the gray image as such.
    value_range : (float, float), optional
        The values that become 0 and 255 in an image of more than 8 bits. By default 0 and 65535, or 0 and 1 of
        floating-point numbers.

    Returns
    -------
    pixels : ndarray of uint8, shape (H, W) if gray, (H, W, 3) if in color

    Raises
    ------
    Unreadable
    """
    with open_image(io.BytesIO(data), name, frame) as image:
        return np.asarray(read_image(image, orientation(image), at_least, gray, value_range).image)


def read_image(
    image: ImageFile.ImageFile,
    orientation: int,
    at_least: tuple[int, int] | None = None,
    gray: bool = False,
    value_range: tuple[float, float] | None = None,
) -> Decoded:
    """Decode an image that :func:`raycluster.data.image.open_image.open_image` has opened, as :func:`decode` does."""
    turned, down, right = TURNS[orientation]
    if at_least is not None and turned:
        at_least = at_least[1], at_least[0]
    width, height, first = _decode_less(image, at_least, gray)
    image.load()
    pixels = _eight_bits(image, value_range)
    if gray and pixels.mode != "L":
        pixels = pixels.convert("L")
    if orientation != 1:
        turn = np.asarray(pixels).swapaxes(0, 1) if turned else np.asarray(pixels)
        pixels = Image.fromarray(np.ascontiguousarray(turn[::down, ::right]))
    if turned:
        width, height = height, width
    left = first if right == 1 else pixels.width - first - width
    top = first if down == 1 else pixels.height - first - height
    return Decoded(pixels, (left, top, left + width, top + height))


def as_image(values: np.ndarray, value_range: tuple[float, float] | None = None) -> np.ndarray:
    """Return an array of pixels in the form in which :func:`decode` returns an image.

    Parameters
    ----------
    values : ndarray of numbers, shape (H, W), (H, W, 1, 3 or 4) or (1 or 3, H, W)
    value_range : (float, float), optional
        As in :func:`raycluster.data.image.pixel_values.scale_to_uint8`.

    Returns
    -------
    pixels : ndarray of uint8, shape (H, W) or (H, W, 3)

    Raises
    ------
    Unreadable
    """
    if values.ndim == 3 and values.shape[-1] not in (1, 3, 4) and values.shape[0] in (1, 3):
        values = np.moveaxis(values, 0, -1)
    if values.size == 0 or values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[-1] not in (1, 3, 4)):
        raise Unreadable(f"an array of shape {values.shape} is not an image: (H, W) or (H, W, 3) is expected")
    pixels = scale_to_uint8(values, value_range)
    if pixels.ndim == 2 or pixels.shape[-1] == 3:
        return pixels
    return pixels[..., 0] if pixels.shape[-1] == 1 else np.asarray(on_ground(Image.fromarray(pixels)))


def _decode_less(
    image: ImageFile.ImageFile, at_least: tuple[int, int] | None, gray: bool
) -> tuple[float, float, float]:
    """Let the image be decoded at a fraction of its size, and return where it then is.

    Returns
    -------
    width, height : float
    first : float
        Its left and upper edge, in pixels.
    """
    size = None if at_least is None else (MARGIN * at_least[1], MARGIN * at_least[0])
    width, height = image.size
    if isinstance(image, JpegImageFile):
        if gray or (size is not None and width >= 2 * size[0] and height >= 2 * size[1]):
            image.draft("L" if gray else None, size)
        scale = image.decoderconfig[0] if image.decoderconfig else 1
        return width / scale, height / scale, 0
    if isinstance(image, Jpeg2KImageFile) and size is not None:
        most = min(width // size[0], height // size[1]).bit_length() - 1
        image.reduce = halvings = _halvings(image, most)
        scale = 2**halvings
        # A halved pixel stands for the neighborhood of the first of two pixels, not for the middle between them.
        return width / scale, height / scale, (1 - 1 / scale) / 2
    return width, height, 0


def _halvings(image: ImageFile.ImageFile, most: int) -> int:
    """Return how often a JPEG 2000 image can be halved by leaving out its finest details, at most ``most`` times."""
    assert image.fp is not None
    image.fp.seek(0)
    head = image.fp.read(JPEG2000_HEADER_BYTES)
    style = head.find(b"\xff\x52", max(0, head.find(b"\xff\x4f\xff\x51")))  # the segment of coding styles
    stored = head[style + 9] if 0 <= style < len(head) - 9 else 0
    # The format rounds up to whole pixels, Pillow rounds to the nearest and fails where that is less.
    return max(
        (n for n in range(1, min(most, stored) + 1) if all(-side % 2**n <= 2 ** (n - 1) for side in image.size)),
        default=0,
    )


def _eight_bits(image: ImageFile.ImageFile, value_range: tuple[float, float] | None) -> Image.Image:
    values = stored_values(image)
    if values is not None:
        scale = scale_to_uint8 if values.dtype.kind == "f" else scale_16_bit
        return Image.fromarray(scale(values, value_range))
    if image.has_transparency_data:
        pixels = on_ground(image)
    elif image.mode in ("L", "RGB"):
        return image
    else:
        pixels = image.convert("L" if image.mode == "1" else "RGB")
    return pixels.convert("L") if is_gray(image) else pixels
