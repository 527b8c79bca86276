"""Thumbnails of the images of a finished run, read where they were, or where they are now."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from raycluster.data.files.sources import check_apart
from raycluster.data.thumbnails import thumbnails
from raycluster.errors import UserError
from raycluster.report.content import ReadPictures
from raycluster.results.originals import find_originals, open_source
from raycluster.runtime.console import Console
from raycluster.runtime.session import ray_session_for


class NoImages(Exception):
    """Why the images of a run cannot be read, as a part of a sentence."""


@contextlib.contextmanager
def reading_images(
    config: dict[str, Any], data: str | None, ids: np.ndarray, paths: list[str], console: Console, out: Path
) -> Iterator[ReadPictures]:
    """Provide a function that reads thumbnails of the images of a run, while Ray runs if there are many.

    Parameters
    ----------
    config : dict
        As :func:`raycluster.results.originals.config_of_images` returns it.
    data : str, optional
        Where the images are now. By default where they were, if these are the same still.
    ids : ndarray, shape (n,)
    paths : list of str, length n
    console : Console
    out : Path
        Where results will be.

    Raises
    ------
    NoImages
        If the images are not known, not there, or others by now.
    UserError
        If ``out`` is among the images.
    """
    try:
        source = open_source(config, data)
    except UserError as error:
        raise NoImages(str(error)) from None
    check_apart(source.address, source.listing, out)
    if data is None and source.has_changed:
        raise NoImages(f"those in {source.name} have changed since the run.")
    with ray_session_for(source.listing, console):
        console.progress(f"looking at {source.name}")
        originals = find_originals(source, ids, paths)

        def read(rows: np.ndarray, long_side: int) -> list[bytes | None]:
            place = originals.row[rows]
            found = np.flatnonzero(place >= 0)
            order = found[np.argsort(place[found], kind="stable")]
            shown = thumbnails(originals.rows.select(place[order]), source.value_range, long_side=long_side)
            pictures: list[bytes | None] = [None] * len(rows)
            for at, picture in zip(order.tolist(), shown, strict=True):
                pictures[at] = picture
            return pictures

        yield read
