"""Lists of images with the names of their clusters, as tools for labeling and training read them.

They name the images where they are. Images that are no files of their own, and those that are marked as wrong, are left
out.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from raycluster.data.rows import Rows
from raycluster.data.survey import read_headers
from raycluster.errors import UserError
from raycluster.results.assigned import AssignedRows
from raycluster.results.export_folders import METADATA, say_not_taken, write_not_taken
from raycluster.results.members import local_files
from raycluster.results.originals import Originals, Source, find_originals
from raycluster.results.provenance import atomic_folder
from raycluster.runtime.background import run_beside
from raycluster.runtime.console import Console
from raycluster.runtime.files import write_csv
from raycluster.runtime.session import ray_session_for
from raycluster.runtime.stand_in import deliver
from raycluster.runtime.units import count

WRONG = "it is marked as wrong"
NOT_A_FILE = "it is not a file of its own on this machine: --format folders writes one"
NOT_TEXT = "its name is not valid UTF-8"
OUTSIDE = "it is not below the folder of the images"
COCO = "coco.json"
ABOUT = "Clusters found by raycluster, one category for each"


@dataclass(frozen=True)
class ListedImages:
    """The images of a list.

    Attributes
    ----------
    rows : AssignedRows
        Of the whole run.
    places : list of int, length m
        Those of them that are listed.
    files : list of str, length m
        Their names, relative to ``folder`` where they are below it.
    sizes : ndarray of int32, shape (m, 2), or None
        Height and width of each, upright; None where the list does not need them.
    folder : str
        That of the images.
    """

    rows: AssignedRows
    places: list[int]
    files: list[str]
    sizes: np.ndarray | None
    folder: str

    @property
    def numbers(self) -> list[int]:
        """A number for each image: its id, or its position in the run where ids are texts."""
        ids = self.rows.ids
        return self.places if ids.dtype == object else ids[self.places].tolist()

    def known_of(self, place: int) -> dict[str, Any]:
        """Return cluster, confidence and label of an image, as far as they are known."""
        rows = self.rows
        known: dict[str, Any] = {"cluster": int(rows.clusters[place])}
        if rows.confidence is not None:
            known["confidence"] = round(float(rows.confidence[place]), 6)
        if rows.labels is not None and rows.labels[place] >= 0:
            known["label"] = int(rows.labels[place])
        return known


def export_list(
    form: str, rows: AssignedRows, source: Source, out: Path, identity: dict[str, Any], console: Console
) -> None:
    """Write a folder with a list in one of the formats, and ``not-taken.csv`` with what is not in it.

    Parameters
    ----------
    form : {"coco", "imagefolder", "fiftyone"}
    rows : AssignedRows
    source : Source
    out : Path
    identity : dict
        Everything that decides the result.
    console : Console

    Raises
    ------
    UserError
        If no image can be listed.
    """
    console.progress(f"looking at {source.name}")
    originals = find_originals(source, rows.ids, rows.paths)
    reasons = _reasons(rows, originals, below=form == "imagefolder")
    places = np.setdiff1d(np.arange(len(rows.paths)), list(reasons))
    sizes = None
    if form == "coco":
        of_images = originals.rows.select(originals.row[places])
        with ray_session_for(source.listing, console):
            sizes, unreadable = run_beside(lambda: _sizes(of_images), lambda: console.progress("reading sizes"))
        reasons |= {int(places[i]): reason for i, reason in unreadable.items()}
        sizes = np.delete(sizes, list(unreadable), axis=0)
        places = np.delete(places, list(unreadable))
    if not len(places):
        reason, times = Counter(reasons.values()).most_common(1)[0]
        raise UserError(f"None of the {len(reasons):,} images can be listed for {form}: {times:,} x {reason}.")
    files = [originals.rows.name(originals.rows.file[row]) for row in originals.row[places].tolist()]
    images = ListedImages(rows, places.tolist(), files, sizes, source.listing.location.base)
    provenance = {"what": "list", "identity": identity, "summary": {"rows": len(places)}}
    console.progress("writing")
    with atomic_folder(out, provenance) as partial:
        {"coco": write_coco, "imagefolder": write_imagefolder, "fiftyone": write_fiftyone}[form](partial, images)
        write_not_taken(rows, reasons, partial)
    say_not_taken(reasons, console)
    deliver(out)
    console.say(f"{count(len(places), 'image')} for {form} are in {out}.")


def write_coco(folder: Path, images: ListedImages) -> None:
    """Write ``coco.json``: a category for each name, and for each image an annotation that covers all of it."""
    rows, numbers = images.rows, images.numbers
    category = {name: number for number, name in enumerate(dict.fromkeys(rows.names.values()), 1)}
    assert images.sizes is not None
    sizes = images.sizes.tolist()
    pictures = (
        {"id": number, "file_name": file, "width": width, "height": height}
        for number, file, (height, width) in zip(numbers, images.files, sizes, strict=True)
    )
    annotations = (
        {
            "id": i,
            "image_id": number,
            "category_id": category[rows.names[int(rows.clusters[place])]],
            "bbox": [0, 0, width, height],
            "area": width * height,
            "segmentation": [[0, 0, width, 0, width, height, 0, height]],
            "iscrowd": 0,
        }
        | images.known_of(place)
        for i, (number, place, (height, width)) in enumerate(zip(numbers, images.places, sizes, strict=True), 1)
    )
    categories = [{"id": number, "name": name, "supercategory": ""} for name, number in category.items()]
    with open(folder / COCO, "w") as file:
        file.write(f'{{"info": {json.dumps({"description": ABOUT, "folder": images.folder})}, "licenses": [],\n')
        file.write(f'"categories": {json.dumps(categories)},\n"images": [\n')
        file.writelines(_lines(pictures))
        file.write('],\n"annotations": [\n')
        file.writelines(_lines(annotations))
        file.write("]}\n")


def write_imagefolder(folder: Path, images: ListedImages) -> None:
    """Write ``metadata.csv``, which belongs into the folder of the images: file names, and what is known of each."""
    table = pa.table(images.rows.columns()).drop_columns(["path", "wrong"]).take(pa.array(images.places, pa.int64()))
    write_csv(folder / METADATA, table.add_column(0, "file_name", pa.array(images.files, pa.string())))


def write_fiftyone(folder: Path, images: ListedImages) -> None:
    """Write ``data.json``, with the path of every image, and ``labels.json``, with its classification."""
    rows, keys = images.rows, [str(number) for number in images.numbers]
    paths = (os.path.join(images.folder, file) for file in images.files)
    with open(folder / "data.json", "w") as file:
        file.write("{\n")
        file.writelines(_lines(zip(keys, paths, strict=True)))
        file.write("}\n")
    known = map(images.known_of, images.places)
    labels = (
        {"label": rows.names[one["cluster"]], "confidence": one.pop("confidence", None), "attributes": one}
        for one in known
    )
    with open(folder / "labels.json", "w") as file:
        file.write(f'{{"classes": {json.dumps(list(dict.fromkeys(rows.names.values())))},\n"labels": {{\n')
        file.writelines(_lines(zip(keys, labels, strict=True)))
        file.write("}}\n")


def _reasons(rows: AssignedRows, originals: Originals, below: bool) -> dict[int, str]:
    """Return why images are not listed, by row."""
    found = originals.found
    is_file = local_files(originals.rows)[originals.row[found]]
    reasons = originals.reasons | dict.fromkeys(found[~is_file].tolist(), NOT_A_FILE)
    for place in found[is_file].tolist():
        name = originals.rows.name(originals.rows.file[originals.row[place]])
        if not name.isascii() and any("\ud800" <= sign <= "\udfff" for sign in name):
            reasons[place] = NOT_TEXT
        elif below and (os.path.isabs(name) or name.startswith("../")):
            reasons[place] = OUTSIDE
    return reasons | dict.fromkeys(np.flatnonzero(rows.is_wrong).tolist(), WRONG)


def _sizes(rows: Rows) -> tuple[np.ndarray, dict[int, str]]:
    headers, unreadable = read_headers(rows)
    return headers.sizes[:, :2], unreadable


def _lines(items: Iterable[dict[str, Any] | tuple[str, Any]]) -> Iterator[str]:
    """Yield the items of a JSON array, or the pairs of an object, one a line; there may be millions."""
    for i, item in enumerate(items):
        text = json.dumps(item) if isinstance(item, dict) else ": ".join(map(json.dumps, item))
        yield f"{',' if i else ''}{text}\n"
