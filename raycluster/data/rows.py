"""Where every image of a source is stored, as plain arrays, and how ranges of images are read.

The arrays go into Ray's object store once; after that a task receives nothing but a range of row numbers.
"""

from __future__ import annotations

import errno
import io
import itertools
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from raycluster.data.containers import arrays, idx, npz, parquet_images
from raycluster.data.containers.parquet import Item
from raycluster.data.containers.tar import TarStream
from raycluster.data.files.kinds import ARRAY_KINDS, DIGITS, KINDS, LEFT_OUT
from raycluster.data.files.location import Location, NotAFile
from raycluster.data.unreadable import UNREACHABLE, Unreadable, message_of

MAX_RANGE_ROWS = 1000
MAX_RANGE_FILES = 256
MIN_RANGE_ROWS = 64
MAX_RANGE_BYTES = 2**25
READ_THREADS = 16
KEPT_OPEN = 2
ONE_BY_ONE = (LEFT_OUT, "images")
CHANGED = "the content of the file has changed since it was listed"
NOT_USED = "the file is left out"
NO_BYTES = Unreadable("its bytes are missing (null), and there is no file of its path")

_open_containers: dict[tuple[str, str, int], Any] = {}


@dataclass(frozen=True)
class Rows:
    """One row for every image: which file it is in, in which part of it, and at which position.

    Attributes
    ----------
    location : Location
    files : pyarrow.Array of binary
        File names, relative to the location, as the bytes that the file system has.
    kinds : ndarray of uint8, length of files
        The kind of each file, as a position in :data:`raycluster.data.files.kinds.KINDS`.
    file : ndarray of int32, shape (n,)
    part : ndarray of int32, shape (n,)
        The row group in Parquet; which of the arrays of an NPZ file; in tar, what the position is. Otherwise 0.
    position : ndarray of int64, shape (n,)
        Index in the array or the row group, the byte where a member of a tar file begins, or the frame of an image
        file.
    n_bytes : ndarray of int64, shape (n,)
        How many bytes have to be read for the image: exactly in tar, about elsewhere.
    arrays : dict of int to tuple of str
        The names of the arrays of images in NPZ files, by file.
    opening : str
        A name for this opening of the source, under which processes keep its containers open.
    """

    location: Location
    files: pa.Array
    kinds: np.ndarray
    file: np.ndarray
    part: np.ndarray
    position: np.ndarray
    n_bytes: np.ndarray
    arrays: dict[int, tuple[str, ...]] = field(default_factory=dict)
    opening: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __len__(self) -> int:
        return len(self.file)

    @property
    def are_arrays(self) -> bool:
        """Whether every file that is used is an array of images, so that no image has to be decoded to know it."""
        used = set(self.kinds.tolist()) - {KINDS.index(LEFT_OUT)}
        return used <= {KINDS.index(kind) for kind in ARRAY_KINDS}

    def select(self, which: np.ndarray) -> Rows:
        """Return some of the rows, by index or mask."""
        columns = {name: getattr(self, name)[which] for name in ("file", "part", "position", "n_bytes")}
        return replace(self, **columns)

    def name(self, file: int) -> str:
        """Return the name of a file, with bytes that are not UTF-8 as Python represents them."""
        return os.fsdecode(self.files[int(file)].as_py())

    def kind(self, file: int) -> str:
        """Return the kind of a file."""
        return KINDS[self.kinds[file]]

    def frame(self, row: int) -> int:
        """Return which frame of its file an image is; 0 for images in containers."""
        return int(self.position[row]) if self.kind(self.file[row]) == "images" else 0

    def image_name(self, row: int) -> str:
        """Return the name of an image file, whose suffix may tell its format; nothing for images in containers."""
        return self.name(self.file[row]) if self.kind(self.file[row]) == "images" else ""

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
        # Image files are read one by one; of containers, a range has rows of one part.
        file = self.file[start:stop]
        container = np.where(self._is_one_by_one[file], -1, file)
        part = np.where(container < 0, 0, self.part[start:stop])
        changes = np.flatnonzero((np.diff(container) != 0) | (np.diff(part) != 0)) + 1
        edges = np.concatenate([[start], start + changes, [stop]])
        # Rows of arrays are cheap to read, so a few tasks are enough.
        pieces_wanted = 16 if self.are_arrays else 64
        wanted = max(MIN_RANGE_ROWS, (stop - start) // pieces_wanted)
        ranges = []
        for first, last in itertools.pairwise(edges):
            n_bytes = max(float(self.n_bytes[first:last].sum()), bytes_per_image * (last - first))
            is_files = first < stop and container[first - start] < 0
            limit = min(MAX_RANGE_FILES if is_files else MAX_RANGE_ROWS, wanted)
            pieces = int(max(1, -(-(last - first) // limit), -(-n_bytes // MAX_RANGE_BYTES)))
            cuts = np.linspace(first, last, min(pieces, last - first) + 1).astype(np.int64)
            ranges.append(np.stack([cuts[:-1], cuts[1:]], axis=1))
        return np.concatenate(ranges)

    def read(self, start: int, stop: int) -> list[Item] | np.ndarray:
        """Read a range within one container: encoded images, arrays of pixels, or the reason why one is unreadable.

        Images stored in an array come as one array, shape (m, H, W) or (m, H, W, C), in the array's own dtype.
        """
        kind = self.kind(self.file[start])
        if kind in ONE_BY_ONE:
            return self._read_files(
                [self.name(file) if self.kinds[file] else Unreadable(NOT_USED) for file in self.file[start:stop]]
            )
        try:
            return self._read_container(kind, start, stop)
        except Unreadable as error:
            return [error] * (stop - start)
        except IndexError:
            return [Unreadable(CHANGED)] * (stop - start)
        except (pa.ArrowException, UnicodeDecodeError) as error:
            return [Unreadable(f"damaged: {message_of(error)}")] * (stop - start)
        except OSError as error:
            return [Unreadable(os_error_reason(error))] * (stop - start)

    def open_each(self, start: int, stop: int) -> Iterator[BinaryIO | np.ndarray | Unreadable]:
        """Open the images of a range one after the other; of image files, nothing is read yet.

        Yields
        ------
        item : binary file, ndarray or Unreadable
            An encoded image, an array of pixels, or the reason why there is neither.
        """
        if self.kind(self.file[start]) == "images":
            for file in self.file[start:stop]:
                try:
                    yield self.location.open(self.name(file))
                except OSError as error:
                    yield Unreadable(os_error_reason(error))
            return
        for item in self.read(start, stop):
            yield io.BytesIO(item) if isinstance(item, bytes) else item

    def open_array(self, file: int, part: int = 0) -> np.ndarray:
        """Return all images of an array, shape (N, H, W) or (N, H, W, C), by the numbers of its file and part.

        A process keeps the last two containers open, because ranges are read in random order and a compressed array
        can only be unpacked as a whole. A set that is larger than memory should store its arrays uncompressed: those
        are memory-mapped, and only the requested rows are read.
        """
        kind, name = self.kind(file), self.name(file)
        if kind == DIGITS:
            return self._open(name, part, lambda: arrays.read_digits()[0])
        if kind == "idx":
            return self._open(name, part, lambda: idx.read_idx(self.location, name))
        return self._open(name, part, lambda: npz.read_npz(self.location, name, self.arrays[file][part]))

    def close(self) -> None:
        """Close the containers that this process keeps open."""
        _open_containers.clear()

    @property
    def _is_one_by_one(self) -> np.ndarray:
        return np.isin(self.kinds, [KINDS.index(kind) for kind in ONE_BY_ONE])

    def _read_container(self, kind: str, start: int, stop: int) -> list[Item] | np.ndarray:
        file, part, position = int(self.file[start]), int(self.part[start]), self.position[start:stop]
        name = self.name(file)
        if kind == "tar":
            stream = self._open(name, 0, lambda: TarStream(self.location, name))
            places = zip(
                self.part[start:stop].tolist(), position.tolist(), self.n_bytes[start:stop].tolist(), strict=True
            )
            return [stream.read(*place) for place in places]
        if kind == "parquet":
            column = self._open(name, part, lambda: parquet_images.read_row_group(self.location, name, part))
            if parquet_images.is_text(column.type):
                return self._read_files(parquet_images.paths_of(column, position, name))
            return self._read_referenced(parquet_images.items_of(column, position, name))
        return self.open_array(file, part)[position]

    def _open(self, name: str, part: int, load: Callable[[], Any]) -> Any:
        key = (self.opening, name, part)
        if key not in _open_containers:
            while len(_open_containers) >= KEPT_OPEN:
                _open_containers.pop(next(iter(_open_containers)))
            _open_containers[key] = load()
        return _open_containers[key]

    def _read_files(self, names: Sequence[str | Unreadable]) -> list[Item]:
        """Read image files; of those that are not there, return the reason."""
        if self.location.filesystem is None:
            return [self._read_file(name) for name in names]
        with ThreadPoolExecutor(READ_THREADS) as pool:
            return list(pool.map(self._read_file, names))

    def _read_referenced(self, items: list[Item | str]) -> list[Item]:
        """Read the files that a table names in place of images."""
        paths = [item for item in items if isinstance(item, str)]
        found = iter(self._read_files([path if self.location.has_file(path) else NO_BYTES for path in paths]))
        return [next(found) if isinstance(item, str) else item for item in items]

    def _read_file(self, name: str | Unreadable) -> Item:
        try:
            return name if isinstance(name, Unreadable) else self.location.read(name)
        except OSError as error:
            return Unreadable(os_error_reason(error))


def os_error_reason(error: OSError) -> str:
    """Return in plain words why a file could not be read."""
    if isinstance(error, FileNotFoundError):
        return "the file no longer exists, or is a broken link"
    if isinstance(error, PermissionError):
        return f"{UNREACHABLE}no permission"
    if isinstance(error, NotAFile):
        return str(error)
    if error.errno == errno.ELOOP:
        return "a link that leads back to itself"
    if error.errno == errno.ENAMETOOLONG:
        return "its name is too long for the file system"
    return f"{UNREACHABLE}{error.strerror or error}"
