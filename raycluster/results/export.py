"""Results as tables that other tools read: embedding-atlas, NumPy, and clip-retrieval with autofaiss."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from raycluster.data.files.location import check_complete_address, public_name
from raycluster.data.files.sources import (
    VECTOR_SOURCES,
    check_apart,
    list_images,
    list_source,
    printable,
    resolve_source,
)
from raycluster.data.images import digest_of, index_source
from raycluster.data.reading import Reading
from raycluster.data.row_index import RowIndex
from raycluster.data.thumbnails import thumbnails
from raycluster.errors import UserError
from raycluster.graph.neighbors.nearest import NeighborIndex
from raycluster.graph.tree import MergeTree
from raycluster.options import ExportOptions
from raycluster.results.finished_run import RunVectors, read_vectors
from raycluster.results.projection import project
from raycluster.results.provenance import atomic_folder, existing_result, write_table
from raycluster.runtime.console import Console
from raycluster.runtime.files import write_json, write_parquet
from raycluster.runtime.paths import absolute_out
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.session import ray_session_for
from raycluster.runtime.units import count, duration

NEIGHBORS = 15
LEVELS = (2, 5, 10, 20, 50, 100, 200, 500)  # numbers of clusters that the merge tree is cut at
BLOCK = 10_000  # images in one Arrow array


def export_tables(options: ExportOptions, console: Console | None = None) -> Path:
    """Write the table, and return its path.

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
    with console or Console() as shown:
        return _export_tables(options, shown)


def _export_tables(options: ExportOptions, console: Console) -> Path:
    began = time.perf_counter()
    out, folder = absolute_out(options.out), Path(options.run).expanduser()
    embeddings = options.embeddings and resolve_source(options.embeddings)
    data = options.data and resolve_source(options.data)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}: name the folder of a run, a clustering or embeddings.")
    config = RunDir(folder).config() if (folder / "config.json").exists() else {}
    source = _embeddings_of(folder, config, embeddings)
    identity = {
        "run": str(folder.resolve()),
        "format": options.format,
        "embeddings": embeddings and public_name(embeddings),
        "data": data and public_name(data),
        "images": options.images,
        "seed": options.seed,
        "the results": _digest(folder, source),
    }
    before = existing_result(out, "table", identity)
    if before is not None:
        console.say(f"{out} already holds this table, of {count(before['rows'], 'row')}.")
        return out
    RunDir(out.parent).check_writable()
    console.progress(f"reading {public_name(source)}")
    found = read_vectors(folder, source, config.get("identity", {}).get("column"))
    if found.rejected:
        console.say(f"{count(found.rejected, 'embedding')} left out: null or not finite")
    provenance = {"what": "table", "identity": identity, "summary": {"rows": len(found.ids)}}
    if options.format == "atlas":
        levels = cluster_levels(folder, found.vectors)
        images = _config_of_images(config, source)
        pictures = pictures_of(images, data, found, out, console) if options.images else None
        console.progress("projecting embeddings to two dimensions")
        write_table(out, atlas_table(found, levels, pictures, options.seed), provenance)
    else:
        write = {"numpy": write_numpy, "clip-retrieval": write_clip_retrieval}[options.format]
        console.progress("writing")
        with atomic_folder(out, provenance) as partial:
            write(partial, found)
    rows = f"{count(len(found.ids), 'row')} for {options.format}"
    console.say(f"{rows} are in {out}, {duration(time.perf_counter() - began)}.")
    return out


def atlas_table(
    found: RunVectors, levels: dict[str, np.ndarray], pictures: pa.ChunkedArray | None, seed: int
) -> pa.Table:
    """Return the table that embedding-atlas opens.

    ``projection_x`` and ``projection_y`` are of :func:`raycluster.results.projection.project`. ``neighbors`` has, as
    what the tool computes itself, row numbers in this table and plain distances, the row itself first. There is one
    column for each number of clusters in ``levels``.
    """
    n = len(found.ids)
    ids, squared = NeighborIndex(found.vectors, NEIGHBORS).rows()
    ids = np.column_stack([np.arange(n, dtype=np.int32), ids])
    distances = np.column_stack([np.zeros(n, np.float32), np.sqrt(squared)])
    places = project(found.vectors, seed)
    columns = rows_of(found)
    if pictures is not None:
        columns["image"] = pictures
    columns |= {"projection_x": pa.array(places[:, 0]), "projection_y": pa.array(places[:, 1])}
    columns["neighbors"] = pa.StructArray.from_arrays([_lists(ids), _lists(distances)], ["ids", "distances"])
    return pa.table(columns | {name: pa.array(labels, pa.int32()) for name, labels in levels.items()})


def write_numpy(folder: Path, found: RunVectors) -> None:
    """Write ``embeddings.npy`` float32 [n, d], ``ids.npy``, ``paths.json``, and what is known of clusters and labels.

    Ids are integers, or text.
    ``clusters.npy`` int32, ``confidence.npy`` float32 and ``labels.npy`` int64 (-1 where unknown) all have length n.
    """
    arrays = {
        "embeddings": found.vectors,
        "ids": found.ids.astype(np.str_) if found.ids.dtype == object else found.ids,
        "clusters": found.clusters,
        "confidence": found.confidence,
        "labels": found.labels,
    }
    for name, values in arrays.items():
        if values is not None:
            np.save(folder / f"{name}.npy", values)
    write_json(folder / "paths.json", {"paths": found.paths})


def write_clip_retrieval(folder: Path, found: RunVectors) -> None:
    """Write ``img_emb/img_emb_0.npy`` float32 [n, d] and ``metadata/metadata_0.parquet``, row beside row."""
    for name in ("img_emb", "metadata"):
        (folder / name).mkdir()
    np.save(folder / "img_emb" / "img_emb_0.npy", found.vectors)
    columns = rows_of(found)
    write_parquet(folder / "metadata" / "metadata_0.parquet", pa.table({"image_path": columns.pop("path")} | columns))


def rows_of(found: RunVectors) -> dict[str, Any]:
    """Return id, path, and what is known of cluster, confidence and label of every row, as columns."""
    columns: dict[str, Any] = {"id": pa.array(found.ids), "path": pa.array(found.paths, pa.string())}
    if found.clusters is not None:
        columns["cluster"] = pa.array(found.clusters, pa.int32())
    if found.confidence is not None:
        columns["confidence"] = pa.array(found.confidence, pa.float32())
    if found.labels is not None:
        columns["label"] = pa.array(found.labels, pa.int64(), mask=found.labels < 0)
    return columns


def cluster_levels(folder: Path, vectors: np.ndarray) -> dict[str, np.ndarray]:
    """Return the clusters, int32 [n], at every number in ``LEVELS`` that the folder's merge tree can be cut at."""
    n = len(vectors)
    if not (folder / "merges.parquet").exists():
        return {}
    columns = ("left", "right", "affinity", "size")
    run_dir = RunDir(folder)
    merges = run_dir.read_table("merges", columns)
    tree = MergeTree(n, *(merges[name].to_numpy() for name in columns))
    join = run_dir.config()["identity"].get("join_small_clusters", False)
    known = [k for k in LEVELS if tree.n_roots <= k < n]
    return {f"cluster_{k}": tree.partition(k, vectors, join).labels for k in known}


def pictures_of(
    config: dict[str, Any], data: str | None, found: RunVectors, out: Path, console: Console
) -> pa.ChunkedArray | None:
    """Return struct{bytes, path} for every row, a thumbnail of the original, or null if that image is not found.

    Without images, or with other images than those of the run, say so and return None.

    Parameters
    ----------
    config : dict
        Of the run or the embedding that read the images.
    data : str, optional
        Where the images are now.
    found : RunVectors
    out : Path
        Where the table will be.
    console : Console

    Raises
    ------
    UserError
        If the table would be among the images.
    """
    identity = config.get("identity", {})
    value_range = config.get("canvas", {}).get("value_range")
    source = data or identity.get("data")
    if source is None:
        console.say("The table holds only the paths of the images, whose source is not known: name it with --data.")
        return None
    try:
        source = data or check_complete_address(source, "--data")
        listing = list_images(source, Reading.of(identity).exclude)
    except UserError as error:
        console.say(f"The table holds only the paths of the images: {error}")
        return None
    check_apart(source, listing, out)
    are_same = digest_of(listing) == config.get("files")
    if data is None and "files" in config and not are_same:
        console.say(
            f"The table holds only the paths of the images: those in {public_name(source)} have changed since the run."
        )
        return None
    encoded: list[bytes | None] = [None] * len(found.ids)
    with ray_session_for(listing, console):
        console.progress(f"looking at {public_name(source)}")
        index = index_source(listing, Reading.of(identity))
        shown = _rows_of_images(found, index, are_same)
        for start in range(0, len(shown), BLOCK):
            places, rows = zip(*shown[start : start + BLOCK], strict=True)
            order = np.argsort(rows)
            pictures = thumbnails(index.rows.select(np.array(rows)[order]), value_range)
            for place, picture in zip(np.array(places)[order].tolist(), pictures, strict=True):
                encoded[place] = picture
            done = min(start + BLOCK, len(shown))
            console.progress("encoding images", f"encoding images: {done:,} of {len(shown):,} done")
    if missing := encoded.count(None):
        console.warn(
            f"{missing:,} of {count(len(encoded), 'row')} have no picture: {public_name(source)} has no readable image "
            "of that path, or several."
        )
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    values = [{"bytes": data, "path": path} for data, path in zip(encoded, found.paths, strict=True)]
    blocks = [values[start : start + BLOCK] for start in range(0, len(values), BLOCK)]
    return pa.chunked_array(blocks, kind)  # type: ignore[call-overload]  # the stubs leave out structs


def _rows_of_images(found: RunVectors, index: RowIndex, ids_are_rows: bool) -> list[tuple[int, int]]:
    """Return pairs of a place among the vectors and the row of its image, found by id, or else by path.

    A path that stands for several images, as keys in Parquet may, says nothing.
    """
    paths = index.paths.to_pylist()
    times = Counter(paths)
    row_of = {path: row for row, path in enumerate(paths) if times[path] == 1}
    pairs = []
    for place, (number, path) in enumerate(zip(found.ids.tolist(), found.paths, strict=True)):
        is_row = ids_are_rows and number < len(paths) and paths[number] == path
        row = number if is_row else row_of.get(path)
        if row is not None and row not in index.reasons:
            pairs.append((place, row))
    return pairs


def _config_of_images(config: dict[str, Any], source: str) -> dict[str, Any]:
    """Return the config that says which images were read, and how: a clustering of embeddings has theirs."""
    folders = (Path(source), Path(source).parent)
    if "data" in config.get("identity", {}) or not (near := [one for one in folders if (one / "config.json").exists()]):
        return config
    return RunDir(near[0]).config()


def _embeddings_of(folder: Path, config: dict[str, Any], given: str | None) -> str:
    """Return where the embeddings are: as given, in the folder, or where the clustering took them from."""
    if given is not None:
        return given
    if (folder / "embeddings").exists():
        return str(folder / "embeddings")
    clustered_from: str | None = config.get("identity", {}).get("embeddings")
    if clustered_from is None:
        raise UserError(f"{folder} holds no embeddings: name them with --embeddings.")
    return check_complete_address(clustered_from, "--embeddings")


def _digest(folder: Path, source: str) -> str:
    """Return a digest that changes with the embeddings, which may grow, and with the results made from them."""
    listing = list_source(source, VECTOR_SOURCES)
    names = ("assignments.parquet", "merges.parquet")
    sizes = [(folder / name).stat().st_size if (folder / name).exists() else None for name in names]
    summary = (folder / "summary.json").read_text(errors="replace") if (folder / "summary.json").exists() else ""
    files = [[printable(name) for name in listing.names], listing.sizes, sizes, summary]
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()


def _lists(values: np.ndarray) -> pa.Array:
    """Return the rows of a matrix [n, k] as lists."""
    offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values.reshape(-1)))
