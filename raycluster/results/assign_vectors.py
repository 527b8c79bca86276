"""New vectors go to the clusters of a finished clustering of vectors, unless they resemble none of these."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from raycluster.data.files.location import public_name
from raycluster.data.files.sources import check_apart, resolve_source
from raycluster.data.vectors.files import find_vector_files
from raycluster.data.vectors.metric import MetricSpace, placed
from raycluster.data.vectors.vector_set import VectorSet, read_vector_files
from raycluster.errors import UserError
from raycluster.graph.neighbors.novelty import KnownRows
from raycluster.metrics.confidence import ClusterModel
from raycluster.options import AssignOptions
from raycluster.results.assignment import (
    Assignment,
    Assignments,
    AssignSummary,
    columns_of,
    identity_of,
    n_neighbors_of,
)
from raycluster.results.finished_run import read_vectors
from raycluster.runtime.background import run_beside
from raycluster.runtime.clock import Clock
from raycluster.runtime.console import Console
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.units import count


def assign_vectors(options: AssignOptions, run_dir: RunDir, out: Path, console: Console) -> AssignSummary:
    """Assign vectors to a clustering of vectors; :func:`raycluster.results.assign.assign` calls it for one.

    Raises
    ------
    UserError
        If the clustering, the vectors or the file do not allow it; a sentence says why.
    """
    clock = Clock(time.perf_counter(), "start")
    settings = run_dir.config()["identity"]
    unusual = [*options.reading.unusual(), *(["labels"] if options.labels != "auto" else [])]
    if unusual:
        raise UserError(f"--{unusual[0]} is for images, but {run_dir.path} is a clustering of vectors: leave it out.")
    source = resolve_source(options.data)
    try:
        files = find_vector_files(source, settings["column"])
    except UserError as error:
        raise UserError(
            f"{error} {run_dir.path} is a clustering of vectors: images are assigned as vectors, too, made by "
            "raycluster embed with the network that made those of the clustering."
        ) from None
    check_apart(source, files.listing, out)
    identity = identity_of(options, run_dir, source, files.listing)
    job = Assignment(run_dir.path, out, "vector", options.refuse_above, identity, clock, console)
    before = job.done_before()
    if before:
        return before
    RunDir(out.parent).check_writable()
    console.progress(f"reading {run_dir.path}")
    known = read_vectors(run_dir.path, settings["embeddings"], settings["column"])
    if known.clusters is None or known.confidence is None:
        raise RuntimeError("a finished clustering without assignments")
    clock.lap("vectors of the run")
    console.progress(f"reading {public_name(source)}")
    new = read_vector_files(files)
    vectors, d = known.vectors, known.vectors.shape[1]
    if new.vectors.shape[1] != d:
        raise UserError(
            f"The vectors in {public_name(source)} have {new.vectors.shape[1]} numbers, but those that were clustered "
            f"have {d}: name vectors of the same network."
        )
    space = MetricSpace(settings["metric"], vectors)
    vectors, _ = space.place(vectors)
    new = placed(new, space)
    for note in new.notes:
        console.say(note)
    rejected = f", {len(new.rejected):,} rejected" if new.rejected else ""
    console.say(f"{public_name(source)}: {count(len(new.ids), 'vector')}{rejected}")
    clock.lap("vectors")
    clusters, of_run, n_neighbors = known.clusters, known.confidence, n_neighbors_of(run_dir, len(vectors))

    def search() -> tuple[Assignments, float]:
        rows = KnownRows(vectors, n_neighbors, len(new.vectors))
        model = ClusterModel.fit(vectors, clusters)
        neighbors, novelty = rows.compare(new.vectors)
        nearest = neighbors[:, 0]
        confidence = model.confidence(new.vectors, clusters[nearest])
        confidence[of_run[nearest] == 0] = 0  # like an outlier of the run
        return Assignments(clusters[nearest], confidence, novelty), rows.reach

    found, reach = run_beside(search, lambda: console.progress("assigning vectors"))
    clock.lap("assigning")
    return job.write(_table(new, found, job.refuses(found)), found, new.rejected, new.labels, reach)


def _table(new: VectorSet, found: Assignments, is_refused: np.ndarray) -> pa.Table:
    """Return one row for every vector, followed by the rejected ones, which have no id."""
    m = len(new.rejected)
    ids = pa.array(new.ids)
    columns: dict[str, Any] = {
        "id": pa.concat_arrays([ids, pa.nulls(m, ids.type)]),
        "path": pa.array([*new.paths, *(rejected.path for rejected in new.rejected)], pa.string()),
    }
    columns |= columns_of(found, is_refused, new.rejected)
    if new.labels is not None:
        labels = np.append(new.labels, np.full(m, -1))
        columns["label"] = pa.array(labels, pa.int64(), mask=labels < 0)
    return pa.table(columns)
