"""The image set: all readable images of a source, each with an id that never changes, ready to be read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np

from raycluster.data.blocks import read_ranges
from raycluster.data.decode import Rejected
from raycluster.data.image_size import ImageSize, choose_shape
from raycluster.data.location import public_name
from raycluster.data.pipeline import put_rows
from raycluster.data.row_index import index_rows, known_classes
from raycluster.data.rows import Rows
from raycluster.data.sources import Listing, list_images, printable
from raycluster.data.survey import survey_images
from raycluster.errors import UserError


@dataclass(frozen=True)
class ImageSet:
    """The readable images of a source. Row i is the same image throughout the program; ``ids[i]`` is its public id.

    Attributes
    ----------
    n : int
        The number of readable images.
    shape : tuple of int
        Channels, height and width that every image is converted to.
    ids : ndarray of int64, shape (n,)
        Position in the sorted list of files, and of rows within a file, counted over everything listed: an image
        keeps its id when another one becomes unreadable.
    paths : list of str, length n
        The file, relative to the source; ``file#row`` in a file of many images.
    labels : ndarray of int64, shape (n,), or None
        Known classes for reporting, -1 where unknown.
    class_names : list of str or None
    rejected : list of Rejected
    notes : list of str
        Messages for the user: what was skipped, what was chosen.
    fingerprint : str
        Changes with the names and sizes of the files, with which of their images are readable, and with the size and
        color that images are converted to.
    rows : Rows
        Where every image is stored.
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
        """The memory that all images need as uint8."""
        return self.n * int(np.prod(self.shape))

    def load(self) -> np.ndarray:
        """Return all images, uint8 (n, C, H, W). Encoded images are decoded on Ray where one is connected.

        Raises
        ------
        UserError
            If an image that was readable when the set was opened no longer is.
        """
        images = np.empty((self.n, *self.shape), np.uint8)
        times_read = np.zeros(self.n, np.int64)
        for rows, pixels in self.blocks():
            images[rows] = pixels
            np.add.at(times_read, rows, 1)
        if not (times_read == 1).all():
            raise RuntimeError(f"{(times_read != 1).sum()} of {self.n} images were not read exactly once")
        return images

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return only the images of some rows, int64 (m,) in ascending order, as uint8 (m, C, H, W)."""
        return replace(self, n=len(rows), rows=self.rows.select(rows)).load()

    def ranges(self, start: int, stop: int) -> np.ndarray:
        """Cut rows into ranges that one task each reads, int64 (m, 2)."""
        return self.rows.ranges(start, stop, int(np.prod(self.shape)))

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield row numbers (int64 [m]) and images (uint8 [m, C, H, W]), a block at a time, each row once."""
        rows = self.rows if self.rows.are_arrays else put_rows(self.rows)  # arrays need no decoding
        yield from read_ranges(rows, self.shape, self.ranges(0, self.n))
        self.rows.close()


def open_images(
    source: str,
    labels: Literal["auto", "folders", "last-folders"] = "auto",
    image_size: ImageSize | None = None,
    color: Literal["keep", "gray", "rgb"] = "keep",
    square_sizes: tuple[int, ...] | None = None,
) -> ImageSet:
    """Open a source of images: list it, check every image once, and choose one size and color for all.

    Encoded images are decoded on Ray where one is connected, otherwise in this process. Unreadable images are
    rejected with the reason.

    Parameters
    ----------
    source : str
        ``digits``, or a folder (searched recursively), a file or a glob, on this machine or behind a URI that pyarrow
        opens: images, Parquet, NPZ, IDX or WebDataset tar.
    labels : {"auto", "folders", "last-folders"}
        Where known classes come from: what the files contain (a ``label`` column, NPZ ``labels``, the IDX labels file
        that belongs to the images, ``.cls`` in tar, ``metadata.csv`` beside images), or the names of folders: those
        just below the source, or those that directly contain the image files.
    image_size : int, (int, int) or "original", optional
        Side of a square, or height and width. By default the common size, or the median height and width (each at
        least 8) where sizes differ; if the long side exceeds 64 pixels, both sides are divided by the smallest
        integer that reduces it to 64 or less. "original" does not reduce it.
    color : {"keep", "gray", "rgb"}
        "keep" is gray if every image is gray, otherwise color.
    square_sizes : tuple of int, optional
        Allow only squares of these sides. By default the smallest one that is not below the common or median size is
        chosen, or the largest one if all are below it.

    Returns
    -------
    images : ImageSet

    Raises
    ------
    UserError
        If the source does not exist, holds no supported files or several kinds of them, or no image is readable.
    """
    _check_settings(image_size, color)
    shown = public_name(source)
    listing = list_images(source)
    if labels != "auto" and "images" not in listing.kinds:
        raise UserError(f"{shown} holds {listing.kind} files: only image files take their labels from folders.")
    index = index_rows(listing)
    listed = len(index.rows)
    sizes, reasons = survey_images(index)
    paths = cast("list[str]", index.paths.to_pylist())
    rejected = [Rejected(paths[row], str(reasons[row])) for row in sorted(reasons)]
    is_readable = np.ones(listed, bool)
    is_readable[list(reasons)] = False
    ids = np.flatnonzero(is_readable)
    if len(ids) == 0:
        first = "; ".join(f"{path}: {reason}" for path, reason in rejected[:3])
        raise UserError(
            f"None of the {listed} inputs in {shown} is a readable image ({first})."
            if rejected
            else f"{shown} holds no rows: name a source with images in it."
        )
    shape, notes = choose_shape(sizes[ids], image_size, color, square_sizes)
    known, class_names, label_notes = known_classes(index, labels)
    images = ImageSet(
        n=len(ids),
        shape=shape,
        ids=ids,
        paths=[paths[row] for row in ids],
        labels=None if known is None or (known < 0).all() else known[ids],
        class_names=class_names,
        rejected=rejected,
        notes=index.notes + label_notes + notes,
        fingerprint=_fingerprint(listing, shape, ids),
        rows=index.rows.select(ids),
    )
    if images.n + len(images.rejected) != listed:
        raise RuntimeError(f"{listed} inputs became {images.n} images and {len(images.rejected)} rejected ones")
    return images


def _check_settings(image_size: ImageSize | None, color: str) -> None:
    if color not in ("keep", "gray", "rgb"):
        raise UserError(f"color={color!r} is not supported: choose keep, gray or rgb.")
    sides = image_size if isinstance(image_size, tuple) else (image_size,)
    is_number = all(isinstance(side, int) and side > 0 for side in sides) and len(sides) <= 2
    if image_size not in (None, "original") and not is_number:
        raise UserError(
            f"image_size={image_size!r} is not a size: give one number of pixels, height and width, or original."
        )


def _fingerprint(listing: Listing, shape: tuple[int, int, int], ids: np.ndarray) -> str:
    names = [printable(name) for name in listing.names]
    digest = hashlib.sha256(json.dumps([listing.kind, names, listing.sizes, shape]).encode())
    digest.update(ids.astype("<i8").tobytes())
    return digest.hexdigest()
