"""``report.html``: the page of a run, and for many images the folder beside it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np

from raycluster.report.arrangement import Arrangement, arrange
from raycluster.report.charts import charts_of_run
from raycluster.report.content import ReadPictures, RunContent
from raycluster.report.overview import overview_data
from raycluster.report.page_data import as_json, column_data, parts_of, picture_data, row_data, tree_data
from raycluster.report.picture_file import PictureFile
from raycluster.report.template_files import BASICS, RUN_SCRIPTS, fill
from raycluster.runtime.console import Console
from raycluster.runtime.files import atomic_write, plain, remove_tree

PAGE, FOLDER = "report.html", "report"
PART = 1_000  # images in each file of the folder
LARGE, SMALL = 160, 112  # the longest side of a picture in a page of few images, and of many
FEW = 2_000
READ_AT_A_TIME = 10_000


def write_page(folder: Path, content: RunContent, progress: Callable[[str], None] = lambda _: None) -> None:
    """Write ``report.html``, and for more than 5,000 images ``report/`` with the pictures that do not go into it.

    Parameters
    ----------
    folder : Path
        Of the run.
    content : RunContent
    progress : callable
        Takes sentences that say what is being done.
    """
    progress("writing the page: placing images on the map")
    arranged = arrange(content)
    n, partial = len(content.ids), folder / f"{FOLDER}.{uuid.uuid4().hex[:8]}.partial"
    in_parts = len(arranged.sample) < n
    token = uuid.uuid4().hex if in_parts else ""
    try:
        with PictureFile(n, folder) as pictures:
            _read(content.read_pictures, arranged, pictures, progress)
            if in_parts:
                _write_parts(partial, content, arranged, pictures, token, progress)
            shown = picture_data(pictures.get(arranged.sample))
        text = page_text(content, arranged, shown, token)
        remove_tree(folder / FOLDER)
        if in_parts:
            os.replace(partial, folder / FOLDER)
    finally:
        remove_tree(partial)
    with atomic_write(folder / PAGE) as path:
        path.write_text(text, encoding="utf-8")


def write_page_or_warn(folder: Path, content: RunContent, console: Console) -> None:
    """Write the page at the end of a run, whose results are worth more: if it fails, say so and go on."""
    try:
        write_page(folder, content, console.progress)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".strip(": ")
        console.warn(f"The page could not be written ({reason}). raycluster show {folder} tries again.")


def page_text(content: RunContent, arranged: Arrangement, pictures: list[str], token: str = "") -> str:
    """Return ``report.html``.

    Parameters
    ----------
    content : RunContent
    arranged : Arrangement
    pictures : list of str
        From :func:`raycluster.report.page_data.picture_data`, of the images in the sample.
    token : str
        What the files beside the page are known by; empty if there are none.
    """
    overview = overview_data(content, arranged, token, PART)
    return fill(
        "page.html",
        f"{overview['title']} · {content.name}",
        (BASICS, *RUN_SCRIPTS),
        parts=bool(token),
        run=as_json(plain(overview)),
        tree=as_json(tree_data(arranged)),
        columns=as_json(column_data(content, arranged)),
        rows=as_json(row_data(content, arranged, arranged.sample)),
        pictures=as_json(pictures),
        charts=charts_of_run(content),
    )


def _read(
    read: ReadPictures | None, arranged: Arrangement, pictures: PictureFile, progress: Callable[[str], None]
) -> None:
    """Read all pictures, in the order of the source, in which containers are read once."""
    n = len(arranged.order)
    if read is None:
        return
    side = LARGE if n <= FEW else SMALL
    for start in range(0, n, READ_AT_A_TIME):
        rows = np.arange(start, min(start + READ_AT_A_TIME, n))
        pictures.put(arranged.place[rows], read(rows, side))
        progress(f"writing the page: {rows[-1] + 1:,} of {n:,} pictures read")


def _write_parts(
    folder: Path,
    content: RunContent,
    arranged: Arrangement,
    pictures: PictureFile,
    token: str,
    progress: Callable[[str], None],
) -> None:
    """Write what the page loads on demand: scripts, because a page from a disk may read no other files."""
    folder.mkdir()
    for number, rows in parts_of(len(content.ids), PART):
        kinds = {"rows": row_data(content, arranged, rows)}
        if content.read_pictures is not None:
            kinds["pictures"] = {"rows": rows.tolist(), "pictures": picture_data(pictures.get(rows))}
        for kind, data in kinds.items():
            call = f'rayclusterPart("{token}","{kind}",{number},{as_json(data)});\n'
            (folder / f"{kind}-{number:05d}.js").write_text(call, encoding="utf-8")
        progress(f"writing the page: {rows[-1] + 1:,} of {len(content.ids):,} images")
