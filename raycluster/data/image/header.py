"""What the header of an encoded image tells, without decoding the image."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

from raycluster.data.image.open_image import count_frames, is_gray, open_image, orientation, upright_size
from raycluster.data.image.pixel_values import depth


class Header(NamedTuple):
    """The form of an image.

    Attributes
    ----------
    height, width : int
        Once it is upright as its EXIF orientation says.
    channels : int
        1 if it is gray, 3 if it is in color.
    depth : int
        Bits per channel: 16 or 32 if :func:`raycluster.data.image.decode.decode` has to scale it, otherwise 8.
    frames : int
        Of an animation, or pages; 1 for an image with previews or layers.
    """

    height: int
    width: int
    channels: int
    depth: int
    frames: int


def read_header(file: BinaryIO, name: str = "") -> Header:
    """Read the header of an image: a few kilobytes, but of AVIF, HEIC and WebP the file, and of GIF its frame headers.

    Parameters
    ----------
    file : binary file
        At its beginning, and able to seek.
    name : str
        Of the file; its suffix tells the formats that the content cannot tell.

    Raises
    ------
    Unreadable
        If there is no image, or it is too large. Damage after the header goes unnoticed.
    """
    with open_image(file, name) as image:
        height, width = upright_size(image, orientation(image, header_only=True))
        return Header(height, width, 1 if is_gray(image) else 3, depth(image.mode), count_frames(image))
