"""Arrays of images: whether they are images, NumPy's headers, and the digits that come with scikit-learn."""

from __future__ import annotations

import math
from typing import BinaryIO

import numpy as np

from raycluster.data.image.decode import as_image
from raycluster.data.unreadable import Unreadable

TOO_LARGE = "it does not fit in memory: split it, or save it uncompressed"


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """Return scikit-learn's 1,797 digits as uint8 (1797, 8, 8), their 0..16 scaled to 0..255, and their labels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return np.rint(digits.images * (255 / 16)).astype(np.uint8), digits.target.astype(np.int64)


def check_images(images: np.ndarray) -> tuple[int, int, int]:
    """Return height, width and channels (1 or 3) of the images in an array.

    Raises
    ------
    Unreadable
        If there are none, or they have no shape or type of images.
    """
    if images.ndim not in (3, 4) or images.size == 0:
        raise Unreadable(f"its images have shape {images.shape}, not (N, H, W) or (N, H, W, C)")
    return size_of(images[0])


def size_of(image: np.ndarray) -> tuple[int, int, int]:
    """Return height, width and channels (1 or 3) of an image in an array, whatever its values are.

    Raises
    ------
    Unreadable
        If :func:`raycluster.data.image.decode.as_image` cannot convert it to uint8 pixels.
    """
    height, width, *channels = as_image(np.zeros(image.shape, image.dtype)).shape
    return height, width, 3 if channels else 1


def read_npy_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, whether the order is Fortran's, and dtype of an array in NumPy's format.

    It leaves the file positioned at the data.

    Raises
    ------
    ValueError
        If it is not such an array.
    """
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read_header(file)


def check_claim(dtype: np.dtype, shape: tuple[int, ...], n_bytes: int) -> None:
    """Refuse an array whose header claims more bytes than there are.

    Raises
    ------
    ValueError
    """
    if dtype.itemsize * math.prod(shape) > n_bytes or min(shape, default=0) < 0:
        raise ValueError(f"its header claims more than the {max(n_bytes, 0):,} bytes that there are")
