"""``raycluster.assign``: new images go to the clusters of a finished run, unless they resemble none of its images."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from raycluster.data.files.location import public_name
from raycluster.data.files.sources import check_apart, list_images, resolve_source
from raycluster.data.images import ImageSet, open_images
from raycluster.data.loaded_images import read_all
from raycluster.data.vectors.metric import MetricSpace
from raycluster.graph.neighbors.novelty import KnownRows
from raycluster.metrics.confidence import ClusterModel
from raycluster.nn.batches import in_batches
from raycluster.nn.network import Network
from raycluster.options import AssignOptions
from raycluster.remote.destination import results_at
from raycluster.remote.run_copy import copy_of
from raycluster.results.assign_vectors import assign_vectors
from raycluster.results.assignment import (
    Assignment,
    Assignments,
    AssignSummary,
    columns_of,
    identity_of,
    n_neighbors_of,
)
from raycluster.results.finished_run import RunVectors, finished_run, network_of, read_vectors
from raycluster.runtime.clock import Clock
from raycluster.runtime.console import Console
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.session import ray_session_for
from raycluster.runtime.units import count

WINDOW = 65_536  # embeddings that are collected before their neighbors are searched


def assign(options: AssignOptions, console: Console | None = None) -> AssignSummary:
    """Assign images, or vectors to a clustering of vectors, and write one row for every input to ``options.out``.

    Parameters
    ----------
    options : AssignOptions
    console : Console, optional
        Shows progress and the summary; by default on the standard output.

    Raises
    ------
    UserError
        If the run, the input or the file do not allow it; a sentence says why.
    """
    with console or Console() as shown, copy_of(options.model, shown) as run, results_at(options.out, shown) as out:
        run_dir = finished_run(run)
        if "embeddings" in run_dir.config()["identity"]:
            return assign_vectors(options, run_dir, out, shown)
        return _assign_images(options, run_dir, out, shown)


def _assign_images(options: AssignOptions, run_dir: RunDir, out: Path, console: Console) -> AssignSummary:
    clock = Clock(time.perf_counter(), "start")
    data = resolve_source(options.data)
    listing = list_images(data, options.exclude)
    check_apart(data, listing, out)
    identity = identity_of(options, run_dir, data, listing)
    job = Assignment(run_dir.path, out, "image", options.refuse_above, identity, clock, console)
    before = job.done_before()
    if before:
        return before
    RunDir(out.parent).check_writable()
    console.progress(f"reading {run_dir.path}")
    net = network_of(run_dir)
    known = read_vectors(run_dir.path)
    clusters = known.clusters
    if clusters is None:
        raise RuntimeError("a finished run without assignments")
    space = MetricSpace(run_dir.config()["identity"].get("metric"), known.vectors)
    known = replace(known, vectors=space.place(known.vectors)[0])
    clock.lap("model")
    with ray_session_for(listing, console):
        console.progress(f"looking at {public_name(data)}")
        images = open_images(data, options.reading, net.canvas, listing=listing)
        clock.lap("looking at images")
        for note in images.notes:
            console.say(note)
        rejected = f", {len(images.rejected):,} rejected" if images.rejected else ""
        console.say(f"{public_name(data)}: {count(images.n, 'image')}{rejected}")
        console.progress("assigning images")
        rows = KnownRows(known.vectors, n_neighbors_of(run_dir, len(known.ids)), images.n)
        model = ClusterModel.fit(known.vectors, clusters)
        clock.lap("images of the run")
        images, found = _find(net, images, known, space, rows, model, console)
        clock.lap("assigning")
    for warning in images.warnings:
        console.warn(warning)
    console.progress("writing results")
    return job.write(_table(images, found, job.refuses(found)), found, images.rejected, images.labels, rows.reach)


@torch.inference_mode()
def _find(
    net: Network,
    images: ImageSet,
    known: RunVectors,
    space: MetricSpace,
    rows: KnownRows,
    model: ClusterModel,
    console: Console,
) -> tuple[ImageSet, Assignments]:
    """Read all images once, with no more in memory than a block of them and a window of their embeddings.

    Returns the readable images, and what was found for each of them.
    """
    net = net.to("cuda" if torch.cuda.is_available() else "cpu")
    found = Assignments(np.empty(images.n, np.int32), np.empty(images.n, np.float32), np.empty(images.n, np.float32))
    window: list[tuple[np.ndarray, np.ndarray]] = []

    def assign_block(numbers: np.ndarray, pixels: np.ndarray) -> None:
        for batch, prediction in in_batches(net, pixels, net.predict):
            part = numbers[batch]
            window.append((part, space.place(prediction.embeddings.cpu().numpy())[0]))
            if prediction.clusters is not None:
                found.clusters[part] = prediction.clusters.cpu().numpy()
        if sum(len(part) for part, _ in window) >= WINDOW:
            _compare(window, known, rows, model, not net.assigns, found)
            window.clear()

    def show(done: int) -> None:
        console.progress("assigning images", f"assigning images: {done:,} of {images.n:,} done")

    kept, is_readable = read_all(images, assign_block, show)
    if window:
        _compare(window, known, rows, model, not net.assigns, found)
    return kept, Assignments(*(values[is_readable] for values in found))


def _compare(
    window: list[tuple[np.ndarray, np.ndarray]],
    known: RunVectors,
    rows: KnownRows,
    model: ClusterModel,
    clusters_too: bool,
    found: Assignments,
) -> None:
    """Compare new images with those of the run, and take clusters from the nearest if the network assigns none."""
    numbers, points = (np.concatenate(arrays) for arrays in zip(*window, strict=True))
    neighbors, found.novelty[numbers] = rows.compare(points)
    if clusters_too:
        assert known.clusters is not None
        found.clusters[numbers] = known.clusters[neighbors[:, 0]]
    found.confidence[numbers] = model.confidence(points, found.clusters[numbers])
    if clusters_too:
        assert known.confidence is not None
        found.confidence[numbers[known.confidence[neighbors[:, 0]] == 0]] = 0  # like an outlier of the run


def _table(images: ImageSet, found: Assignments, is_refused: np.ndarray) -> pa.Table:
    """Return one row for every input, in the order of their ids."""
    n = images.n_listed
    order = np.argsort(np.concatenate([images.ids, images.rejected_ids]))
    if len(order) != n or not np.array_equal(np.sort(order), np.arange(n)):
        raise RuntimeError(f"{n} inputs became {len(order)} rows")
    paths = np.array([*images.paths, *(rejected.path for rejected in images.rejected)], object)
    columns: dict[str, Any] = {"id": np.arange(n), "path": paths[order]}
    columns |= {name: column[order] for name, column in columns_of(found, is_refused, images.rejected).items()}
    if images.labels is not None:
        known = np.append(images.labels, np.full(len(images.rejected), -1))[order]
        columns["label"] = pa.array(known, pa.int64(), mask=known < 0)
    return pa.table(columns)
