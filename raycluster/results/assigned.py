"""The rows of a clustering as they are exported: its own clusters or those of a cut, with names and corrections."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from raycluster.errors import UserError
from raycluster.graph.tree import MergeTree
from raycluster.report.cuts import partition_at
from raycluster.results.finished_run import labels_in
from raycluster.results.names import Names, usual_name
from raycluster.runtime.run_dir import RunDir

TREE = ("left", "right", "affinity", "size")


@dataclass(frozen=True)
class AssignedRows:
    """The rows of ``assignments.parquet`` with the clusters that were asked for.

    Attributes
    ----------
    ids : ndarray of int64, uint64 or str objects, shape (n,)
    paths : list of str, length n
    clusters : ndarray of int32, shape (n,)
    confidence : ndarray of float32, shape (n,), or None
        None where the clusters are not those of the run, but another cut of its tree: then it is not known yet.
    labels : ndarray of int64, shape (n,), or None
        Known classes, -1 where unknown.
    names : dict of int to str
        Of every cluster, given or usual.
    is_wrong : ndarray of bool, shape (n,)
        Marked as being in the wrong cluster.
    is_judged : bool
        Whether somebody has given names or marked images.
    """

    ids: np.ndarray
    paths: list[str]
    clusters: np.ndarray
    confidence: np.ndarray | None
    labels: np.ndarray | None
    names: dict[int, str]
    is_wrong: np.ndarray
    is_judged: bool

    @property
    def named(self) -> list[str]:
        """The name of every row's cluster."""
        return [self.names[cluster] for cluster in self.clusters.tolist()]

    def columns(self) -> dict[str, Any]:
        """Return all that is known of every row, as columns."""
        columns: dict[str, Any] = {"id": pa.array(self.ids), "path": pa.array(self.paths, pa.string())}
        columns |= {"cluster": pa.array(self.clusters, pa.int32()), "name": pa.array(self.named, pa.string())}
        if self.confidence is not None:
            columns["confidence"] = pa.array(self.confidence, pa.float32())
        if self.labels is not None:
            columns["label"] = pa.array(self.labels, pa.int64(), mask=self.labels < 0)
        return columns | {"wrong": pa.array(self.is_wrong)}


def read_assigned(folder: Path, n_clusters: int | None = None, names: Names | None = None) -> AssignedRows:
    """Read the rows of a clustering, cut at another number of clusters if that is asked for or named.

    Parameters
    ----------
    folder : Path
        Of a run, or of a clustering.
    n_clusters : int, optional
        K; by default that of the names, or else that of the run.
    names : Names, optional

    Raises
    ------
    UserError
        If nothing is clustered there, it has no tree that can be cut at K, or the names belong to something else.
    """
    if not (folder / "assignments.parquet").exists():
        raise UserError(f"{folder} holds no clusters: name the folder of a finished run or clustering.")
    if names and n_clusters not in (None, names.clusters):
        raise UserError(
            f"The names in {names.path} are for {names.clusters} clusters, but --clusters is {n_clusters}: leave one "
            "of them out."
        )
    table = RunDir(folder).read_table("assignments", ("id", "path", "cluster", "confidence"))
    ids, paths = table["id"].to_numpy(), cast("list[str]", table["path"].to_pylist())
    clusters, confidence = table["cluster"].to_numpy(), cast("np.ndarray | None", table["confidence"].to_numpy())
    n_clusters = names.clusters if names else n_clusters
    if n_clusters not in (None, len(np.unique(clusters))):
        clusters, confidence = _cut(folder, len(ids), n_clusters), None
    numbers = np.unique(clusters).tolist()
    if names:
        names.check(folder, numbers)
    return AssignedRows(
        ids=ids,
        paths=paths,
        clusters=clusters,
        confidence=confidence,
        labels=labels_in(table),
        names={number: names.name(number) if names else usual_name(number) for number in numbers},
        is_wrong=names.is_wrong(ids, paths) if names else np.zeros(len(ids), bool),
        is_judged=names is not None,
    )


def tree_of(folder: Path, n: int) -> MergeTree | None:
    """Return the merge tree over the n rows of a run, or None if it has none."""
    if not (folder / "merges.parquet").exists():
        return None
    merges = RunDir(folder).read_table("merges", TREE)
    return MergeTree(n, *(merges[name].to_numpy() for name in TREE))


def _cut(folder: Path, n: int, n_clusters: int) -> np.ndarray:
    tree = tree_of(folder, n)
    if tree is None:
        raise UserError(
            f"{folder} has no merge tree, which could be cut at {n_clusters} clusters: only its own clusters can be "
            "exported."
        )
    return partition_at(tree, n_clusters, identity_of(folder))


def identity_of(folder: Path) -> dict[str, Any]:
    """Return the settings of a run; none where they are not known."""
    return dict(RunDir(folder).config()["identity"]) if (folder / "config.json").exists() else {}
