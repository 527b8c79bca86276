"""Which encoded images a GPU's JPEG decoder is given, by their headers."""

from __future__ import annotations

import io
from typing import NamedTuple

from PIL.JpegImagePlugin import JpegImageFile

from raycluster.data.image.open_image import open_image, orientation
from raycluster.data.unreadable import Unreadable

BEGINNING, END = b"\xff\xd8\xff", b"\xff\xd9"
MOST_PIXELS = 2**25  # 100 MB decoded; also what is decoded at a time
LUMA_SAMPLING = {(1, 1), (2, 1), (1, 2), (2, 2), (4, 1)}


class DeviceJpeg(NamedTuple):
    """A JPEG file that is decoded on a device.

    Attributes
    ----------
    data : bytes
    n_pixels : int
    orientation : int
        By EXIF: 1 to 8, where 1 is upright as it is.
    """

    data: bytes
    n_pixels: int
    orientation: int


def device_jpeg(data: bytes, most_bytes: int, name: str = "", frame: int = 0) -> DeviceJpeg | None:
    """Return an encoded image as one for a device's decoder, or None if the CPU has to decode or reject it.

    For a device are JPEG files as nearly all are: complete, gray or YCbCr of 8 bits with a usual subsampling, and of at
    most 2^25 pixels (33 megapixels). Left to the CPU are other formats, CMYK and RGB in JPEG, several images in one
    file, and files that do not end with the marker of the end: a GPU's decoder may fill what is missing with gray.

    Parameters
    ----------
    data : bytes
    most_bytes : int
        Of an encoded image; a larger one is for the CPU.
    name, frame
        As in :func:`raycluster.data.image.decode.decode`.
    """
    if len(data) > most_bytes or not data.startswith(BEGINNING) or not data.endswith(END):
        return None
    try:
        with open_image(io.BytesIO(data), name, frame) as image:
            n_pixels = image.width * image.height
            if image.format != "JPEG" or n_pixels > MOST_PIXELS or not _is_usual(image):
                return None
            return DeviceJpeg(data, n_pixels, orientation(image))
    except Unreadable:  # the CPU says why
        return None


def _is_usual(image: object) -> bool:
    assert isinstance(image, JpegImageFile)
    components = image.layer  # (number, horizontal sampling, vertical sampling, table) of each
    if len(components) == 1:
        return True
    numbers, sampling = [one[0] for one in components], [one[1:3] for one in components]
    is_ycbcr = numbers == [1, 2, 3] and image.info.get("adobe_transform", 1) == 1
    return is_ycbcr and sampling[0] in LUMA_SAMPLING and sampling[1:] == [(1, 1)] * 2
