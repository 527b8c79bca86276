"""The image set: everything that a source holds, looked at once, numbered for good, ready to be read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from raycluster.data.blocks import read_block
from raycluster.data.decode import Rejected, Unreadable
from raycluster.data.image_size import check_square, choose_square
from raycluster.data.labels import folder_labels
from raycluster.data.pipeline import Columns, put, stream
from raycluster.data.rows import FoundRows, Rows, decode_each, find_rows, list_images
from raycluster.data.sources import Listing, printable
from raycluster.errors import UserError

LONGEST_SIDE = 64
SHORTEST_SIDE = 8

ImageSize = int | tuple[int, int] | Literal["original"]


@dataclass(frozen=True)
class ImageSet:
    """The readable images of a source. Row i is one image everywhere in the program; ``ids[i]`` is its public id.

    Attributes
    ----------
    n : int
        How many readable images there are.
    shape : tuple of int
        Channels, height and width that every image is brought to.
    ids : ndarray of int64, shape (n,)
        Position in the sorted list of files, then of rows in a file, counted over everything listed: an image keeps
        its id when another one turns out to be unreadable.
    paths : list of str, length n
        The file, relative to the source; ``file#row`` in a file of many images.
    labels : ndarray of int64, shape (n,), or None
        Known classes for reporting, -1 where unknown.
    class_names : list of str or None
    rejected : list of Rejected
    notes : list of str
        Sentences for the person at the keyboard: what was left out, what was chosen.
    fingerprint : str
        Changes with the names and sizes of the files, with what of them is readable, and with the size and colour the
        images are brought to.
    rows : Rows
        Where every image lies.
    """

    n: int
    shape: tuple[int, int, int]
    ids: np.ndarray
    paths: list[str]
    labels: np.ndarray | None
    class_names: list[str] | None
    rejected: list[Rejected]
    notes: list[str]
    fingerprint: str
    rows: Rows

    @property
    def n_bytes(self) -> int:
        """What all images take in memory, as uint8."""
        return self.n * int(np.prod(self.shape))

    def load(self) -> np.ndarray:
        """Return all images, uint8 (n, C, H, W). Encoded images are decoded on Ray, where one is connected.

        Raises
        ------
        UserError
            If an image that was readable when the set was opened no longer is.
        """
        images = np.empty((self.n, *self.shape), np.uint8)
        times_seen = np.zeros(self.n, np.int64)
        for rows, pixels in self.blocks():
            images[rows] = pixels
            np.add.at(times_seen, rows, 1)
        if not (times_seen == 1).all():
            raise RuntimeError(f"{(times_seen != 1).sum()} of {self.n} images were not read exactly once")
        return images

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return the images of some rows, int64 (m,) and rising, as uint8 (m, C, H, W), and read no others."""
        return replace(self, n=len(rows), rows=self.rows.select(rows)).load()

    def ranges(self, start: int, stop: int) -> np.ndarray:
        """Cut rows into ranges that are each read by one task, int64 (m, 2)."""
        return self.rows.ranges(start, stop, int(np.prod(self.shape)))

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield row numbers (int64 [m]) and images (uint8 [m, C, H, W]), some at a time, each row once."""
        rows = self.rows if self.rows.are_arrays else put(self.rows)  # arrays need no decoding
        yield from read_ranges(rows, self.shape, self.ranges(0, self.n))
        self.rows.close()


def open_images(
    source: str,
    labels: Literal["auto", "folders"] = "auto",
    image_size: ImageSize | None = None,
    color: Literal["keep", "gray", "rgb"] = "keep",
    square_sizes: tuple[int, ...] | None = None,
) -> ImageSet:
    """Open a source of images: list it, look at every image once, choose one size and colour for all.

    Encoded images are decoded on Ray, where one is connected, else in this process. What cannot be read is set
    aside with the reason.

    Parameters
    ----------
    source : str
        ``digits``, or a folder (searched to the bottom), a file or a glob, here or behind a URI that pyarrow opens:
        images, Parquet, NPZ, IDX or WebDataset tar.
    labels : {"auto", "folders"}
        Where known classes come from: what the files carry (a ``label`` column, NPZ ``labels``, the IDX labels file
        that belongs to the images, ``.cls`` in tar), or the names of the folders that the files lie in.
    image_size : int, (int, int) or "original", optional
        Side of a square, or height and width. By default the common size, or the median height and width (each at
        least 8) where sizes differ; if its long side exceeds 64 pixels, both sides are divided by the smallest whole
        number that brings it to 64 or less. "original" keeps the size as it is.
    color : {"keep", "gray", "rgb"}
        "keep" is grey if every image is grey, else colour.
    square_sizes : tuple of int, optional
        Only squares of these sides will do. By default the smallest that is not below the common or median size, or
        else the largest.

    Returns
    -------
    images : ImageSet

    Raises
    ------
    UserError
        If the source does not exist, holds nothing that is read or several kinds of files, or no image is readable.
    """
    _check_settings(image_size, color)
    listing = list_images(source)
    if labels == "folders" and listing.kind != "images":
        raise UserError(f"{source} holds {listing.kind} files: only image files take their labels from folders.")
    found = find_rows(listing)
    listed = len(found.rows)
    sizes, reasons = _survey(found)
    paths = found.rows.paths()
    rejected = [Rejected(paths[row], str(reasons[row])) for row in sorted(reasons)]
    is_readable = np.ones(listed, bool)
    is_readable[list(reasons)] = False
    ids = np.flatnonzero(is_readable)
    if len(ids) == 0:
        first = "; ".join(f"{path}: {reason}" for path, reason in rejected[:3])
        raise UserError(
            f"None of the {listed} inputs in {source} is a readable image ({first})."
            if rejected
            else f"{source} holds no rows: name a source with images in it."
        )
    shape, notes = choose_shape(sizes[ids], image_size, color, square_sizes)
    known, class_names = folder_labels(paths) if labels == "folders" else (found.labels, found.class_names)
    images = ImageSet(
        n=len(ids),
        shape=shape,
        ids=ids,
        paths=[paths[row] for row in ids],
        labels=None if known is None or (known < 0).all() else known[ids],
        class_names=class_names,
        rejected=rejected,
        notes=found.notes + notes,
        fingerprint=_fingerprint(listing, shape, ids),
        rows=found.rows.select(ids),
    )
    if images.n + len(images.rejected) != listed:
        raise RuntimeError(f"{listed} inputs became {images.n} images and {len(images.rejected)} rejected ones")
    return images


def choose_shape(
    sizes: np.ndarray, image_size: ImageSize | None, color: str, square_sizes: tuple[int, ...] | None = None
) -> tuple[tuple[int, int, int], list[str]]:
    """Choose one colour and size for all images, by the rules in :func:`open_images`.

    Parameters
    ----------
    sizes : ndarray of int, shape (n, 3)
        Height, width and channels of every image.
    image_size, color, square_sizes
        As in :func:`open_images`.

    Returns
    -------
    shape : tuple of int
        Channels, height and width.
    notes : list of str
        What was chosen, where there was a choice.
    """
    notes = []
    in_colour = int((sizes[:, 2] == 3).sum())
    channels = {"gray": 1, "rgb": 3}.get(color, 3 if in_colour else 1)
    if color == "keep" and 0 < in_colour < len(sizes):
        notes.append(f"{in_colour} of {len(sizes)} images are in colour, so all are treated as colour.")
    low, high = sizes[:, :2].min(axis=0), sizes[:, :2].max(axis=0)
    height, width = (int(side) for side in low)
    differ = (low != high).any()
    if isinstance(image_size, int):
        height = width = image_size
    elif isinstance(image_size, tuple):
        height, width = image_size
    elif differ:
        height, width = (max(SHORTEST_SIDE, int(side)) for side in np.rint(np.median(sizes[:, :2], axis=0)))
    if differ:
        spread = f"from {low[0]} to {high[0]} pixels high and from {low[1]} to {high[1]} wide"
        rule = "the median" if image_size in (None, "original") else "the size asked for"
        notes.append(f"The images are {spread}: all are resized to {rule}, {height} x {width}.")
    if square_sizes:
        if image_size is None:
            side = choose_square(height, width, square_sizes)
            if (height, width) != (side, side):
                notes.append(f"The network takes squares of {side} pixels: {height} x {width} is resized to that.")
            height = width = side
        check_square((height, width), square_sizes)
        return (channels, height, width), notes
    divisor = -(-max(height, width) // LONGEST_SIDE)
    if image_size is None and divisor > 1:
        small = tuple(max(SHORTEST_SIDE, side // divisor) for side in (height, width))
        notes.append(
            f"The images are shrunk from {height} x {width} to {small[0]} x {small[1]}, because a long side of up to "
            f"{LONGEST_SIDE} pixels trains fast: give an image size, or 'original', for another."
        )
        height, width = small
    return (channels, height, width), notes


def read_ranges(
    rows: Any, shape: tuple[int, int, int], ranges: np.ndarray, in_order: bool = False, sharers: int = 1
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield row numbers (int64 [m]) and images (uint8 [m, C, H, W]), decoded by Ray Data, range after range.

    ``rows`` is an :class:`raycluster.data.rows.Rows`, as :func:`raycluster.data.pipeline.put` has put it. The other
    parameters are those of :func:`raycluster.data.pipeline.stream`.
    """
    for columns in stream(rows, ranges, partial(_prepare_range, shape=shape), in_order, sharers):
        yield _checked(columns)


def _check_settings(image_size: ImageSize | None, color: str) -> None:
    if color not in ("keep", "gray", "rgb"):
        raise UserError(f"color={color!r} is not known: choose keep, gray or rgb.")
    sides = image_size if isinstance(image_size, tuple) else (image_size,)
    is_number = all(isinstance(side, int) and side > 0 for side in sides) and len(sides) <= 2
    if image_size not in (None, "original") and not is_number:
        raise UserError(
            f"image_size={image_size!r} is no size: give one number of pixels, height and width, or original."
        )


def _survey(found: FoundRows) -> tuple[np.ndarray, dict[int, Unreadable | str]]:
    """Return height, width and channels of every listed row, int32 (n, 3), and the reasons of those without."""
    rows = found.rows
    sizes = np.zeros((len(rows), 3), np.int32)
    reasons: dict[int, Unreadable | str] = dict(found.reasons)
    if rows.are_arrays:
        for file, size in found.sizes.items():
            sizes[rows.file == file] = size
        return sizes, reasons
    candidates = np.setdiff1d(np.arange(len(rows)), list(reasons))
    table = put(rows.select(candidates))
    for columns in stream(table, rows.select(candidates).ranges(0, len(candidates)), _survey_range):
        listed = candidates[columns["row"]]
        sizes[listed] = columns["size"]
        reasons.update((row, reason) for row, reason in zip(listed.tolist(), columns["reason"], strict=True) if reason)
    return sizes, reasons


def _survey_range(rows: Rows, start: int, stop: int) -> Columns:
    sizes = np.zeros((stop - start, 3), np.int32)
    reasons = [""] * (stop - start)
    for i, pixels in enumerate(decode_each(rows.read(start, stop))):
        if isinstance(pixels, Unreadable):
            reasons[i] = str(pixels)
        else:
            sizes[i] = *pixels.shape[:2], 1 if pixels.ndim == 2 else 3
    return {"row": np.arange(start, stop), "size": sizes, "reason": np.array(reasons, dtype=object)}


def _prepare_range(rows: Rows, start: int, stop: int, shape: tuple[int, int, int]) -> Columns:
    block = read_block(rows, start, stop, shape)
    failed = np.full(stop - start, "", dtype=object)
    for i, reason in block.reasons.items():
        failed[i] = f"{printable(rows.name(rows.file[start + i]))}: {reason}"
    return {"row": np.arange(start, stop), "image": block.images, "failed": failed}


def _checked(columns: Columns) -> tuple[np.ndarray, np.ndarray]:
    failed = [text for text in columns["failed"] if text]
    if failed:
        raise UserError(
            f"{len(failed)} images that were readable when the job began no longer are ({failed[0]}): "
            "leave the data as they are while it runs, and run the same command again."
        )
    return columns["row"], columns["image"]


def _fingerprint(listing: Listing, shape: tuple[int, int, int], ids: np.ndarray) -> str:
    names = [printable(name) for name in listing.names]
    found = hashlib.sha256(json.dumps([listing.kind, names, listing.sizes, shape]).encode())
    found.update(ids.astype("<i8").tobytes())
    return found.hexdigest()
