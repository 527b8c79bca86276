"""``raycluster export``: the results of a run as folders, lists and tables that people and other tools open."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from raycluster.data.files.location import public_name
from raycluster.data.files.sources import VECTOR_SOURCES, check_apart, list_source, printable, resolve_source
from raycluster.errors import UserError
from raycluster.metrics.confidence import confidence_of
from raycluster.options import ExportOptions
from raycluster.remote.destination import results_at, results_in
from raycluster.remote.run_copy import copy_of
from raycluster.results.assigned import AssignedRows, read_assigned
from raycluster.results.export_folders import export_folders
from raycluster.results.export_lists import export_list
from raycluster.results.export_tables import (
    atlas_table,
    cluster_levels,
    pictures_of,
    write_clip_retrieval,
    write_numpy,
)
from raycluster.results.finished_run import RunVectors, embeddings_of, read_vectors
from raycluster.results.names import read_names
from raycluster.results.originals import config_of_images, open_source
from raycluster.results.provenance import atomic_folder, existing_result, write_table
from raycluster.runtime.console import Console
from raycluster.runtime.files import write_csv
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.stand_in import deliver, shown
from raycluster.runtime.units import count, duration

FILES = ("csv", "atlas")
ARRAYS = {"numpy": write_numpy, "clip-retrieval": write_clip_retrieval}


def export_run(options: ExportOptions, console: Console | None = None) -> Path | str:
    """Write what is asked for, and return its path or URI.

    Parameters
    ----------
    options : ExportOptions
    console : Console, optional
        Shows progress and the path; by default on the standard output.

    Raises
    ------
    UserError
        If the folder or ``out`` does not allow it; a sentence says why.
    """
    if "://" in options.out and options.transfer != "copy":
        raise UserError(f"--transfer {options.transfer}: behind a URI, images can only be copied.")
    place = results_at if options.format in FILES else results_in
    with (
        console or Console() as console,
        copy_of(options.run, console) as folder,
        place(options.out, console) as out,
    ):
        if not folder.is_dir():
            raise UserError(f"There is no folder {folder}: name the folder of a run, a clustering or embeddings.")
        config = RunDir(folder).config() if (folder / "config.json").exists() else {}
        if options.format in ("atlas", *ARRAYS):
            _export_embeddings(options, folder, config, out, console)
        elif options.format == "csv":
            _export_csv(_rows(options, folder, config, console), out, console)
        else:
            _export_images(options, folder, config, out, console)
        return shown(str(out)) if "://" in options.out else out


def _rows(
    options: ExportOptions, folder: Path, config: dict[str, Any], console: Console, found: RunVectors | None = None
) -> AssignedRows:
    """Return the rows of the clusters that are asked for; the confidence of another cut comes from the embeddings."""
    rows = read_assigned(folder, options.clusters, read_names(options.names) if options.names else None)
    if rows.confidence is not None:
        return rows
    try:
        found = found or read_vectors(folder, _embeddings_of(options, folder), _column_of(config))
    except UserError as error:
        console.say(f"The confidence of these clusters is left out: {error}")
        return rows
    return replace(rows, confidence=confidence_of(found.vectors, rows.clusters))


def _export_csv(rows: AssignedRows, out: Path, console: Console) -> None:
    if out.exists():
        raise UserError(f"{out} already exists: choose another --out, or remove it.")
    RunDir(out.parent).check_writable()
    out.parent.mkdir(parents=True, exist_ok=True)
    write_csv(out, pa.table(rows.columns()))
    deliver(out)
    console.say(f"{count(len(rows.ids), 'row')} are in {out}.")


def _export_images(options: ExportOptions, folder: Path, config: dict[str, Any], out: Path, console: Console) -> None:
    """Export what takes the images themselves, or names them where they are."""
    console.progress(f"reading {folder}")
    rows = _rows(options, folder, config, console)
    config = config_of_images(config, config.get("identity", {}).get("embeddings"))
    source = open_source(config, options.data and resolve_source(options.data))
    check_apart(source.address, source.listing, out)
    if source.has_changed:
        console.say(f"The files in {source.name} have changed since the run: images are found by their paths.")
    identity = _identity(options, folder, [])
    if options.format == "folders":
        export_folders(rows, source, options.transfer, out, identity, options.execute, console)
        return
    if existing_result(out, "list", identity) is not None:
        console.say(f"{out} already holds this list.")
        return
    RunDir(out.parent).check_writable()
    export_list(options.format, rows, source, out, identity, console)


def _export_embeddings(
    options: ExportOptions, folder: Path, config: dict[str, Any], out: Path, console: Console
) -> None:
    """Export what holds the embeddings."""
    began = time.perf_counter()
    data = options.data and resolve_source(options.data)
    source = _embeddings_of(options, folder)
    listing = list_source(source, VECTOR_SOURCES)
    identity = _identity(options, folder, [[printable(name) for name in listing.names], listing.sizes])
    before = existing_result(out, "table", identity)
    if before is not None:
        console.say(f"{out} already holds this table, of {count(before['rows'], 'row')}.")
        return
    RunDir(out.parent).check_writable()
    console.progress(f"reading {public_name(source)}")
    found = read_vectors(folder, source, _column_of(config))
    is_clustered = found.clusters is not None or options.names or options.clusters
    rows = _rows(options, folder, config, console, found) if is_clustered else None
    if found.rejected:
        console.say(f"{count(found.rejected, 'embedding')} left out: null or not finite")
    provenance = {"what": "table", "identity": identity, "summary": {"rows": len(found.ids)}}
    if options.format == "atlas":
        levels = cluster_levels(folder, len(found.ids))
        images = config_of_images(config, source)
        pictures = pictures_of(images, data, found, out, console) if options.images else None
        console.progress("projecting embeddings to two dimensions")
        write_table(out, atlas_table(found, rows, levels, pictures, options.seed), provenance)
    else:
        console.progress("writing")
        with atomic_folder(out, provenance) as partial:
            ARRAYS[options.format](partial, found, rows)
    deliver(out)
    rows_of = f"{count(len(found.ids), 'row')} for {options.format}"
    console.say(f"{rows_of} are in {out}, {duration(time.perf_counter() - began)}.")


def _identity(options: ExportOptions, folder: Path, embeddings: list[Any]) -> dict[str, Any]:
    """Return everything that decides the result, from the options and the files in the folder of the run."""
    names = ("assignments.parquet", "merges.parquet")
    sizes = [(folder / name).stat().st_size if (folder / name).exists() else None for name in names]
    summary = (folder / "summary.json").read_text(errors="replace") if (folder / "summary.json").exists() else ""
    results = json.dumps([*embeddings, sizes, summary]).encode()
    judged = options.names and hashlib.sha256(Path(options.names).expanduser().read_bytes()).hexdigest()
    return {
        "run": shown(str(folder.resolve())),
        "format": options.format,
        "embeddings": options.embeddings and public_name(resolve_source(options.embeddings)),
        "data": options.data and public_name(resolve_source(options.data)),
        "names": judged,
        "clusters": options.clusters,
        "transfer": options.transfer if options.format == "folders" else None,
        "images": options.images,
        "seed": options.seed,
        "the results": hashlib.sha256(results).hexdigest(),
    }


def _column_of(config: dict[str, Any]) -> str | None:
    column: str | None = config.get("identity", {}).get("column")
    return column


def _embeddings_of(options: ExportOptions, folder: Path) -> str:
    """Return where the embeddings are: as given, or as the run knows."""
    return resolve_source(options.embeddings) if options.embeddings else embeddings_of(RunDir(folder))
