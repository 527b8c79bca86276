"""Where every image of a source is stored, as plain arrays, and how ranges of images are read.

The arrays go into Ray's object store once; after that a task receives nothing but a range of row numbers.
"""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import pyarrow as pa

from raycluster.data import arrays, containers
from raycluster.data.containers import Item
from raycluster.data.decode import UNREACHABLE, Unreadable, as_image, decode
from raycluster.data.location import Location
from raycluster.data.sources import ARRAY_KINDS, DIGITS, printable

MAX_RANGE_ROWS = 1000
MAX_RANGE_FILES = 256
MIN_RANGE_ROWS = 64
MAX_RANGE_BYTES = 2**25
READ_THREADS = 16
KEPT_OPEN = 2

_open_containers: dict[tuple[str, ...], Any] = {}


@dataclass(frozen=True)
class Rows:
    """One row for every image: which file it is in, in which row group, and at which position.

    Attributes
    ----------
    location : Location
    kind : str
    files : pyarrow.Array of binary
        File names, relative to the location, as the bytes that the file system has.
    file : ndarray of int32, shape (n,)
    row_group : ndarray of int32, shape (n,)
        In Parquet; otherwise 0.
    position : ndarray of int64, shape (n,)
        Index in the array or the row group, or the byte where a member of a tar file begins.
    n_bytes : ndarray of float32, shape (n,)
        About how many bytes have to be read for the image.
    opening : str
        A name for this opening of the source, under which processes keep its containers open.
    """

    location: Location
    kind: str
    files: pa.Array
    file: np.ndarray
    row_group: np.ndarray
    position: np.ndarray
    n_bytes: np.ndarray
    opening: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __len__(self) -> int:
        return len(self.file)

    @property
    def are_arrays(self) -> bool:
        """Whether every file is an array of images of one size, so that no image has to be decoded to know it."""
        return self.kind in ARRAY_KINDS

    def select(self, which: np.ndarray) -> Rows:
        """Return some of the rows, by index or mask."""
        columns = {name: getattr(self, name)[which] for name in ("file", "row_group", "position", "n_bytes")}
        return replace(self, **columns)

    def name(self, file: int) -> str:
        """Return the name of a file, with bytes that are not UTF-8 as Python represents them."""
        return os.fsdecode(self.files[int(file)].as_py())

    def paths(self) -> list[str]:
        """Return readable names: the file, and in a file of many images also ``#`` and the row in it.

        Rows in a file are counted from its first row here, so call this before :meth:`select`.
        """
        names = [printable(os.fsdecode(name)) for name in cast("list[bytes]", self.files.to_pylist())]
        if self.kind == "images":
            return names
        first = np.searchsorted(self.file, np.arange(len(names)))
        return [f"{names[file]}#{row - first[file]}" for row, file in enumerate(self.file.tolist())]

    def ranges(self, start: int, stop: int, bytes_per_image: int = 0) -> np.ndarray:
        """Cut rows into ranges that one task each reads: at most 1,000 images, 32 MB, and one container.

        Image files are opened one by one anyway, and adjacent ones often belong to one class, so their ranges are
        shorter.

        Parameters
        ----------
        start, stop : int
        bytes_per_image : int
            The size of an image once it is prepared.

        Returns
        -------
        ranges : ndarray of int64, shape (m, 2)
            The first row of each range, and the row after its last.
        """
        # Rows of arrays are cheap to read, so a few tasks are enough.
        pieces_wanted = 16 if self.are_arrays else 64
        most = MAX_RANGE_FILES if self.kind == "images" else MAX_RANGE_ROWS
        limit = min(most, max(MIN_RANGE_ROWS, (stop - start) // pieces_wanted))
        if self.kind == "images":
            edges = np.array([start, stop])
        else:
            file, row_group = self.file[start:stop], self.row_group[start:stop]
            changes = np.flatnonzero((np.diff(file) != 0) | (np.diff(row_group) != 0)) + 1
            edges = np.concatenate([[start], start + changes, [stop]])
        ranges = []
        for first, last in itertools.pairwise(edges):
            n_bytes = max(float(self.n_bytes[first:last].sum()), bytes_per_image * (last - first))
            pieces = int(max(1, -(-(last - first) // limit), -(-n_bytes // MAX_RANGE_BYTES)))
            cuts = np.linspace(first, last, min(pieces, last - first) + 1).astype(np.int64)
            ranges.append(np.stack([cuts[:-1], cuts[1:]], axis=1))
        return np.concatenate(ranges)

    def read(self, start: int, stop: int) -> list[Item] | np.ndarray:
        """Read a range within one container: encoded images, arrays of pixels, or the reason why one is unreadable.

        Images stored in an array come as one array, shape (m, H, W) or (m, H, W, C), in the array's own dtype.
        """
        name, position = self.name(self.file[start]), self.position[start:stop]
        if self.kind == "images":
            names = [self.name(file) for file in self.file[start:stop]]
            if self.location.filesystem is None:
                return [self._read_file(name) for name in names]
            with ThreadPoolExecutor(READ_THREADS) as pool:
                return list(pool.map(self._read_file, names))
        try:
            if self.kind == "tar":
                return containers.read_members(self.location, name, position)
            if self.kind == "parquet":
                group = int(self.row_group[start])
                column = self._open(name, str(group), lambda: containers.read_row_group(self.location, name, group))
                return containers.items_of(column, position)
            return self.open_array(name)[position]
        except Unreadable as error:
            return [error] * (stop - start)
        except IndexError:
            return [Unreadable("the content of the file has changed since it was listed")] * (stop - start)
        except OSError as error:
            return [Unreadable(os_error_reason(error))] * (stop - start)

    def open_array(self, name: str) -> np.ndarray:
        """Return all images of an array file, shape (N, H, W) or (N, H, W, C).

        A process keeps the last two containers open, because ranges are read in random order and a compressed array
        can only be unpacked as a whole. A set that is larger than memory should store its arrays uncompressed: those
        are memory-mapped, and only the requested rows are read.
        """
        if self.kind == DIGITS:
            return self._open(name, "", lambda: arrays.read_digits()[0])
        read = arrays.read_npz if self.kind == "npz" else arrays.read_idx
        return self._open(name, "", lambda: read(self.location, name))

    def close(self) -> None:
        """Close the containers that this process keeps open."""
        _open_containers.clear()

    def _open(self, name: str, part: str, load: Callable[[], Any]) -> Any:
        key = (self.opening, name, part)
        if key not in _open_containers:
            while len(_open_containers) >= KEPT_OPEN:
                _open_containers.pop(next(iter(_open_containers)))
            _open_containers[key] = load()
        return _open_containers[key]

    def _read_file(self, name: str) -> Item:
        try:
            return self.location.read(name)
        except OSError as error:
            return Unreadable(os_error_reason(error))


def decode_each(items: list[Item] | np.ndarray) -> list[np.ndarray | Unreadable]:
    """Decode the items of :meth:`Rows.read` to pixels as :func:`raycluster.data.decode.decode` returns, or reasons."""
    decoded: list[np.ndarray | Unreadable] = []
    for item in items:
        try:
            if isinstance(item, Unreadable):
                raise item
            decoded.append(decode(item) if isinstance(item, bytes) else as_image(item))
        except Unreadable as error:
            decoded.append(error)
    return decoded


def os_error_reason(error: OSError) -> str:
    """Return in plain words why a file could not be read."""
    if isinstance(error, FileNotFoundError):
        return "the file no longer exists, or is a broken link"
    if isinstance(error, PermissionError):
        return f"{UNREACHABLE}no permission"
    return f"{UNREACHABLE}{error.strerror or error}"
