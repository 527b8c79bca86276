"""Files that contain whole arrays of images: NPZ and IDX, and the digits that come with scikit-learn."""

from __future__ import annotations

import gzip
import re
import struct
import zipfile
import zlib
from typing import BinaryIO

import numpy as np

from raycluster.data.decode import Unreadable, as_image, scale_to_uint8
from raycluster.data.location import Location

IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
IDX_LONGEST_HEADER = 4 + 4 * 255
GZIP_MAGIC = b"\x1f\x8b"
ZIP_LOCAL_HEADER = 30


def read_npz(location: Location, name: str, array: str = "images") -> np.ndarray:
    """Return one array of an NPZ file; if it is uncompressed and on this machine, it is memory-mapped, not read.

    Raises
    ------
    Unreadable
        If the file is damaged, contains pickled objects or has no such array.
    """
    try:
        with location.open(name) as file, zipfile.ZipFile(file) as archive:
            if f"{array}.npy" not in archive.namelist():
                present = ", ".join(entry.removesuffix(".npy") for entry in archive.namelist()) or "nothing"
                raise Unreadable(f"it has no array named {array} (it has {present})")
            member = archive.getinfo(f"{array}.npy")
            path = location.local_path(name)
            if path and member.compress_type == zipfile.ZIP_STORED:
                return _map_member(path, member)
            with archive.open(member) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise Unreadable(f"not a complete NPZ file: {error}") from None


def read_npz_labels(location: Location, name: str) -> np.ndarray | None:
    """Return ``labels`` of an NPZ file, or None if it has none."""
    with location.open(name) as file, zipfile.ZipFile(file) as archive:
        has_labels = "labels.npy" in archive.namelist()
    return read_npz(location, name, "labels") if has_labels else None


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
            path = location.local_path(name)
            if path and not head.startswith(GZIP_MAGIC):
                dtype, shape, start = _idx_header(head)
                return np.memmap(path, dtype, "r", start, shape)
            data = head + file.read()
        if head.startswith(GZIP_MAGIC):
            data = gzip.decompress(data)
        dtype, shape, start = _idx_header(data)
        return np.frombuffer(data, dtype, int(np.prod(shape)), start).reshape(shape)
    except (gzip.BadGzipFile, zlib.error, EOFError, ValueError, struct.error) as error:
        raise Unreadable(f"not a complete IDX file: {error}") from None


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
    zeros, code, n_dimensions = struct.unpack_from(">HBB", data)
    if zeros != 0 or code not in IDX_TYPES:
        raise ValueError("its first bytes are not those of an IDX file")
    return np.dtype(IDX_TYPES[code]), struct.unpack_from(f">{n_dimensions}I", data, 4), 4 + 4 * n_dimensions
