"""Where every image of a source lies, as plain arrays, and how a range of them is read.

The arrays go once into Ray's object store; a task is told a range of row numbers, nothing else.
"""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow as pa

from raycluster.data import arrays, containers
from raycluster.data.containers import Item
from raycluster.data.decode import UNREACHABLE, Unreadable, as_image, decode
from raycluster.data.labels import join_labels
from raycluster.data.sources import ARRAY_KINDS, DIGITS, Listing, Location, list_source, printable

MAX_RANGE_ROWS = 1000
MAX_RANGE_FILES = 256
MIN_RANGE_ROWS = 64
MAX_RANGE_BYTES = 2**25
READ_THREADS = 16
KEPT_OPEN = 2

_opened: dict[tuple[str, ...], Any] = {}


class Size(NamedTuple):
    """Height and width of an image, and its channels: 1 or 3."""

    height: int
    width: int
    channels: int


@dataclass(frozen=True)
class Rows:
    """One line for every image: which file, which row group of it, and which place there.

    Attributes
    ----------
    location : Location
    kind : str
    files : pyarrow.Array of binary
        File names, relative to the location, as the file system spells them.
    file : ndarray of int32, shape (n,)
    part : ndarray of int32, shape (n,)
        The Parquet row group, else 0.
    place : ndarray of int64, shape (n,)
        Position in the array or the row group, or the byte where a member of a tar file begins.
    n_bytes : ndarray of float32, shape (n,)
        About what has to be read for the image.
    """

    location: Location
    kind: str
    files: pa.Array
    file: np.ndarray
    part: np.ndarray
    place: np.ndarray
    n_bytes: np.ndarray
    opening: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __len__(self) -> int:
        return len(self.file)

    @property
    def are_arrays(self) -> bool:
        """Whether the images lie in arrays of one size a file, so that nothing is left to be found out by decoding."""
        return self.kind in ARRAY_KINDS

    def select(self, which: np.ndarray) -> Rows:
        """Return some of the rows, by index or mask."""
        columns = {name: getattr(self, name)[which] for name in ("file", "part", "place", "n_bytes")}
        return replace(self, **columns)

    def name(self, file: int) -> str:
        """Return the name of a file as the file system spells it."""
        return os.fsdecode(self.files[int(file)].as_py())

    def paths(self) -> list[str]:
        """Return names for people: the file, and for a file of many images ``#`` and the row in it.

        Only what was listed as a whole knows its row numbers: ask before :meth:`select`.
        """
        names = [printable(os.fsdecode(name)) for name in cast("list[bytes]", self.files.to_pylist())]
        if self.kind == "images":
            return names
        first = np.searchsorted(self.file, np.arange(len(names)))
        return [f"{names[file]}#{row - first[file]}" for row, file in enumerate(self.file.tolist())]

    def ranges(self, start: int, stop: int, bytes_per_image: int = 0) -> np.ndarray:
        """Cut rows into ranges that are each read by one task: of at most 1,000 images, 32 MB and one container.

        Image files are read one by one anyway, and neighbours are often of one class: their ranges are shorter.

        Parameters
        ----------
        start, stop : int
        bytes_per_image : int
            What an image takes when it is prepared.

        Returns
        -------
        ranges : ndarray of int64, shape (m, 2)
            The first row of each, and the one after its last.
        """
        # Rows of arrays are cheap to read, and few tasks are enough for them.
        pieces_wanted = 16 if self.are_arrays else 64
        most = MAX_RANGE_FILES if self.kind == "images" else MAX_RANGE_ROWS
        limit = min(most, max(MIN_RANGE_ROWS, (stop - start) // pieces_wanted))
        if self.kind == "images":
            edges = np.array([start, stop])
        else:
            file, part = self.file[start:stop], self.part[start:stop]
            changes = np.flatnonzero((np.diff(file) != 0) | (np.diff(part) != 0)) + 1
            edges = np.concatenate([[start], start + changes, [stop]])
        ranges = []
        for first, last in itertools.pairwise(edges):
            n_bytes = max(float(self.n_bytes[first:last].sum()), bytes_per_image * (last - first))
            pieces = int(max(1, -(-(last - first) // limit), -(-n_bytes // MAX_RANGE_BYTES)))
            cuts = np.linspace(first, last, min(pieces, last - first) + 1).astype(np.int64)
            ranges.append(np.stack([cuts[:-1], cuts[1:]], axis=1))
        return np.concatenate(ranges)

    def read(self, start: int, stop: int) -> list[Item] | np.ndarray:
        """Read a range within one container: encoded images, arrays of pixels, or the reason why there are none.

        Images of an array come as one array, shape (m, H, W) or (m, H, W, C), of the array's own dtype.
        """
        name, place = self.name(self.file[start]), self.place[start:stop]
        if self.kind == "images":
            names = [self.name(file) for file in self.file[start:stop]]
            if self.location.filesystem is None:
                return [self._read_file(name) for name in names]
            with ThreadPoolExecutor(READ_THREADS) as pool:
                return list(pool.map(self._read_file, names))
        try:
            if self.kind == "tar":
                return containers.read_members(self.location, name, place)
            if self.kind == "parquet":
                part = int(self.part[start])
                column = self._open(name, str(part), lambda: containers.read_row_group(self.location, name, part))
                return containers.items_of(column, place)
            return self.open_array(name)[place]
        except Unreadable as error:
            return [error] * (stop - start)
        except IndexError:
            return [Unreadable("the file has other contents than when it was listed")] * (stop - start)
        except OSError as error:
            return [Unreadable(_plain_reason(error))] * (stop - start)

    def open_array(self, name: str) -> np.ndarray:
        """Return all images of an array file, shape (N, H, W) or (N, H, W, C).

        A process keeps the last two containers open, because ranges are read in random order and a compressed array
        can only be unpacked whole. A set that is larger than the memory should hold its arrays uncompressed: those
        are mapped into memory, and only what is asked for is read.
        """
        if self.kind == DIGITS:
            return self._open(name, "", lambda: arrays.read_digits()[0])
        read = arrays.read_npz if self.kind == "npz" else arrays.read_idx
        return self._open(name, "", lambda: read(self.location, name))

    def close(self) -> None:
        """Let go of the containers that this process keeps open."""
        _opened.clear()

    def _open(self, name: str, part: str, load: Callable[[], Any]) -> Any:
        key = (self.opening, name, part)
        if key not in _opened:
            while len(_opened) >= KEPT_OPEN:
                _opened.pop(next(iter(_opened)))
            _opened[key] = load()
        return _opened[key]

    def _read_file(self, name: str) -> Item:
        try:
            return self.location.read(name)
        except OSError as error:
            return Unreadable(_plain_reason(error))


class FoundRows(NamedTuple):
    """What is known of a source before anything is decoded.

    Attributes
    ----------
    rows : Rows
        Everything listed, also what cannot be read; the position is the public id.
    sizes : dict of int to Size
        By file, for arrays.
    reasons : dict of int to Unreadable
        By row, for containers that cannot be opened: one row stands for the whole file.
    labels : ndarray of int64, shape (n,), or None
    class_names : list of str or None
    notes : list of str
    """

    rows: Rows
    sizes: dict[int, Size]
    reasons: dict[int, Unreadable]
    labels: np.ndarray | None
    class_names: list[str] | None
    notes: list[str]


class _Contents(NamedTuple):
    part: np.ndarray
    place: np.ndarray
    size: Size | None = None
    labels: np.ndarray | None = None
    class_names: list[str] | None = None
    note: str | None = None


def decode_each(items: list[Item] | np.ndarray) -> list[np.ndarray | Unreadable]:
    """Decode what :meth:`Rows.read` has read, to pixels as :func:`raycluster.data.decode.decode` returns or why not."""
    decoded: list[np.ndarray | Unreadable] = []
    for item in items:
        try:
            if isinstance(item, Unreadable):
                raise item
            decoded.append(decode(item) if isinstance(item, bytes) else as_image(item))
        except Unreadable as error:
            decoded.append(error)
    return decoded


def list_images(source: str) -> Listing:
    """List the files of a source of images, as :func:`raycluster.data.sources.list_source`, or the ``digits``."""
    if source == DIGITS:
        return Listing(Location(""), DIGITS, [DIGITS], [0], [], [0])
    return list_source(source)


def find_rows(listing: Listing) -> FoundRows:
    """ObjectiveCallback into the files of a listing, as far as needed to number the images in them."""
    n_files = len(listing.names)
    names = pa.array([os.fsencode(name) for name in listing.names], pa.large_binary())
    n_bytes = np.array(listing.sizes, np.float32)
    files, zeros = np.arange(n_files, dtype=np.int32), np.zeros(n_files, np.int64)
    rows = Rows(listing.location, listing.kind, names, files, zeros.astype(np.int32), zeros, n_bytes)
    if listing.kind == "images":
        return FoundRows(rows, {}, {}, None, None, listing.notes)
    with ThreadPoolExecutor(1 if rows.are_arrays else READ_THREADS) as pool:
        contents = list(pool.map(lambda name: _look_into(rows, name), listing.names))
    one = _Contents(np.zeros(1, np.int32), np.zeros(1, np.int64))
    known = [one if isinstance(content, Unreadable) else content for content in contents]
    counts = [len(content.place) for content in known]
    labels, class_names = join_labels([content.labels for content in known], counts)
    first = np.cumsum([0, *counts])
    file = np.repeat(files, counts)
    return FoundRows(
        replace(
            rows,
            file=file,
            part=np.concatenate([content.part for content in known]),
            place=np.concatenate([content.place for content in known]),
            n_bytes=(n_bytes / np.maximum(counts, 1)).astype(np.float32)[file],
        ),
        {i: content.size for i, content in enumerate(known) if content.size},
        {int(first[i]): content for i, content in enumerate(contents) if isinstance(content, Unreadable)},
        labels,
        class_names or next((content.class_names for content in known if content.class_names), None),
        listing.notes + [content.note for content in known if content.note],
    )


def _look_into(rows: Rows, name: str) -> _Contents | Unreadable:
    location = rows.location
    try:
        if rows.kind == "tar":
            offsets, labels = containers.scan_tar(location, name)
            return _Contents(np.zeros(len(offsets), np.int32), offsets, labels=labels)
        if rows.kind == "parquet":
            with containers.open_parquet(location, name) as file:
                containers.image_column(file.schema_arrow)
                counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
                place = np.concatenate([np.zeros(0, np.int64), *(np.arange(count) for count in counts)])
                part = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
                return _Contents(part, place, None, *containers.parquet_labels(file))
        images = rows.open_array(name)
        height, width, channels = arrays.check_images(images)
        labels, note = _array_labels(rows, name, len(images))
        place = np.arange(len(images))
        return _Contents(np.zeros(len(place), np.int32), place, Size(height, width, channels), labels, None, note)
    except Unreadable as error:
        return error
    except OSError as error:
        return Unreadable(_plain_reason(error))


def _array_labels(rows: Rows, name: str, n: int) -> tuple[np.ndarray | None, str | None]:
    """Return the labels that belong to an array file, and a sentence if they cannot be used."""
    if rows.kind == DIGITS:
        return arrays.read_digits()[1], None
    source = arrays.idx_labels_name(name) if rows.kind == "idx" else name
    try:
        if rows.kind == "npz":
            labels = arrays.read_npz_labels(rows.location, name)
        else:
            labels = arrays.read_idx(rows.location, source) if rows.location.has_file(source) else None
    except (Unreadable, OSError) as error:
        return None, f"The labels in {source} were not used: {error}."
    if labels is not None and labels.shape != (n,):
        return None, f"The labels in {source} were not used: their shape is {labels.shape} for {n} images."
    return labels, None


def _plain_reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file has vanished, or is a link to nowhere"
    if isinstance(error, PermissionError):
        return f"{UNREACHABLE}no permission"
    return f"{UNREACHABLE}{error.strerror or error}"
