"""``raycluster export --format folders``: the images of each cluster in a folder of their own."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from raycluster.errors import UserError
from raycluster.options import Transfer
from raycluster.results.assigned import AssignedRows
from raycluster.results.folder_plan import FolderPlan, plan_folders
from raycluster.results.members import read_members
from raycluster.results.move_script import MOVE, move_script
from raycluster.results.originals import Originals, Source, find_originals
from raycluster.results.placing import NotPlaced, copy_file, link_hard, link_symbolically, write_bytes
from raycluster.results.provenance import NAME, existing_result
from raycluster.runtime.console import Console
from raycluster.runtime.files import atomic_write, write_csv, write_json
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.stand_in import deliver
from raycluster.runtime.summary import reason_lines
from raycluster.runtime.units import count, size

WHAT = "folder export"
METADATA, NOT_TAKEN = "metadata.csv", "not-taken.csv"
WAYS = {"copy": copy_file, "hardlink": link_hard, "symlink": link_symbolically}


@dataclass(frozen=True)
class Placed:
    """Where images have been brought, by row, and why others have not."""

    files: dict[int, str]
    reasons: dict[int, str]


def export_folders(
    rows: AssignedRows,
    source: Source,
    transfer: Transfer,
    out: Path,
    identity: dict[str, Any],
    execute: bool,
    console: Console,
) -> None:
    """Bring the images of each cluster into a folder, or say what that would be.

    ``metadata.csv`` names all images that were taken, as Hugging Face's ``imagefolder`` reads it, and
    ``not-taken.csv`` all others. Nothing is overwritten. Interrupted, the same call continues.

    Parameters
    ----------
    rows : AssignedRows
    source : Source
    transfer : {"copy", "hardlink", "symlink", "script"}
    out : Path
    identity : dict
        Everything that decides the result.
    execute : bool
        Do it, rather than only say what would be done.
    console : Console

    Raises
    ------
    UserError
        If ``out`` holds something else, or there is no room.
    """
    is_empty = not out.exists() or (out.is_dir() and not any(out.iterdir()))
    before = None if is_empty else existing_result(out, WHAT, identity)
    if before:
        console.say(f"{out} already holds all of this.")
        return
    if transfer == "hardlink" and source.listing.location.filesystem is None:
        _check_same_disk(source, out)
    console.progress(f"looking at {source.name}")
    originals = find_originals(source, rows.ids, rows.paths)
    plan = plan_folders(rows, originals, transfer)
    console.say(plan.describe(transfer, out))
    if not execute:
        say_not_taken(plan.reasons, console)
        console.say("Nothing has been written so far: the same command with --execute does it.")
        return
    RunDir(out).check_writable()
    if before is None:
        _check_room(plan, transfer, out)
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / NAME, {"what": WHAT, "identity": identity, "summary": {}})
        deliver(out)  # before the images: it says whose they are
    with RunDir(out).lock():
        if transfer == "script":
            placed = _write_script(plan, originals, out)
        else:
            placed = Placed({}, dict(plan.reasons))
            n = len(plan.taken)
            for done, _ in enumerate(_place_all(plan, originals, source, transfer, out, placed), 1):
                if done % 100 == 0:
                    console.progress("writing images", f"writing images: {done:,} of {n:,} done")
        if len(placed.files) + len(placed.reasons) != len(rows.paths):
            raise RuntimeError(f"{len(rows.paths)} rows became {len(placed.files)} files")
        _write_tables(rows, placed, out)
        summary = {"taken": len(placed.files), "not taken": len(placed.reasons)}
        write_json(out / NAME, {"what": WHAT, "identity": identity, "summary": summary})
    deliver(out)
    say_not_taken(placed.reasons, console)
    if transfer == "script":
        console.say(f"Run 'sh {out / MOVE}' to move them.")
    else:
        console.say(f"{count(len(placed.files), 'image')} are in {out}; {METADATA} there says which is which.")


def _check_room(plan: FolderPlan, transfer: Transfer, out: Path) -> None:
    above = _existing(out)
    free = shutil.disk_usage(above).free
    if transfer == "copy" and plan.n_bytes > free:
        raise UserError(
            f"The images take {size(plan.n_bytes)}, but {above} has room for {size(free)}: make room, choose another "
            "--out, or make links with --transfer symlink."
        )


def _check_same_disk(source: Source, out: Path) -> None:
    base = source.listing.location.base
    if base and os.stat(base).st_dev != os.stat(_existing(out)).st_dev:
        raise UserError(
            f"{out} is on another disk than {source.name}, and hard links do not reach there: choose --transfer copy "
            "or symlink, or another --out."
        )


def _existing(path: Path) -> Path:
    """Return the nearest folder at or above a path that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _place_all(
    plan: FolderPlan, originals: Originals, source: Source, transfer: str, out: Path, placed: Placed
) -> Iterator[None]:
    """Bring every image to its place, and note what has become of it."""
    taken, rows = plan.taken, originals.rows
    for folder in sorted({plan.folders[place] for place in taken.tolist()}):
        (out / folder).mkdir(exist_ok=True)

    def put(place: int, suffix: str, way: Any, image: object) -> None:
        name = os.path.join(plan.folders[place], plan.files[place] + suffix)
        try:
            way(image, out / name)
            placed.files[place] = name
        except NotPlaced as error:
            placed.reasons[place] = str(error)

    for place in taken[plan.is_file[taken]].tolist():
        put(place, "", WAYS[transfer], rows.location.path(rows.name(rows.file[originals.row[place]])))
        yield
    members = taken[~plan.is_file[taken]]
    members = members[np.argsort(originals.row[members])]
    found = read_members(rows, originals.row[members], source.value_range)
    for place, member in zip(members.tolist(), found, strict=True):
        if member.problem:
            placed.reasons[place] = member.problem
        else:
            put(place, plan.suffix_of(place, member.suffix), write_bytes, member.content)
        yield


def _write_script(plan: FolderPlan, originals: Originals, out: Path) -> Placed:
    names = {place: os.path.join(plan.folders[place], plan.files[place]) for place in plan.taken.tolist()}
    rows = originals.rows
    moves = ((rows.location.path(rows.name(rows.file[originals.row[place]])), name) for place, name in names.items())
    with atomic_write(out / MOVE) as partial:
        partial.write_bytes(os.fsencode(move_script(moves)))
    return Placed(names, plan.reasons)


def _write_tables(rows: AssignedRows, placed: Placed, out: Path) -> None:
    table = pa.table(rows.columns())
    taken = sorted(placed.files)
    files = pa.array([placed.files[place] for place in taken], pa.string())
    write_csv(out / METADATA, table.take(pa.array(taken, pa.int64())).add_column(0, "file_name", files))
    write_not_taken(rows, placed.reasons, out)


def write_not_taken(rows: AssignedRows, reasons: dict[int, str], out: Path) -> None:
    """Write ``not-taken.csv``, with the id, the path and the reason of images that are not taken, if there are any."""
    if reasons:
        table = pa.table(rows.columns()).select(["id", "path"]).take(pa.array(sorted(reasons), pa.int64()))
        texts = pa.array([reasons[place] for place in sorted(reasons)], pa.string())
        write_csv(out / NOT_TAKEN, table.append_column("reason", texts))


def say_not_taken(reasons: dict[int, str], console: Console) -> None:
    """Warn of images that are not taken, with the reasons."""
    if reasons:
        console.warn(
            "\n".join([f"{count(len(reasons), 'image')} not taken:", *reason_lines(Counter(reasons.values()))])
        )
