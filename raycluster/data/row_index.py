"""The index of a source: its images, numbered file by file, and what is known of them before any is decoded."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from raycluster.data import arrays, containers
from raycluster.data.decode import Unreadable
from raycluster.data.labels import join_labels
from raycluster.data.location import Location
from raycluster.data.rows import READ_THREADS, Rows, os_error_reason
from raycluster.data.sources import DIGITS, Listing, list_source


class Size(NamedTuple):
    """Height and width of an image, and its channels: 1 or 3."""

    height: int
    width: int
    channels: int


class RowIndex(NamedTuple):
    """The images of a source before anything is decoded.

    Attributes
    ----------
    rows : Rows
        Everything listed, including what is unreadable; the position is the public id.
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


class _Container(NamedTuple):
    """The rows of one container."""

    row_group: np.ndarray
    position: np.ndarray
    size: Size | None = None
    labels: np.ndarray | None = None
    class_names: list[str] | None = None
    note: str | None = None


def list_images(source: str) -> Listing:
    """List the image files of a source as :func:`raycluster.data.sources.list_source` does, or the ``digits``."""
    if source == DIGITS:
        return Listing(Location(""), DIGITS, [DIGITS], [0], [], [0])
    return list_source(source)


def index_rows(listing: Listing) -> RowIndex:
    """Assign a number to every image of a listing, opening its containers just far enough to count them."""
    n_files = len(listing.names)
    names = pa.array([os.fsencode(name) for name in listing.names], pa.large_binary())
    n_bytes = np.array(listing.sizes, np.float32)
    files, zeros = np.arange(n_files, dtype=np.int32), np.zeros(n_files, np.int64)
    rows = Rows(listing.location, listing.kind, names, files, zeros.astype(np.int32), zeros, n_bytes)
    if listing.kind == "images":
        return RowIndex(rows, {}, {}, None, None, listing.notes)
    with ThreadPoolExecutor(1 if rows.are_arrays else READ_THREADS) as pool:
        opened = list(pool.map(lambda name: _open_container(rows, name), listing.names))
    placeholder = _Container(np.zeros(1, np.int32), np.zeros(1, np.int64))
    known = [placeholder if isinstance(container, Unreadable) else container for container in opened]
    counts = [len(container.position) for container in known]
    labels, class_names = join_labels([container.labels for container in known], counts)
    first = np.cumsum([0, *counts])
    file = np.repeat(files, counts)
    return RowIndex(
        replace(
            rows,
            file=file,
            row_group=np.concatenate([container.row_group for container in known]),
            position=np.concatenate([container.position for container in known]),
            n_bytes=(n_bytes / np.maximum(counts, 1)).astype(np.float32)[file],
        ),
        {i: container.size for i, container in enumerate(known) if container.size},
        {int(first[i]): container for i, container in enumerate(opened) if isinstance(container, Unreadable)},
        labels,
        class_names or next((container.class_names for container in known if container.class_names), None),
        listing.notes + [container.note for container in known if container.note],
    )


def _open_container(rows: Rows, name: str) -> _Container | Unreadable:
    location = rows.location
    try:
        if rows.kind == "tar":
            offsets, labels = containers.scan_tar(location, name)
            return _Container(np.zeros(len(offsets), np.int32), offsets, labels=labels)
        if rows.kind == "parquet":
            with containers.open_parquet(location, name) as file:
                containers.image_column(file.schema_arrow)
                counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
                position = np.concatenate([np.zeros(0, np.int64), *(np.arange(count) for count in counts)])
                row_group = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
                return _Container(row_group, position, None, *containers.parquet_labels(file))
        images = rows.open_array(name)
        size = Size(*arrays.check_images(images))
        labels, note = _array_labels(rows, name, len(images))
        position = np.arange(len(images))
        return _Container(np.zeros(len(position), np.int32), position, size, labels, None, note)
    except Unreadable as error:
        return error
    except OSError as error:
        return Unreadable(os_error_reason(error))


def _array_labels(rows: Rows, name: str, n: int) -> tuple[np.ndarray | None, str | None]:
    """Return the labels that belong to an array file, and a note if they cannot be used."""
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
