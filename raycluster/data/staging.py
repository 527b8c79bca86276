"""Prepared copies of all images on disk, for sets that do not fit in memory: a run decodes each image once."""

from __future__ import annotations

import json
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np

from raycluster.data.files.sources import list_images
from raycluster.data.images import ImageSet
from raycluster.data.loaded_images import Progress, read_all
from raycluster.data.row_index import index_rows
from raycluster.errors import UserError

FILE_BYTES = 2**28
RECORD = "staged.json"
SPARE = 1.02  # of the disk, for headers and the record


def stage_images(images: ImageSet, folder: Path, progress: Progress | None = None) -> ImageSet:
    """Write all images of a set, as they are prepared, to IDX files, and return the set that is read from those.

    If the folder already holds this set, nothing is decoded; anything else in it is replaced.

    Parameters
    ----------
    images : ImageSet
    folder : Path
    progress : callable, optional
        Called with the number of images written so far.

    Raises
    ------
    UserError
        If none is readable, or the disk has too little space.
    """
    record = folder / RECORD
    saved = json.loads(record.read_text()) if record.exists() else {}
    if saved.get("set") != images.fingerprint:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _check_disk(images, folder)
        kept, is_readable = read_all(images, _Writer(images, folder), progress)
        rejected = dict(zip(kept.rejected_ids.tolist(), kept.rejected, strict=True))
        damaged = {int(row): rejected[int(images.ids[row])].reason for row in np.flatnonzero(~is_readable)}
        saved = {"set": images.fingerprint, "damaged": damaged, "warnings": kept.warnings}
        partial = record.with_suffix(".partial")
        partial.write_text(json.dumps(saved))
        partial.replace(record)
    damaged = {int(row): reason for row, reason in saved["damaged"].items()}
    staged = replace(images, rows=index_rows(list_images(str(folder / "*ubyte"))).rows)
    return replace(staged.without(damaged), warnings=tuple(saved["warnings"]))


class _Writer:
    """Writes blocks of images, uint8 [m, C, H, W], to their places in IDX files of equal length.

    With plain writes, not memory-mapped: on a full disk these raise an error, and do not kill the process.
    """

    def __init__(self, images: ImageSet, folder: Path) -> None:
        channels, height, width = images.shape
        self._per_file = max(1, FILE_BYTES // int(np.prod(images.shape)))
        size = (height, width) if channels == 1 else (height, width, channels)
        self._paths: list[Path] = []
        for start in range(0, images.n, self._per_file):
            dims = (min(self._per_file, images.n - start), *size)
            path = folder / f"{len(self._paths):06d}-images-idx{len(dims)}-ubyte"
            path.write_bytes(struct.pack(f">HBB{len(dims)}I", 0, 8, len(dims), *dims))
            with open(path, "r+b") as file:
                file.truncate(path.stat().st_size + int(np.prod(dims)))
            self._paths.append(path)
        self._header = 4 + 4 * (len(size) + 1)

    def __call__(self, rows: np.ndarray, block: np.ndarray) -> None:
        file = rows // self._per_file
        pixels = block.transpose(0, 2, 3, 1)
        for number in np.unique(file):
            chosen = file == number
            first = int(rows[chosen][0]) - int(number) * self._per_file  # the rows of a block are consecutive
            with open(self._paths[number], "r+b") as target:
                target.seek(self._header + first * pixels[0].size)
                target.write(np.ascontiguousarray(pixels[chosen]).data)


def _check_disk(images: ImageSet, folder: Path) -> None:
    free, needed = shutil.disk_usage(folder).free, images.n_bytes * SPARE
    if needed > free:
        raise UserError(
            f"The prepared images take {needed / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB left: make room, "
            "choose another --out, or a smaller --image-size."
        )
