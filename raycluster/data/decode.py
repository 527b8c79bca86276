"""One image: decoded to uint8 pixels, and those converted to the size and color of its set."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

# Other formats that Pillow supports are not tried: some of them start external programs.
FORMATS = ("PNG", "JPEG", "PPM", "GIF", "BMP", "DIB", "WEBP", "TIFF")
MAX_PIXELS = 2**27
ORIENTATION = 0x0112

# How the reason begins when the content is not at fault: such files are tried again the next time.
UNREACHABLE = "cannot be read for now: "


class Unreadable(Exception):
    """One image or file that cannot be read or decoded; the message is the reason, in plain words."""


class Rejected(NamedTuple):
    """An input row that did not become a result, and why."""

    path: str
    reason: str


def decode(data: bytes) -> np.ndarray:
    """Decode an encoded image; of an animation, the first frame.

    Transparent areas are placed on white, 16 bits are scaled to 8, palettes and CMYK become RGB (a palette of grays
    becomes gray), and the image is rotated as its EXIF orientation says.

    Parameters
    ----------
    data : bytes
        A PNG, JPEG, PPM, PGM, PBM, GIF, BMP, WebP or TIFF file of at most 2^27 pixels (134 megapixels).

    Returns
    -------
    pixels : ndarray of uint8, shape (H, W) if gray, (H, W, 3) if in color

    Raises
    ------
    Unreadable
    """
    if not data:
        raise Unreadable("the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise Unreadable(
                        f"too large: {image.width} x {image.height} pixels, at most {MAX_PIXELS:,} are supported"
                    )
                image.load()
                return _pixels(_upright(image))
    except Unreadable:
        raise
    except UnidentifiedImageError:
        raise Unreadable("not an image: its content is of no known format") from None
    except Image.DecompressionBombError:
        raise Unreadable(f"too large: at most {MAX_PIXELS:,} pixels are supported") from None
    except Exception as error:  # decoders raise exceptions of any kind on damaged data
        raise Unreadable(f"damaged: {error}") from None


def scale_to_uint8(values: np.ndarray) -> np.ndarray:
    """Return numbers as uint8: integers in 0..255 unchanged, floats in [0, 1] scaled, booleans as 0 or 255.

    Raises
    ------
    Unreadable
        If the values have another type or range, or are not numbers at all.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind not in "iuf":
        raise Unreadable(f"its pixels are {values.dtype}, not numbers")
    low, high = (values.min(), values.max()) if values.size else (0, 0)
    if values.dtype.kind == "f":
        if not (low >= 0 and high <= 1):
            raise Unreadable(f"floating-point pixels must be in [0, 1], these range from {low:g} to {high:g}")
        return np.rint(values * 255).astype(np.uint8)
    if not (low >= 0 and high <= 255):
        raise Unreadable(f"integer pixels must be in 0..255, these range from {low} to {high}")
    return values.astype(np.uint8)


def as_image(values: np.ndarray) -> np.ndarray:
    """Return an array of pixels in the form in which :func:`decode` returns an image.

    Parameters
    ----------
    values : ndarray of numbers, shape (H, W), (H, W, 1, 3 or 4) or (1 or 3, H, W)

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
    pixels = scale_to_uint8(values)
    if pixels.ndim == 2 or pixels.shape[-1] == 3:
        return pixels
    return pixels[..., 0] if pixels.shape[-1] == 1 else _on_white(Image.fromarray(pixels))


def prepare(pixels: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Convert an image to the color and size of its set.

    If both sides shrink by an integer factor, each new pixel is the mean of exactly the pixels it replaces. Otherwise
    it is interpolated linearly over the area it covers, so that fine patterns do not alias.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (H, W) or (H, W, 3)
    shape : tuple of int
        The wanted channels (1 or 3), height and width.

    Returns
    -------
    prepared : ndarray of uint8, shape ``shape``
    """
    channels, height, width = shape
    if channels == 1 and pixels.ndim == 3:
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))
    if pixels.shape[:2] != (height, width):
        image = Image.fromarray(pixels)
        factors = image.width // width, image.height // height
        if (width * factors[0], height * factors[1]) == image.size:
            pixels = np.asarray(image.reduce(factors))
        else:
            pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    if pixels.ndim == 2:
        return np.broadcast_to(pixels, shape)
    return pixels.transpose(2, 0, 1)


def prepare_block(values: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray | None:
    """Apply :func:`as_image` and :func:`prepare` to all images of an array at once, if only the layout changes.

    Parameters
    ----------
    values : ndarray of numbers, shape (m, H, W) or (m, H, W, C)
    shape : tuple of int
        The wanted channels (1 or 3), height and width.

    Returns
    -------
    prepared : ndarray of uint8, shape (m, *shape), or None
        None if the images have to be scaled, resized or converted in color, one by one.
    """
    channels, height, width = shape
    layouts = [(height, width, channels)] + [(height, width)] * (channels == 1)
    if values.dtype != np.uint8 or values.shape[1:] not in layouts:
        return None
    return values.reshape(-1, height, width, channels).transpose(0, 3, 1, 2)


def _upright(image: Image.Image) -> Image.Image:
    with contextlib.suppress(Exception):  # a damaged EXIF block is no reason to lose the image
        if image.getexif().get(ORIENTATION, 1) != 1:
            return ImageOps.exif_transpose(image)
    return image


def _pixels(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I;16"):
        return _from_16_bit(np.asarray(image))
    if image.mode == "I":  # Pillow's mode for 16-bit PGM, and for 32-bit TIFF, whose white point is unknown
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise Unreadable("32-bit integer pixels have no known white point: save it with 8 or 16 bits")
        return _from_16_bit(values)
    if image.mode == "F":
        return scale_to_uint8(np.asarray(image))
    if image.has_transparency_data:
        pixels = _on_white(image)
    else:
        pixels = np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))
    is_gray = image.mode in ("1", "L", "LA", "La") or (
        image.mode in ("P", "PA") and (pixels == pixels[..., :1]).all()  # palettes have no other way to be gray
    )
    return pixels[..., 0] if is_gray and pixels.ndim == 3 else pixels


def _on_white(image: Image.Image) -> np.ndarray:
    canvas = Image.new("RGBA", image.size, "white")
    canvas.alpha_composite(image.convert("RGBA"))
    return np.asarray(canvas.convert("RGB"))


def _from_16_bit(values: np.ndarray) -> np.ndarray:
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
