"""Opening one encoded image: its header is read, its pixels are not decoded yet."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import AvifImagePlugin, Image, ImageFile, UnidentifiedImageError

from raycluster.data.image.formats import HEAD_BYTES, format_of, unsupported_reason
from raycluster.data.unreadable import Unreadable, message_of

MAX_PIXELS = 2**27
ORIENTATION = 0x0112
ORIENTATION_KEYS = {"exif", "xmp"}
GRAY_MODES = ("1", "L", "LA", "La", "I", "F")
# One picture, whatever else the file holds: the previews of a camera, the layers of a drawing, the shots of a burst.
SINGLE = ("MPO", "PSD", "HEIF")

AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the cores are busy with other images


@contextlib.contextmanager
def open_image(file: BinaryIO, name: str = "", frame: int = 0) -> Iterator[ImageFile.ImageFile]:
    """Open an image at one of its frames, and turn whatever goes wrong in reading it into a reason.

    Parameters
    ----------
    file : binary file
        Must be able to seek.
    name : str
        Of the file; its suffix tells the formats that the content cannot tell.
    frame : int
        Which frame of an animation, or page.

    Raises
    ------
    Unreadable
        If there is no such frame or no image of a known format of at most 2^27 pixels (134 megapixels); also if
        decoding it fails in the ``with`` block.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            head = file.read(HEAD_BYTES)
            with Image.open(file, formats=(_checked_format(name, head),)) as image:
                if frame:
                    _go_to(image, frame)
                if image.width * image.height > MAX_PIXELS:
                    raise Unreadable(
                        f"too large: {image.width} x {image.height} pixels, at most {MAX_PIXELS:,} are supported"
                    )
                yield image
    except Unreadable:
        raise
    except UnidentifiedImageError:
        raise Unreadable("damaged: it begins like an image, but its header cannot be read") from None
    except Image.DecompressionBombError:
        raise Unreadable(f"too large: at most {MAX_PIXELS:,} pixels are supported") from None
    except Exception as error:  # decoders raise exceptions of any kind on damaged data
        raise Unreadable(f"damaged: {message_of(error)}") from None


def count_frames(image: ImageFile.ImageFile) -> int:
    """Return the number of frames of an animation, or of pages."""
    return 1 if image.format in SINGLE else getattr(image, "n_frames", 1)


def is_gray(image: ImageFile.ImageFile) -> bool:
    """Return whether an image is gray by its kind, whatever its pixels are: a palette if all its entries are gray."""
    if image.palette is None or image.mode not in ("P", "PA"):
        return image.mode in GRAY_MODES or image.mode.startswith("I;16")
    rawmode, entries = image.palette.getdata()
    probe = Image.new("P", (1, 1))  # knows the layouts that palettes have in files
    probe.putpalette(entries, rawmode)
    colors = np.array(probe.getpalette()).reshape(-1, 3)
    return bool((colors == colors[:, :1]).all())


def orientation(image: ImageFile.ImageFile, header_only: bool = False) -> int:
    """Return how the image has to be turned to be upright, by EXIF: 1 to 8, where 1 is upright as it is.

    A PNG file may have that after its pixels, so it is decoded to be sure, unless only its header may be read.
    """
    if image.format == "TIFF":
        return 1  # Pillow turns it, and has its size upright from the beginning
    if image.format != "PNG" and not ORIENTATION_KEYS & image.info.keys():
        return 1
    with contextlib.suppress(Exception):  # a damaged EXIF block is no reason to lose the image
        exif = Image.Image.getexif(image) if header_only else image.getexif()
        if (value := exif.get(ORIENTATION, 1)) in range(1, 9):
            return int(value)
    return 1


def upright_size(image: ImageFile.ImageFile, orientation: int) -> tuple[int, int]:
    """Return the height and width of the image once it is turned upright."""
    return (image.width, image.height) if orientation >= 5 else (image.height, image.width)


def _checked_format(name: str, head: bytes) -> str:
    if not head:
        raise Unreadable("the file is empty")
    if reason := unsupported_reason(name, head):
        raise Unreadable(reason)
    if (format := format_of(name, head)) is None:
        raise Unreadable("not an image: its content is of no known format")
    return format


def _go_to(image: ImageFile.ImageFile, frame: int) -> None:
    try:
        if image.format in SINGLE:
            raise EOFError
        image.seek(frame)
    except EOFError:
        raise Unreadable(f"it has no frame {frame}, counted from 0") from None
