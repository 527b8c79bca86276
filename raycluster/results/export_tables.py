"""Embeddings and clusters as other tools read them: embedding-atlas, NumPy, and clip-retrieval with autofaiss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from raycluster.data.thumbnails import LONG_SIDE
from raycluster.graph.neighbors.nearest import NeighborIndex
from raycluster.report.cuts import partition_at
from raycluster.report.projection import project
from raycluster.results.assigned import AssignedRows, identity_of, tree_of
from raycluster.results.finished_run import RunVectors
from raycluster.results.run_images import NoImages, reading_images
from raycluster.runtime.console import Console
from raycluster.runtime.files import write_json, write_parquet
from raycluster.runtime.units import count

JUDGED = ("name", "wrong")  # columns that say something only where names are given
NEIGHBORS = 15
LEVELS = (2, 5, 10, 20, 50, 100, 200, 500)  # numbers of clusters that the merge tree is cut at
BLOCK = 10_000  # images in one Arrow array


def atlas_table(
    found: RunVectors,
    rows: AssignedRows | None,
    levels: dict[str, np.ndarray],
    pictures: pa.ChunkedArray | None,
    seed: int,
) -> pa.Table:
    """Return the table that embedding-atlas opens.

    ``projection_x`` and ``projection_y`` are of :func:`raycluster.report.projection.project`. ``neighbors`` has, as
    what the tool computes itself, row numbers in this table and plain distances, the row itself first. There is one
    column for each number of clusters in ``levels``.
    """
    n = len(found.ids)
    ids, squared = NeighborIndex(found.vectors, NEIGHBORS).rows()
    ids = np.column_stack([np.arange(n, dtype=np.int32), ids])
    distances = np.column_stack([np.zeros(n, np.float32), np.sqrt(squared)])
    places = project(found.vectors, seed)
    columns = columns_of(found, rows)
    if pictures is not None:
        columns["image"] = pictures
    columns |= {"projection_x": pa.array(places[:, 0]), "projection_y": pa.array(places[:, 1])}
    columns["neighbors"] = pa.StructArray.from_arrays([_lists(ids), _lists(distances)], ["ids", "distances"])
    return pa.table(columns | {name: pa.array(labels, pa.int32()) for name, labels in levels.items()})


def write_numpy(folder: Path, found: RunVectors, rows: AssignedRows | None) -> None:
    """Write ``embeddings.npy`` float32 [n, d], ``ids.npy``, ``paths.json``, and what is known of clusters and labels.

    Ids are integers, or text.
    ``clusters.npy`` int32, ``confidence.npy`` float32 and ``labels.npy`` int64 (-1 where unknown) all have length n.
    With names given, ``wrong.npy`` says which images are marked as wrong, and ``names.json`` has the name of each
    cluster, by its number.
    """
    arrays: dict[str, np.ndarray | None] = {
        "embeddings": found.vectors,
        "ids": found.ids.astype(np.str_) if found.ids.dtype == object else found.ids,
        "clusters": rows.clusters if rows else None,
        "confidence": rows.confidence if rows else None,
        "labels": rows.labels if rows else found.labels,
        "wrong": rows.is_wrong if rows and rows.is_judged else None,
    }
    for name, values in arrays.items():
        if values is not None:
            np.save(folder / f"{name}.npy", values)
    write_json(folder / "paths.json", {"paths": found.paths})
    if rows and rows.is_judged:
        write_json(folder / "names.json", {"names": rows.names})


def write_clip_retrieval(folder: Path, found: RunVectors, rows: AssignedRows | None) -> None:
    """Write ``img_emb/img_emb_0.npy`` float32 [n, d] and ``metadata/metadata_0.parquet``, row beside row."""
    for name in ("img_emb", "metadata"):
        (folder / name).mkdir()
    np.save(folder / "img_emb" / "img_emb_0.npy", found.vectors)
    columns = columns_of(found, rows)
    write_parquet(folder / "metadata" / "metadata_0.parquet", pa.table({"image_path": columns.pop("path")} | columns))


def columns_of(found: RunVectors, rows: AssignedRows | None) -> dict[str, Any]:
    """Return id, path, and what is known of cluster, confidence, label, name and corrections of every row, as columns.

    Parameters
    ----------
    found : RunVectors
    rows : AssignedRows, optional
        The same rows, if they are clustered.
    """
    if rows is None:
        columns: dict[str, Any] = {"id": pa.array(found.ids), "path": pa.array(found.paths, pa.string())}
        if found.labels is not None:
            columns["label"] = pa.array(found.labels, pa.int64(), mask=found.labels < 0)
        return columns
    columns = rows.columns()
    return columns if rows.is_judged else {name: columns[name] for name in columns if name not in JUDGED}


def cluster_levels(folder: Path, n: int) -> dict[str, np.ndarray]:
    """Return the clusters, int32 [n], at every number in ``LEVELS`` that the folder's merge tree can be cut at."""
    tree, identity = tree_of(folder, n), identity_of(folder)
    if tree is None:
        return {}
    return {f"cluster_{k}": partition_at(tree, k, identity) for k in LEVELS if tree.n_roots <= k < n}


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
    encoded: list[bytes | None] = []
    try:
        with reading_images(config, data, found.ids, found.paths, console, out) as read:
            for start in range(0, len(found.ids), BLOCK):
                stop = min(start + BLOCK, len(found.ids))
                encoded += read(np.arange(start, stop), LONG_SIDE)
                console.progress("encoding images", f"encoding images: {stop:,} of {len(found.ids):,} done")
    except NoImages as error:
        console.say(f"The table holds only the paths of the images: {error}")
        return None
    if missing := encoded.count(None):
        console.warn(
            f"{missing:,} of {count(len(encoded), 'row')} have no picture: the source has no readable image of that "
            "path, or several."
        )
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    values = [{"bytes": data, "path": path} for data, path in zip(encoded, found.paths, strict=True)]
    blocks = [values[start : start + BLOCK] for start in range(0, len(values), BLOCK)]
    return pa.chunked_array(blocks, kind)  # type: ignore[call-overload]  # the stubs leave out structs


def _lists(values: np.ndarray) -> pa.Array:
    """Return the rows of a matrix [n, k] as lists."""
    offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values.reshape(-1)))
