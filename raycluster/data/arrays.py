"""Files that contain whole arrays of images: NPZ and IDX, and the digits that come with scikit-learn."""

from __future__ import annotations

import contextlib
import errno
import gzip
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from raycluster.data.decode import as_image
from raycluster.data.location import Location
from raycluster.data.pixel_values import scale_to_uint8
from raycluster.data.unreadable import Unreadable

IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
IDX_LONGEST_HEADER = 4 + 4 * 255
GZIP_MAGIC = b"\x1f\x8b"
ZIP_LOCAL_HEADER = 30
ENCRYPTED = 1  # a flag of zip
DEFLATE_MOST = 1032  # how many times larger the content of a gzip file can be
CHUNK = 2**20
TOO_LARGE = "it does not fit in memory: split it, or save it uncompressed"

IMAGES, LABELS = "images", "labels"
# The parts that sets of images are often split into, which together are the set.
KNOWN_PARTS = (
    ("train_images", "val_images", "test_images"),  # MedMNIST
    ("x_train", "x_test"),  # Keras
)


def image_arrays(location: Location, name: str, array: str | None = None) -> list[str]:
    """Return the names of the arrays of an NPZ file that hold its images.

    It is ``array`` where that is given, or else ``images``, or else the only array that can be images, or else the
    parts of MedMNIST (``train_images``, ``val_images``, ``test_images``) or Keras (``x_train``, ``x_test``).

    Raises
    ------
    Unreadable
        If the file is damaged, or has no such array, or several others.
    """
    with _open_npz(location, name) as archive:
        present = _array_names(archive)
        listed = ", ".join(present) or "nothing"
        if array is not None:
            if array not in present:
                raise Unreadable(f"it has no array named {array} (it has {listed}): name one with --array")
            return [array]
        if IMAGES in present:
            return [IMAGES]
        fitting = [one for one in present if _can_be_images(archive, one)]
    if len(fitting) == 1:
        return fitting
    for names in KNOWN_PARTS:
        if parts := [one for one in names if one in fitting]:
            return parts
    what = (
        f"the arrays {', '.join(fitting)} could all be images"
        if fitting
        else f"no array holds images (it has {listed})"
    )
    raise Unreadable(f"{what}: name one with --array")


def labels_array(array: str) -> str:
    """Return the name of the array with the labels of the images in another array of an NPZ file."""
    if array.startswith("x_"):
        return f"y_{array.removeprefix('x_')}"
    return array.replace(IMAGES, LABELS) if IMAGES in array else LABELS


def read_npz(location: Location, name: str, array: str = IMAGES) -> np.ndarray:
    """Return one array of an NPZ file; if it is uncompressed and on this machine, it is memory-mapped, not read.

    Raises
    ------
    Unreadable
        If the file is damaged, encrypted, contains pickled objects or has no such array.
    """
    with _open_npz(location, name) as archive:
        if array not in _array_names(archive):
            present = ", ".join(_array_names(archive)) or "nothing"
            raise Unreadable(f"it has no array named {array} (it has {present})")
        member = archive.getinfo(f"{array}.npy")
        _check_header(archive, member)
        path = location.local_path(name)
        if path and member.compress_type == zipfile.ZIP_STORED:
            return _map_member(path, member)
        with archive.open(member) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)


def read_npz_labels(location: Location, name: str, array: str = IMAGES) -> np.ndarray | None:
    """Return the labels of the images in an array of an NPZ file, or None if it has none.

    A column of labels, shape (n, 1), is returned as one of shape (n,).
    """
    wanted = labels_array(array)
    with _open_npz(location, name) as archive:
        has_labels = wanted in _array_names(archive)
    if not has_labels:
        return None
    labels = read_npz(location, name, wanted)
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def read_idx(location: Location, name: str) -> np.ndarray:
    """Return the array of an IDX file, gzipped or not; a plain file on this machine is memory-mapped, not read.

    Raises
    ------
    Unreadable
        If the file is damaged or not an IDX file.
    """
    try:
        with location.open(name) as file:
            head = file.read(IDX_LONGEST_HEADER)
            n_bytes = file.seek(0, os.SEEK_END)
            file.seek(0)
            if head.startswith(GZIP_MAGIC):
                with gzip.GzipFile(fileobj=file) as stream:
                    dtype, shape, start = _idx_header(stream.read(IDX_LONGEST_HEADER))
                    _check_claim(dtype, shape, n_bytes * DEFLATE_MOST - start)
                    stream.seek(start)
                    data = stream.read(dtype.itemsize * math.prod(shape))
                    while stream.read(CHUNK):  # to the end, where it says whether it is whole
                        pass
                return np.frombuffer(data, dtype).reshape(shape)
            dtype, shape, start = _idx_header(head)
            _check_claim(dtype, shape, n_bytes - start)
            if path := location.local_path(name):
                return np.memmap(path, dtype, "r", start, shape)
            file.seek(start)
            return np.frombuffer(file.read(dtype.itemsize * math.prod(shape)), dtype).reshape(shape)
    except (gzip.BadGzipFile, zlib.error, EOFError, ValueError, struct.error) as error:
        raise Unreadable(f"not a complete IDX file: {error}") from None
    except MemoryError:
        raise Unreadable(TOO_LARGE) from None


def idx_labels_name(name: str) -> str:
    """Return the name of the labels file that belongs to an IDX images file."""
    folder, slash, file = name.rpartition("/")
    return folder + slash + re.sub("idx[34]", "idx1", file.replace("images", "labels"))


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
        If there are none, or :func:`raycluster.data.decode.as_image` cannot convert them to uint8 pixels.
    """
    if images.ndim not in (3, 4) or images.size == 0:
        raise Unreadable(f"its images have shape {images.shape}, not (N, H, W) or (N, H, W, C)")
    height, width, *channels = as_image(images[0]).shape
    if images.dtype != np.uint8:
        for start in range(0, len(images), 1000):
            scale_to_uint8(images[start : start + 1000])
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


@contextlib.contextmanager
def _open_npz(location: Location, name: str) -> Iterator[zipfile.ZipFile]:
    """Open an NPZ file; raise :class:`Unreadable` if it turns out to be damaged."""
    try:
        with location.open(name) as file, zipfile.ZipFile(file) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, struct.error) as error:
        raise Unreadable(f"not a complete NPZ file: {error}") from None
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise Unreadable("not a complete NPZ file: its directory points outside it") from None
    except MemoryError:
        raise Unreadable(TOO_LARGE) from None


def _array_names(archive: zipfile.ZipFile) -> list[str]:
    return [entry.removesuffix(".npy") for entry in archive.namelist() if entry.endswith(".npy")]


def _can_be_images(archive: zipfile.ZipFile, array: str) -> bool:
    shape, dtype = _check_header(archive, archive.getinfo(f"{array}.npy"))
    return len(shape) in (3, 4) and dtype.kind in "biuf"


def _check_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[tuple[int, ...], np.dtype]:
    """Return shape and dtype of an array, after comparing them with the size of the member."""
    if member.flag_bits & ENCRYPTED:
        raise Unreadable("it is encrypted: save it without a password")
    with archive.open(member) as stream:
        shape, _, dtype = read_npy_header(stream)  # type: ignore[arg-type]  # a stream of bytes is enough
        if not dtype.hasobject:
            _check_claim(dtype, shape, member.file_size - stream.tell())
        return shape, dtype


def _check_claim(dtype: np.dtype, shape: tuple[int, ...], n_bytes: int) -> None:
    claimed = dtype.itemsize * math.prod(shape)
    if claimed > n_bytes or min(shape, default=0) < 0:
        raise ValueError(f"its header claims {claimed:,} bytes, and it has {max(n_bytes, 0):,}")


def _map_member(path: str, member: zipfile.ZipInfo) -> np.ndarray:
    with open(path, "rb") as file:
        file.seek(member.header_offset)
        local = file.read(ZIP_LOCAL_HEADER)
        name_length, extra_length = struct.unpack_from("<HH", local, 26)
        file.seek(member.header_offset + ZIP_LOCAL_HEADER + name_length + extra_length)
        shape, is_fortran, dtype = read_npy_header(file)
        if dtype.hasobject:
            raise ValueError("it contains pickled objects, which are never loaded")
        return np.memmap(path, dtype, "r", file.tell(), shape, "F" if is_fortran else "C")


def _idx_header(data: bytes) -> tuple[np.dtype, tuple[int, ...], int]:
    if len(data) < 4 or len(data) < 4 + 4 * data[3]:
        raise ValueError("it is cut off within its header")
    zeros, code, n_dimensions = struct.unpack_from(">HBB", data)
    if zeros != 0 or code not in IDX_TYPES:
        raise ValueError("its first bytes are not those of an IDX file")
    return np.dtype(IDX_TYPES[code]), struct.unpack_from(f">{n_dimensions}I", data, 4), 4 + 4 * n_dimensions
