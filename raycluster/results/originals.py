"""Where the images of a run are now: found again in their source, to be read once more or taken elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from raycluster.data.files.location import check_complete_address, public_name
from raycluster.data.files.sources import Listing, list_images
from raycluster.data.images import digest_of, index_source
from raycluster.data.reading import Reading
from raycluster.data.row_index import RowIndex
from raycluster.data.rows import Rows
from raycluster.errors import UserError
from raycluster.runtime.run_dir import RunDir


class Source(NamedTuple):
    """The source of the images of a run.

    Attributes
    ----------
    address : str
    listing : Listing
        Its files now.
    reading : Reading
    has_changed : bool or None
        Since the run; None where that is not known.
    value_range : (float, float) or None
        What the run has taken for black and white in images of more than 8 bits.
    """

    address: str
    listing: Listing
    reading: Reading
    has_changed: bool | None
    value_range: tuple[float, float] | None

    @property
    def name(self) -> str:
        """The address as it may be shown."""
        return public_name(self.address)


class Originals(NamedTuple):
    """The images of a run in their source.

    Attributes
    ----------
    rows : Rows
        Everything in the source.
    row : ndarray of int64, shape (n,)
        Where the images of the run are among it; -1 where they are not found.
    reasons : dict of int to str
        Why not, by position in the run.
    """

    rows: Rows
    row: np.ndarray
    reasons: dict[int, str]

    @property
    def found(self) -> np.ndarray:
        """The positions in the run of the images that are found, int64, in ascending order."""
        return np.flatnonzero(self.row >= 0)


def config_of_images(config: dict[str, Any], source: str | None) -> dict[str, Any]:
    """Return the config that says which images were read, and how: a clustering of embeddings has theirs.

    Parameters
    ----------
    config : dict
        Of the run.
    source : str, optional
        Where its embeddings are.
    """
    folders = (Path(source), Path(source).parent) if source else ()
    if "data" in config.get("identity", {}) or not (near := [one for one in folders if (one / "config.json").exists()]):
        return config
    return RunDir(near[0]).config()


def open_source(config: dict[str, Any], data: str | None) -> Source:
    """List the files of the source of a run's images.

    Parameters
    ----------
    config : dict
        As :func:`config_of_images` returns it.
    data : str, optional
        Where the images are now.

    Raises
    ------
    UserError
        If the source is not known, or cannot be listed.
    """
    identity = config.get("identity", {})
    address = data or identity.get("data")
    if address is None:
        raise UserError("The source of the images is not known: name it with --data.")
    address = data or check_complete_address(address, "--data")
    reading = Reading.of(identity)
    listing = list_images(address, reading.exclude)
    has_changed = digest_of(listing) != config["files"] if "files" in config else None
    value_range = config.get("canvas", {}).get("value_range")
    return Source(address, listing, reading, has_changed, value_range and tuple(value_range))


def find_originals(source: Source, ids: np.ndarray, paths: Sequence[str]) -> Originals:
    """Find the images of a run in their source: by id if nothing has changed there, or else by path.

    A path that stands for several images, as keys in Parquet may, says nothing.

    Parameters
    ----------
    source : Source
    ids : ndarray, shape (n,)
    paths : sequence of str, length n
    """
    index = index_source(source.listing, source.reading)
    row, reasons = _rows_of(index, ids, paths, ids_are_rows=source.has_changed is False)
    return Originals(index.rows, row, reasons)


def _rows_of(
    index: RowIndex, ids: np.ndarray, paths: Sequence[str], ids_are_rows: bool
) -> tuple[np.ndarray, dict[int, str]]:
    there = cast("list[str]", index.paths.to_pylist())
    times = Counter(there)
    row_of = {path: row for row, path in enumerate(there) if times[path] == 1}
    rows, reasons = np.full(len(ids), -1, np.int64), {}
    for place, (number, path) in enumerate(zip(ids.tolist(), paths, strict=True)):
        is_row = ids_are_rows and number < len(there) and there[number] == path
        row = number if is_row else row_of.get(path)
        if row is None:
            reasons[place] = "several images have this path" if times[path] else "there is no image of this path"
        elif row in index.reasons:
            reasons[place] = str(index.reasons[row])
        else:
            rows[place] = row
    return rows, reasons
