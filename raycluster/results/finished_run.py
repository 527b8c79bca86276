"""The contents of a finished run's folder, read back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa

from raycluster.data.files.location import Location, check_complete_address, open_filesystem, public_name
from raycluster.data.vectors.vector_set import open_vectors
from raycluster.errors import UserError
from raycluster.methods.saved_network import load_network
from raycluster.nn.network import Network
from raycluster.runtime.run_dir import RunDir


@dataclass(frozen=True)
class RunVectors:
    """The embeddings of a run with its clusters, row by row in the order of ``assignments.parquet``.

    Attributes
    ----------
    ids : ndarray of int64, uint64 or str objects, shape (n,)
    paths : list of str, length n
    vectors : ndarray of float32, shape (n, d)
    clusters : ndarray of int32, shape (n,), or None
        None, like ``confidence``, where nothing has been clustered yet.
    confidence : ndarray of float32, shape (n,), or None
    labels : ndarray of int64, shape (n,), or None
        Known classes, -1 where unknown.
    rejected : int
        How many embeddings were left out because they are null or not finite.
    """

    ids: np.ndarray
    paths: list[str]
    vectors: np.ndarray
    clusters: np.ndarray | None = None
    confidence: np.ndarray | None = None
    labels: np.ndarray | None = None
    rejected: int = 0


def finished_run(path: str | os.PathLike[str]) -> RunDir:
    """Return the folder of a finished run.

    Raises
    ------
    UserError
        If there is no finished run.
    """
    run_dir = RunDir(Path(path).expanduser())
    if not (run_dir.path / "summary.json").exists():
        raise UserError(f"{run_dir.path} holds no finished run: name the folder of one, or finish it first.")
    return run_dir


def check_complete(source: str) -> None:
    """Check that vectors, on this machine or behind a URI, do not belong to an unfinished run or embedding.

    Raises
    ------
    UserError
    """
    filesystem, base = open_filesystem(source)
    for folder in (base, os.path.dirname(base)):
        location = Location(folder, filesystem)
        if location.has_file("config.json") and not location.has_file("summary.json"):
            raise UserError(f"{folder} is not finished: run the same command again first.")


def network_of(run_dir: RunDir) -> Network:
    """Return the network of a run, which a method has trained or which was there before.

    Raises
    ------
    UserError
        If it has none because it is a clustering of vectors.
    """
    if "embeddings" in run_dir.config()["identity"]:
        raise UserError(f"{run_dir.path} holds a clustering of vectors, which has no network: name a run of images.")
    return load_network(run_dir.path / "model")


def read_vectors(folder: Path, embeddings: str | None = None, column: str | None = None) -> RunVectors:
    """Read the embeddings of a folder, or those that it was clustered from, joined with its assignments by id.

    Parameters
    ----------
    folder : Path
        With ``embeddings/`` and, if it has been clustered, ``assignments.parquet``.
    embeddings : str, optional
        Where the embeddings are, if not in the folder.
    column : str, optional
        The column that was clustered, as in :func:`raycluster.data.vectors.vector_set.open_vectors`.

    Raises
    ------
    UserError
        If there are no embeddings, their ids differ from those of the assignments, or a table is damaged.
    """
    source = embeddings or str(folder / "embeddings")
    check_complete(source)
    found = open_vectors(source, column)
    if not (folder / "assignments.parquet").exists():
        return RunVectors(found.ids, found.paths, found.vectors, labels=found.labels, rejected=len(found.rejected))
    table = RunDir(folder).read_table("assignments", ("id", "path", "cluster", "confidence"))
    ids = table["id"].to_numpy()
    is_clustered = np.isin(found.ids, ids)
    if not is_clustered.all():  # vectors without a direction, if these were clustered by cosines
        rejected = set(RunDir(folder).read_table("rejected", ["path"])["path"].to_pylist())
        is_clustered |= [path not in rejected for path in found.paths]
    given = np.flatnonzero(is_clustered)
    by_id = given[np.argsort(found.ids[given])]
    if not np.array_equal(found.ids[by_id], np.sort(ids)):
        raise UserError(
            f"The {len(found.ids):,} embeddings in {public_name(source)} do not match the {len(ids):,} rows in "
            f"{folder / 'assignments.parquet'}: name the embeddings that were clustered."
        )
    rows = by_id[np.searchsorted(found.ids[by_id], ids)]
    in_order = np.array_equal(rows, np.arange(len(found.ids)))
    return RunVectors(
        ids=ids,
        paths=cast("list[str]", table["path"].to_pylist()),
        vectors=found.vectors if in_order else found.vectors[rows],
        clusters=table["cluster"].to_numpy(),
        confidence=table["confidence"].to_numpy(),
        labels=labels_in(table),
    )


def embeddings_of(run_dir: RunDir) -> str:
    """Return where the embeddings of a run are: in its folder, or where it took them from.

    Raises
    ------
    UserError
        If it has none, or only the public part of their address is known.
    """
    if (run_dir.path / "embeddings").exists():
        return str(run_dir.path / "embeddings")
    config = run_dir.config() if (run_dir.path / "config.json").exists() else {}
    clustered_from: str | None = config.get("identity", {}).get("embeddings")
    if clustered_from is None:
        raise UserError(f"{run_dir.path} holds no embeddings: name them with --embeddings.")
    return check_complete_address(clustered_from, "--embeddings")


def labels_in(table: pa.Table) -> np.ndarray | None:
    """Return the known classes in a table of assignments, int64, -1 where unknown; None if there is no such column."""
    if "label" not in table.column_names:
        return None
    return table["label"].fill_null(-1).to_numpy()  # type: ignore[arg-type]  # the stubs want a Scalar
