"""The image set: every image of a source, with an id that never changes, and the canvas that all are brought to."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from raycluster.data.blocks import read_ranges
from raycluster.data.canvas import Canvas, Fit, ImageSize
from raycluster.data.files.location import public_name
from raycluster.data.files.sources import Listing, check_apart, list_images, printable
from raycluster.data.frames import every_frame
from raycluster.data.image.value_range import SET_RANGE, describe_range
from raycluster.data.image_size import choose_canvas
from raycluster.data.pipeline import Progress, check_seen, put_rows
from raycluster.data.reading import USUAL, Reading
from raycluster.data.row_index import RowIndex, index_rows, known_classes
from raycluster.data.rows import Rows
from raycluster.data.survey import Headers, find_value_range, sample_value_range, survey_headers
from raycluster.data.unreadable import Rejected
from raycluster.errors import UserError

MOST_NAMED = 3


class CanvasSettings(NamedTuple):
    """What the user or the method wants of the canvas; the rest is chosen from the images.

    Attributes
    ----------
    image_size : int, (int, int) or "original", optional
        Side of a square, or height and width. By default the common size, or the median aspect and the median long
        side where sizes differ; if the long side exceeds 64 pixels, both sides are divided by the smallest integer
        that reduces it to 64 or less. "original" does not reduce it.
    color : {"keep", "gray", "rgb"}
        "keep" is gray if every image is gray, otherwise color.
    square_sizes : tuple of int, optional
        Allow only squares of these sides. By default the smallest one that is not below the common or median size is
        chosen, or the largest one if all are below it.
    fit : {"pad", "crop"}
        What happens to images of another aspect than the canvas.
    value_range : (float, float), optional
        What becomes black and white in images of more than 8 bits. By default it is found from all of them.
    """

    image_size: ImageSize | None = None
    color: str = "keep"
    square_sizes: tuple[int, ...] | None = None
    fit: Fit = "pad"
    value_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class ImageSet:
    """The images of a source. Row i is the same image throughout the program; ``ids[i]`` is its public id.

    Only headers have been read so far. :func:`raycluster.data.loaded_images.load_images` and
    :func:`raycluster.data.staging.stage_images` read all pixels, once, and reject what turns out to be damaged.

    Attributes
    ----------
    source : str
        As it may be shown.
    n : int
        The number of images that are not rejected.
    canvas : Canvas
        Color and size that every image is brought to, and how.
    ids : ndarray of int64, shape (n,)
        Position in the sorted list of files, and of rows within a file, counted over everything found: an image keeps
        its id when another one is rejected.
    paths : list of str, length n
        The file, relative to the source; in a file of many images, with the name or the number of the image in it.
    labels : ndarray of int64, shape (n,), or None
        Known classes for reporting, -1 where unknown.
    class_names : list of str or None
    rejected : list of Rejected
        In the order of their ids.
    notes : list of str
        Messages for the user: what was chosen, and what was not used.
    files : str
        A digest of the names and sizes of all files that were found.
    rows : Rows
        Where the pixels of every image are read from.
    originals : Rows
        Where every image is in the source.
    warnings : tuple of str
        Sentences about images in which nothing can be seen.
    """

    source: str
    n: int
    canvas: Canvas
    ids: np.ndarray
    paths: list[str]
    labels: np.ndarray | None
    class_names: list[str] | None
    rejected: list[Rejected]
    notes: list[str]
    files: str
    rows: Rows
    originals: Rows
    warnings: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        return self.canvas.shape

    @property
    def n_bytes(self) -> int:
        """The memory that all images need as uint8."""
        return self.n * int(np.prod(self.shape))

    @property
    def n_listed(self) -> int:
        """The number of inputs, rejected ones included."""
        return self.n + len(self.rejected)

    @property
    def rejected_ids(self) -> np.ndarray:
        """The ids of the rejected inputs, int64, ascending."""
        return np.setdiff1d(np.arange(self.n_listed), self.ids)

    @property
    def fingerprint(self) -> str:
        """Changes with the names and sizes of the files, with which images are rejected, and with the canvas."""
        digest = hashlib.sha256(json.dumps([self.files, asdict(self.canvas)]).encode())
        digest.update(self.ids.astype("<i8").tobytes())
        return digest.hexdigest()

    def without(self, reasons: Mapping[int, str]) -> ImageSet:
        """Return the set with some rows rejected for these reasons."""
        if not reasons:
            return self
        rejected = dict(zip(self.rejected_ids.tolist(), self.rejected, strict=True))
        rejected |= {int(self.ids[row]): Rejected(self.paths[row], reason) for row, reason in reasons.items()}
        kept = np.setdiff1d(np.arange(self.n), list(reasons))
        return replace(
            self,
            n=len(kept),
            ids=self.ids[kept],
            paths=[self.paths[row] for row in kept],
            labels=None if self.labels is None else self.labels[kept],
            rejected=[rejected[number] for number in sorted(rejected)],
            rows=self.rows.select(kept),
            originals=self.originals.select(kept),
        )

    def ranges(self, start: int, stop: int) -> np.ndarray:
        """Cut rows into ranges that one task each reads, int64 (m, 2)."""
        return self.rows.ranges(start, stop, int(np.prod(self.shape)))

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray, dict[int, str]]]:
        """Read all images once, on Ray where one is connected.

        Yields
        ------
        rows : ndarray of int64, shape (m,)
        images : ndarray of uint8, shape (m, C, H, W)
            Zeros where an image is unreadable.
        reasons : dict of int to str
            Why it is unreadable, by row.
        """
        rows = self.rows if self.rows.are_arrays else put_rows(self.rows)  # arrays need no decoding
        yield from read_ranges(rows, self.canvas, self.ranges(0, self.n))
        self.rows.close()

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read some images.

        Parameters
        ----------
        rows : ndarray of int64, shape (m,)
            Ascending.

        Returns
        -------
        rows : ndarray of int64, shape (k,)
            Those that are readable.
        images : ndarray of uint8, shape (k, C, H, W)
        """
        images = np.empty((len(rows), *self.shape), np.uint8)
        is_readable = np.ones(len(rows), bool)
        for places, pixels, reasons in replace(self, n=len(rows), rows=self.rows.select(rows)).blocks():
            images[places] = pixels
            is_readable[list(reasons)] = False
        return rows[is_readable], images if is_readable.all() else images[is_readable]


def open_images(
    source: str,
    reading: Reading = USUAL,
    canvas: Canvas | CanvasSettings | None = None,
    out: Path | None = None,
    listing: Listing | None = None,
    progress: Progress | None = None,
) -> ImageSet:
    """Open a source of images: find all of its files, and number the images in them.

    Every file that is found becomes an image or a rejected row. The headers of the images are read if the canvas has to
    be chosen, on Ray where one is connected.

    Parameters
    ----------
    source : str
        ``digits``, or a folder (searched recursively), a file, a list of files, or a glob, on this machine or behind a
        URI: images, Parquet, NPZ, IDX or tar.
    reading : Reading, optional
        How it is read.
    canvas : Canvas or CanvasSettings, optional
        What the images are brought to, or what is wanted of it. If it says nothing of images of more than 8 bits, what
        becomes black and white is found from a sample of them.
    out : Path, optional
        Where results will go.
    listing : Listing, optional
        The files of the source, where they have just been listed.
    progress : callable, optional
        As for :func:`raycluster.data.survey.survey_headers`.

    Raises
    ------
    UserError
        If the source does not exist, or holds no image that can be used, or the results would go into it.
    """
    canvas = canvas or CanvasSettings()
    if isinstance(canvas, CanvasSettings):
        _check_settings(canvas)
    listing = listing or list_images(source, reading.exclude)
    if out:
        check_apart(source, listing, out)
    check_seen(listing.local_file, f"--data {public_name(source)}")
    index = index_source(listing, reading)
    reasons = {row: str(reason) for row, reason in index.reasons.items()}
    notes = list(index.notes)
    if isinstance(canvas, CanvasSettings):
        headers, damaged = survey_headers(index, progress)
        reasons |= damaged
        used = _used(source, index, reasons)
        canvas, chosen = _choose_canvas(index, headers, used, canvas)
        notes += chosen
        if reading.frames == "first" and (n := int((headers.frames[used] > 1).sum())):
            notes.append(
                f"{n:,} of {len(used):,} images have several frames or pages, of which the first is used; --frames all "
                "uses all."
            )
    else:
        used = _used(source, index, reasons)
        if canvas.value_range is None and (found := sample_value_range(index.rows.select(used))):
            canvas = replace(canvas, value_range=found)
            notes.append(f"Some images have more than 8 bits: {describe_range(*found)}.")
    paths = cast("list[str]", index.paths.to_pylist())
    known, class_names, label_notes = known_classes(index, reading.labels)
    notes += label_notes
    rows = index.rows.select(used)
    return ImageSet(
        source=public_name(source),
        n=len(used),
        canvas=canvas,
        ids=used,
        paths=[paths[row] for row in used],
        labels=None if known is None or (known[used] < 0).all() else known[used],
        class_names=class_names,
        rejected=[Rejected(paths[row], reasons[row]) for row in sorted(reasons)],
        notes=notes,
        files=digest_of(listing),
        rows=rows,
        originals=rows,
    )


def index_source(listing: Listing, reading: Reading) -> RowIndex:
    """Assign a number to every image of a listing that is read in this way."""
    index = index_rows(listing, reading.array)
    return every_frame(index) if reading.frames == "all" else index


def none_readable(source: str, rejected: list[Rejected]) -> UserError:
    """Return the error of a source in which every input is rejected: how many, and the commonest reasons."""
    reasons = Counter(one.reason for one in rejected)
    example = {one.reason: one.path for one in reversed(rejected)}
    shown = "; ".join(f"{n:,} x {reason} ({example[reason]})" for reason, n in reasons.most_common(MOST_NAMED))
    return UserError(f"None of the {len(rejected):,} inputs in {source} is a readable image: {shown}.")


def _used(source: str, index: RowIndex, reasons: Mapping[int, str]) -> np.ndarray:
    """Return the rows that are not rejected, int64, ascending."""
    used = np.setdiff1d(np.arange(len(index.rows)), list(reasons))
    if len(used) == 0:
        paths = cast("list[str]", index.paths.to_pylist())
        raise none_readable(public_name(source), [Rejected(paths[row], reasons[row]) for row in sorted(reasons)])
    return used


def _choose_canvas(
    index: RowIndex, headers: Headers, used: np.ndarray, settings: CanvasSettings
) -> tuple[Canvas, list[str]]:
    canvas, notes = choose_canvas(
        headers.sizes[used], settings.image_size, settings.color, settings.square_sizes, settings.fit
    )
    deep = used[headers.depths[used] > 8]
    value_range = settings.value_range
    if len(deep) and value_range is None:
        value_range = find_value_range(index.rows.select(deep))
    if len(deep) and value_range is not None:
        said = describe_range(*value_range) + SET_RANGE
        notes.append(f"{len(deep):,} of {len(used):,} images have more than 8 bits: {said}.")
    return replace(canvas, value_range=value_range), notes


def _check_settings(settings: CanvasSettings) -> None:
    if settings.color not in ("keep", "gray", "rgb"):
        raise UserError(f"color={settings.color!r} is not supported: choose keep, gray or rgb.")
    size = settings.image_size
    sides = size if isinstance(size, tuple) else (size,)
    is_number = all(isinstance(side, int) and side > 0 for side in sides) and len(sides) <= 2
    if size not in (None, "original") and not is_number:
        raise UserError(f"image_size={size!r} is not a size: give one number of pixels, height and width, or original.")


def digest_of(listing: Listing) -> str:
    """Return a digest of the names and sizes of all files."""
    names = [printable(name) for name in listing.names]
    return hashlib.sha256(json.dumps([names, listing.sizes]).encode()).hexdigest()
