"""The rows of containers: how many there are, where each is, what it is called, and what is known of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from raycluster.data.containers import arrays, idx, npz, parquet_images
from raycluster.data.containers.parquet import label_problem, open_parquet, parquet_labels
from raycluster.data.containers.tar import scan_tar
from raycluster.data.files.kinds import ARRAY_KINDS, DIGITS, KINDS
from raycluster.data.files.sources import printable
from raycluster.data.image.pixel_values import depth_of_array
from raycluster.data.labels import UNKNOWN
from raycluster.data.rows import ONE_BY_ONE, READ_THREADS, Rows, os_error_reason
from raycluster.data.unreadable import Unreadable, message_of

EMPTY = "there is nothing in it"


@dataclass(frozen=True)
class ContainerRows:
    """The rows of one container.

    Attributes
    ----------
    part, position : ndarray, shape (m,)
        As in :class:`raycluster.data.rows.Rows`.
    paths : pyarrow.Array of large_string, length m
        Where every row comes from.
    sizes : ndarray of int32, shape (m, 3), or None
        Height, width and channels of the images of arrays.
    depths : ndarray of int32, shape (m,), or None
        Bits per channel of the images of arrays.
    n_bytes : ndarray of int64, shape (m,), or None
        If None, the bytes of the file are divided evenly.
    labels : ndarray, shape (m,), or None
        Integers or texts.
    class_names : list of str or None
    arrays : tuple of str
        The names of the arrays that the parts are, in NPZ.
    reasons : dict of int to Unreadable
        By row.
    notes : list of str
    """

    part: np.ndarray
    position: np.ndarray
    paths: pa.Array
    sizes: np.ndarray | None = None
    depths: np.ndarray | None = None
    n_bytes: np.ndarray | None = None
    labels: np.ndarray | None = None
    class_names: list[str] | None = None
    arrays: tuple[str, ...] = ()
    reasons: dict[int, Unreadable] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def open_containers(rows: Rows, array: str | None) -> dict[int, ContainerRows | Unreadable]:
    """Open the containers among the files of a source; those of arrays one at a time, because one can fill the memory.

    Parameters
    ----------
    rows : Rows
        One row for every file.
    array : str, optional
        The name of the array with the images in NPZ files.

    Returns
    -------
    opened : dict of int to (ContainerRows or Unreadable)
        By file: its rows, or why it cannot be opened.
    """
    kinds = [KINDS[kind] for kind in rows.kinds]
    encoded = [file for file, kind in enumerate(kinds) if kind not in (*ONE_BY_ONE, *ARRAY_KINDS)]
    with ThreadPoolExecutor(READ_THREADS) as pool:
        found = pool.map(lambda file: _open_container(rows, file, array), encoded)
        opened = dict(zip(encoded, found, strict=True))
    opened |= {file: _open_container(rows, file, array) for file, kind in enumerate(kinds) if kind in ARRAY_KINDS}
    return dict(sorted(opened.items()))


def _open_container(rows: Rows, file: int, array: str | None) -> ContainerRows | Unreadable:
    try:
        opened = _rows_in(rows, file, array)
    except Unreadable as error:
        return error
    except OSError as error:
        return Unreadable(os_error_reason(error))
    return opened if len(opened.position) else Unreadable(EMPTY)


def _rows_in(rows: Rows, file: int, array: str | None) -> ContainerRows:
    kind, name = rows.kind(file), rows.name(file)
    if kind == "tar":
        return _open_tar(rows, name)
    if kind == "parquet":
        return _open_parquet(rows, name)
    if kind == "npz":
        names = tuple(npz.image_arrays(rows.location, name, array))
        rows = replace(rows, arrays={file: names})
    return _open_arrays(rows, file)


def _open_tar(rows: Rows, name: str) -> ContainerRows:
    found = scan_tar(rows.location, name)
    paths = pa.array([printable(f"{name}/{member}" if member else name) for member in found.names], pa.large_string())
    notes = [f"{printable(name)} is compressed, and so slow to read in random order: decompress it for training."]
    return ContainerRows(
        part=found.part,
        position=found.position,
        paths=paths,
        n_bytes=found.size,
        labels=found.labels,
        reasons=found.reasons,
        notes=notes if found.is_compressed else [],
    )


def _open_parquet(rows: Rows, name: str) -> ContainerRows:
    with open_parquet(rows.location, name) as file:
        parquet_images.image_column(file.schema_arrow)
        counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        labels, class_names = parquet_labels(file)
        problem = label_problem(file.schema_arrow)
        paths = parquet_images.read_names(file, _numbered(name, sum(counts)))
    return ContainerRows(
        part=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        position=np.concatenate([np.zeros(0, np.int64), *(np.arange(count) for count in counts)]),
        paths=paths,
        labels=labels,
        class_names=class_names,
        notes=[f"The labels in {printable(name)} were not used: {problem}."] if problem else [],
    )


def _open_arrays(rows: Rows, file: int) -> ContainerRows:
    """Open an array of images, or the arrays of an NPZ file one after the other."""
    name, names = rows.name(file), rows.arrays.get(file, ("",))
    counts, sizes, depths, labels, notes = [], [], [], [], []
    for part in range(len(names)):
        images = rows.open_array(file, part)
        counts.append(len(images))
        sizes.append(arrays.check_images(images))
        depths.append(depth_of_array(images.dtype))
        known, note = _array_labels(rows, file, names[part], len(images))
        labels.append(known)
        notes += [note] if note else []
    numbered = [_numbered(f"{name}/{one}" if len(names) > 1 else name, n) for one, n in zip(names, counts, strict=True)]
    return ContainerRows(
        part=np.repeat(np.arange(len(names), dtype=np.int32), counts),
        position=np.concatenate([np.arange(count) for count in counts]),
        paths=pa.concat_arrays(numbered),
        sizes=np.repeat(np.array(sizes, np.int32), counts, axis=0),
        depths=np.repeat(np.array(depths, np.int32), counts),
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
    source = idx.idx_labels_name(name) if kind == "idx" else name
    try:
        if kind == "npz":
            labels = npz.read_npz_labels(rows.location, name, array)
        else:
            labels = idx.read_idx(rows.location, source) if rows.location.has_file(source) else None
    except (Unreadable, OSError) as error:
        return None, f"The labels in {printable(source)} were not used: {message_of(error)}."
    if labels is not None and labels.shape != (n,):
        shape = labels.shape
        return None, f"The labels in {printable(source)} were not used: their shape is {shape} for {n} images."
    return labels, None


def _numbered(name: str, n: int) -> pa.Array:
    """Return a name for each of the rows of a file."""
    return pa.array([f"{printable(name)}#{row}" for row in range(n)], pa.large_string())
