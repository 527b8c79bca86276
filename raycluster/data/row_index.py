"""The index of a source: its images, numbered file by file, and what is known of them before any is decoded."""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple, cast

import numpy as np
import pyarrow as pa

from raycluster.data import arrays, parquet_images
from raycluster.data.containers import label_problem, open_parquet, parquet_labels
from raycluster.data.decode import Unreadable
from raycluster.data.kinds import ARRAY_KINDS, DIGITS, KINDS, LEFT_OUT
from raycluster.data.labels import UNKNOWN, Labels, classes_of_texts, folder_labels, join_labels
from raycluster.data.rows import ONE_BY_ONE, READ_THREADS, Rows, os_error_reason
from raycluster.data.sources import Listing, printable
from raycluster.data.tar_files import scan_tar

NAMED = 3


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
        Height, width and channels (1 or 3) of the images in arrays; zeros where an image has to be decoded to know.
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
    reasons: dict[int, Unreadable]
    labels: np.ndarray | None
    class_names: list[str] | None
    notes: list[str]


class KnownClasses(NamedTuple):
    """The known class of every row, -1 where unknown; the names of classes, where they have names; and notes."""

    labels: np.ndarray | None
    class_names: list[str] | None
    notes: list[str]


@dataclass(frozen=True)
class _Container:
    """The rows of one container; what has a default is filled in from the file as a whole."""

    part: np.ndarray
    position: np.ndarray
    paths: pa.Array
    sizes: np.ndarray | None = None
    n_bytes: np.ndarray | None = None
    labels: np.ndarray | None = None
    class_names: list[str] | None = None
    arrays: tuple[str, ...] = ()
    reasons: dict[int, Unreadable] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def index_rows(listing: Listing, array: str | None = None) -> RowIndex:
    """Assign a number to every image of a listing, opening its containers just far enough to count them.

    Parameters
    ----------
    listing : Listing
    array : str, optional
        The name of the array with the images in NPZ files; by default it is found as
        :func:`raycluster.data.arrays.image_arrays` says.
    """
    n_files = len(listing.names)
    names = pa.array([printable(name) for name in listing.names], pa.large_string())
    files, zeros = np.arange(n_files, dtype=np.int32), np.zeros(n_files, np.int32)
    kinds = np.array([KINDS.index(kind) for kind in listing.kinds], np.uint8)
    rows = Rows(
        location=listing.location,
        files=pa.array([os.fsencode(name) for name in listing.names], pa.large_binary()),
        kinds=kinds,
        file=files,
        part=zeros,
        position=np.zeros(n_files, np.int64),
        n_bytes=np.where(kinds == KINDS.index(LEFT_OUT), 0, np.array(listing.sizes, np.int64)),
    )
    opened = _open_containers(rows, array)
    known = {file: container for file, container in opened.items() if isinstance(container, _Container)}
    counts = np.ones(n_files, np.int64)
    counts[list(known)] = [len(container.position) for container in known.values()]
    first = np.cumsum(counts) - counts
    file = np.repeat(files, counts)
    rows = rows.select(file)
    rows = replace(
        rows,
        n_bytes=rows.n_bytes // np.maximum(counts, 1)[file],
        arrays={file: container.arrays for file, container in known.items() if container.arrays},
    )
    sizes = np.zeros((len(file), 3), np.int32)
    reasons = {
        int(first[i]): Unreadable(listing.reasons[name]) for i, name in enumerate(listing.names) if not rows.kinds[i]
    }
    for i, container in opened.items():
        inside = slice(first[i], first[i] + counts[i])
        if isinstance(container, Unreadable):
            reasons[int(first[i])] = container
            continue
        rows.part[inside], rows.position[inside] = container.part, container.position
        if container.n_bytes is not None:
            rows.n_bytes[inside] = container.n_bytes
        if container.sizes is not None:
            sizes[inside] = container.sizes
        reasons |= {int(first[i]) + row: reason for row, reason in container.reasons.items()}
    labels, class_names = _join_labels(listing, known)
    return RowIndex(
        rows=rows,
        paths=_join_paths(names, known),
        sizes=sizes,
        reasons=reasons,
        labels=labels,
        class_names=class_names
        or next((container.class_names for container in known.values() if container.class_names), None),
        notes=listing.notes
        + [note for container in known.values() for note in container.notes]
        + _empty(listing, known),
    )


def known_classes(index: RowIndex, labels: Labels = "auto") -> KnownClasses:
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


def _open_containers(rows: Rows, array: str | None) -> dict[int, _Container | Unreadable]:
    """Open the containers among the files; those of arrays one at a time, because an array can fill the memory."""
    kinds = [KINDS[kind] for kind in rows.kinds]
    encoded = [file for file, kind in enumerate(kinds) if kind not in (*ONE_BY_ONE, *ARRAY_KINDS)]
    with ThreadPoolExecutor(READ_THREADS) as pool:
        found = pool.map(lambda file: _open_container(rows, file, array), encoded)
        opened = dict(zip(encoded, found, strict=True))
    opened |= {file: _open_container(rows, file, array) for file, kind in enumerate(kinds) if kind in ARRAY_KINDS}
    return dict(sorted(opened.items()))


def _empty(listing: Listing, known: dict[int, _Container]) -> list[str]:
    names = [printable(listing.names[file]) for file, container in known.items() if not len(container.position)]
    more = ", ..." if len(names) > NAMED else ""
    return [f"{len(names):,} files hold no rows: {', '.join(names[:NAMED])}{more}."] if names else []


def _join_paths(names: pa.Array, known: dict[int, _Container]) -> pa.Array:
    pieces, start = [], 0
    for file, container in known.items():
        pieces += [names.slice(start, file - start), container.paths]
        start = file + 1
    return pa.concat_arrays([*pieces, names.slice(start)])


def _join_labels(listing: Listing, known: dict[int, _Container]) -> tuple[np.ndarray | None, list[str] | None]:
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


def _open_container(rows: Rows, file: int, array: str | None) -> _Container | Unreadable:
    kind, name = rows.kind(file), rows.name(file)
    try:
        if kind == "tar":
            return _open_tar(rows, name)
        if kind == "parquet":
            return _open_parquet(rows, name)
        if kind == "npz":
            names = tuple(arrays.image_arrays(rows.location, name, array))
            rows = replace(rows, arrays={file: names})
        return _open_arrays(rows, file)
    except Unreadable as error:
        return error
    except OSError as error:
        return Unreadable(os_error_reason(error))


def _open_tar(rows: Rows, name: str) -> _Container:
    found = scan_tar(rows.location, name)
    paths = pa.array([printable(f"{name}/{member}" if member else name) for member in found.names], pa.large_string())
    notes = [f"{printable(name)} is compressed, and so slow to read in random order: decompress it for training."]
    return _Container(
        part=found.part,
        position=found.position,
        paths=paths,
        n_bytes=found.size,
        labels=found.labels,
        reasons=found.reasons,
        notes=notes if found.is_compressed else [],
    )


def _open_parquet(rows: Rows, name: str) -> _Container:
    with open_parquet(rows.location, name) as file:
        parquet_images.image_column(file.schema_arrow)
        counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        labels, class_names = parquet_labels(file)
        problem = label_problem(file.schema_arrow)
        paths = parquet_images.read_names(file, _numbered(name, sum(counts)))
    return _Container(
        part=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        position=np.concatenate([np.zeros(0, np.int64), *(np.arange(count) for count in counts)]),
        paths=paths,
        labels=labels,
        class_names=class_names,
        notes=[f"The labels in {printable(name)} were not used: {problem}."] if problem else [],
    )


def _open_arrays(rows: Rows, file: int) -> _Container:
    """Open an array of images, or the arrays of an NPZ file one after the other."""
    name, names = rows.name(file), rows.arrays.get(file, ("",))
    counts, sizes, labels, notes = [], [], [], []
    for part in range(len(names)):
        images = rows.open_array(file, part)
        counts.append(len(images))
        sizes.append(arrays.check_images(images))
        known, note = _array_labels(rows, file, names[part], len(images))
        labels.append(known)
        notes += [note] if note else []
    numbered = [_numbered(f"{name}/{one}" if len(names) > 1 else name, n) for one, n in zip(names, counts, strict=True)]
    return _Container(
        part=np.repeat(np.arange(len(names), dtype=np.int32), counts),
        position=np.concatenate([np.arange(count) for count in counts]),
        paths=pa.concat_arrays(numbered),
        sizes=np.repeat(np.array(sizes, np.int32), counts, axis=0),
        labels=_concatenate(labels, counts),
        arrays=names if rows.arrays else (),
        notes=notes,
    )


def _concatenate(labels: list[np.ndarray | None], counts: list[int]) -> np.ndarray | None:
    """Return the labels of several arrays as one, unknown where an array has none."""
    known = [part for part in labels if part is not None]
    if not known:
        return None
    unknown = UNKNOWN if all(part.dtype.kind in "iu" for part in known) else None
    return np.concatenate(
        [np.full(n, unknown) if part is None else part for part, n in zip(labels, counts, strict=True)]
    )


def _array_labels(rows: Rows, file: int, array: str, n: int) -> tuple[np.ndarray | None, str | None]:
    """Return the labels that belong to an array of images, and a note if they cannot be used."""
    kind, name = rows.kind(file), rows.name(file)
    if kind == DIGITS:
        return arrays.read_digits()[1], None
    source = arrays.idx_labels_name(name) if kind == "idx" else name
    try:
        if kind == "npz":
            labels = arrays.read_npz_labels(rows.location, name, array)
        else:
            labels = arrays.read_idx(rows.location, source) if rows.location.has_file(source) else None
    except (Unreadable, OSError) as error:
        return None, f"The labels in {printable(source)} were not used: {error}."
    if labels is not None and labels.shape != (n,):
        shape = labels.shape
        return None, f"The labels in {printable(source)} were not used: their shape is {shape} for {n} images."
    return labels, None


def _numbered(name: str, n: int) -> pa.Array:
    """Return a name for each of the rows of a file."""
    return pa.array([f"{printable(name)}#{row}" for row in range(n)], pa.large_string())
