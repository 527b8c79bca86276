"""The index of a source: its images, numbered file by file, and what is known of them before any is decoded."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from typing import NamedTuple, cast

import numpy as np
import pyarrow as pa

from raycluster.data.containers.container_rows import ContainerRows, open_containers
from raycluster.data.files.kinds import KINDS, LEFT_OUT
from raycluster.data.files.sources import Listing, printable
from raycluster.data.labels import classes_of_texts, folder_labels, join_labels
from raycluster.data.reading import LabelSource
from raycluster.data.rows import Rows
from raycluster.data.unreadable import Unreadable


class RowIndex(NamedTuple):
    """The images of a source before anything is decoded.

    Attributes
    ----------
    rows : Rows
        Everything listed, including what is unreadable; the position is the public id.
    paths : pyarrow.Array of large_string, length n
        Where every row comes from: the file; ``file.tar/member``; in Parquet the row's own path or key where it has
        one; otherwise ``file#row``, or ``file.npz/array#row`` where several arrays of a file are read.
    sizes : ndarray of int32, shape (n, 3)
        Height, width and channels (1 or 3), where they are known, as of the images in arrays; zeros elsewhere.
    depths : ndarray of int32, shape (n,)
        Bits per channel; 8 where the size is not known.
    reasons : dict of int to Unreadable
        By row: files that are left out, members of tar files that are no images, and containers that cannot be opened,
        for which one row stands.
    labels : ndarray of int64, shape (n,), or None
    class_names : list of str or None
    notes : list of str
    """

    rows: Rows
    paths: pa.Array
    sizes: np.ndarray
    depths: np.ndarray
    reasons: dict[int, Unreadable]
    labels: np.ndarray | None
    class_names: list[str] | None
    notes: list[str]


class KnownClasses(NamedTuple):
    """The known class of every row, -1 where unknown; the names of classes, where they have names; and notes."""

    labels: np.ndarray | None
    class_names: list[str] | None
    notes: list[str]


def index_rows(listing: Listing, array: str | None = None) -> RowIndex:
    """Assign a number to every image of a listing, opening its containers just far enough to count them.

    Parameters
    ----------
    listing : Listing
    array : str, optional
        The name of the array with the images in NPZ files; by default it is found as
        :func:`raycluster.data.containers.npz.image_arrays` says.
    """
    files = _one_row_per_file(listing)
    opened = open_containers(files, array)
    known = {file: found for file, found in opened.items() if isinstance(found, ContainerRows)}
    counts = np.ones(len(files), np.int64)
    counts[list(known)] = [len(container.position) for container in known.values()]
    first = np.cumsum(counts) - counts
    rows = files.select(np.repeat(files.file, counts))
    rows = replace(
        rows,
        n_bytes=rows.n_bytes // np.maximum(counts, 1)[rows.file],
        arrays={file: container.arrays for file, container in known.items() if container.arrays},
    )
    sizes, depths = np.zeros((len(rows), 3), np.int32), np.full(len(rows), 8, np.int32)
    reasons = {
        int(first[i]): Unreadable(listing.reasons[listing.names[i]])
        for i in np.flatnonzero(rows.kinds == KINDS.index(LEFT_OUT))
    }
    reasons |= {int(first[i]): found for i, found in opened.items() if isinstance(found, Unreadable)}
    for i, container in known.items():
        start = int(first[i])
        inside = slice(start, start + counts[i])
        rows.part[inside], rows.position[inside] = container.part, container.position
        if container.n_bytes is not None:
            rows.n_bytes[inside] = container.n_bytes
        if container.sizes is not None and container.depths is not None:
            sizes[inside], depths[inside] = container.sizes, container.depths
        reasons.update((start + row, reason) for row, reason in container.reasons.items())
    labels, class_names = _join_labels(listing, known)
    notes = [note for container in known.values() for note in container.notes]
    return RowIndex(
        rows=rows,
        paths=_join_paths(listing, known),
        sizes=sizes,
        depths=depths,
        reasons=reasons,
        labels=labels,
        class_names=class_names or next((found.class_names for found in known.values() if found.class_names), None),
        notes=listing.notes + notes,
    )


def known_classes(index: RowIndex, labels: LabelSource = "auto") -> KnownClasses:
    """Return the known classes of rows: what the files say (``auto``), or the folders that image files are in.

    Rows of containers have no class by folders, and neither have files that are left out.

    Parameters
    ----------
    index : RowIndex
    labels : {"auto", "folders", "last-folders"}
    """
    if labels == "auto":
        return KnownClasses(index.labels, index.class_names, [])
    is_file = (index.rows.kinds == KINDS.index("images"))[index.rows.file]
    paths = cast("list[str]", index.paths.to_pylist())
    return KnownClasses(*folder_labels([path if own else "" for path, own in zip(paths, is_file, strict=True)], labels))


def _one_row_per_file(listing: Listing) -> Rows:
    n_files = len(listing.names)
    kinds = np.array([KINDS.index(kind) for kind in listing.kinds], np.uint8)
    return Rows(
        location=listing.location,
        files=pa.array([os.fsencode(name) for name in listing.names], pa.large_binary()),
        kinds=kinds,
        file=np.arange(n_files, dtype=np.int32),
        part=np.zeros(n_files, np.int32),
        position=np.zeros(n_files, np.int64),
        n_bytes=np.where(kinds == KINDS.index(LEFT_OUT), 0, np.array(listing.sizes, np.int64)),
    )


def _join_paths(listing: Listing, known: dict[int, ContainerRows]) -> pa.Array:
    names = pa.array([printable(name) for name in listing.names], pa.large_string())
    pieces, start = [], 0
    for file, container in known.items():
        pieces += [names.slice(start, file - start), container.paths]
        start = file + 1
    return pa.concat_arrays([*pieces, names.slice(start)])


def _join_labels(listing: Listing, known: dict[int, ContainerRows]) -> tuple[np.ndarray | None, list[str] | None]:
    parts: list[np.ndarray | None] = []
    counts: list[int] = []
    # Files in a row that are not containers make one part.
    for is_container, group in itertools.groupby(range(len(listing.names)), lambda file: file in known):
        files = list(group)
        if is_container:
            parts += [known[file].labels for file in files]
            counts += [len(known[file].position) for file in files]
        else:
            classes = [listing.labels.get(listing.names[file]) for file in files]
            has_labels = any(label is not None for label in classes)
            parts.append(classes_of_texts(classes) if has_labels else None)
            counts.append(len(files))
    return join_labels(parts, counts)
