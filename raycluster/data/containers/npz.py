"""Images in NPZ files: which arrays hold them, and reading those and their labels."""

from __future__ import annotations

import contextlib
import errno
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np

from raycluster.data.containers.arrays import TOO_LARGE, check_claim, read_npy_header
from raycluster.data.files.location import Location
from raycluster.data.unreadable import Unreadable, message_of

ZIP_LOCAL_HEADER = 30
ENCRYPTED = 1  # a flag of zip

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


@contextlib.contextmanager
def _open_npz(location: Location, name: str) -> Iterator[zipfile.ZipFile]:
    """Open an NPZ file; raise :class:`Unreadable` if it turns out to be damaged."""
    try:
        with location.open(name) as file, zipfile.ZipFile(file) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, struct.error) as error:
        raise Unreadable(f"not a complete NPZ file: {message_of(error)}") from None
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
            check_claim(dtype, shape, member.file_size - stream.tell())
        return shape, dtype


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
