"""``raycluster.assign``: new images go to the clusters of a finished run, unless they resemble none of its images."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch

from raycluster.data.files.location import public_name
from raycluster.data.files.sources import Listing, check_apart, list_images, printable, resolve_source
from raycluster.data.images import ImageSet, open_images
from raycluster.data.loaded_images import read_all
from raycluster.graph.neighbors.nearest import default_n_neighbors
from raycluster.graph.neighbors.novelty import KnownRows
from raycluster.metrics.quality import clustering_quality
from raycluster.nn.batches import in_batches
from raycluster.nn.network import Network
from raycluster.options import AssignOptions
from raycluster.results.finished_run import RunVectors, finished_run, network_of, read_vectors
from raycluster.results.provenance import existing_result, write_table
from raycluster.runtime.clock import Clock
from raycluster.runtime.console import Console
from raycluster.runtime.paths import absolute_out
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.session import ray_session_for
from raycluster.runtime.summary import reason_lines
from raycluster.runtime.units import count, duration

WINDOW = 65_536  # embeddings that are collected before their neighbors are searched


@dataclass(frozen=True)
class AssignSummary:
    """What was done.

    Attributes
    ----------
    images, assigned, refused, rejected : int
        ``images`` is the sum of the others.
    clusters : int
        How many clusters of the run got an image.
    farthest : float or None
        The distance to the nearest image of the run, above which images were refused; None where none were to be.
    seconds : float
    stages : dict of str to float
        Seconds a stage.
    quality : dict
        Where classes are known, scores of the ``assigned`` images, and of ``all`` readable ones as if none had been
        refused.
    reasons : dict of str to int
        Why inputs were rejected, and how often.
    """

    images: int
    assigned: int
    refused: int
    rejected: int
    clusters: int
    farthest: float | None
    seconds: float
    stages: dict[str, float]
    quality: dict[str, dict[str, float]] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)


class Assignments(NamedTuple):
    """What was found for each readable image: cluster int32 [n], confidence and novelty float32 [n]."""

    clusters: np.ndarray
    confidence: np.ndarray
    novelty: np.ndarray


def assign_images(options: AssignOptions, console: Console | None = None) -> AssignSummary:
    """Assign images to clusters of a run, and write one row for every input to ``options.out``.

    Parameters
    ----------
    options : AssignOptions
    console : Console, optional
        Shows progress and the summary; by default on the standard output.

    Raises
    ------
    UserError
        If the run, the images or the file do not allow it; a sentence says why.
    """
    with console or Console() as shown:
        return _assign_images(options, shown)


def _assign_images(options: AssignOptions, console: Console) -> AssignSummary:
    clock = Clock(time.perf_counter(), "start")
    out = absolute_out(options.out)
    run_dir = finished_run(options.model)
    data = resolve_source(options.data)
    listing = list_images(data, options.exclude)
    check_apart(data, listing, out)
    identity = _identity(options, run_dir, data, listing)
    saved = existing_result(out, "assignment", identity)
    if saved is not None:
        summary = AssignSummary(**saved)
        console.say(f"{out} already holds this assignment.")
        console.say(describe_assignment(summary, run_dir.path, out))
        return summary
    RunDir(out.parent).check_writable()
    console.progress(f"reading {run_dir.path}")
    net = network_of(run_dir, "to assign images with")
    known = read_vectors(run_dir.path)
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
        rows = KnownRows(known.vectors, _n_neighbors(run_dir, len(known.ids)), images.n)
        clock.lap("images of the run")
        images, found = _find(net, images, known, rows, console)
        clock.lap("assigning")
    for warning in images.warnings:
        console.warn(warning)
    console.progress("writing results")
    refused = found.novelty > options.refuse_above
    table, reasons = _table(images, found, refused)
    clock.lap("writing")
    summary = AssignSummary(
        images=len(table),
        assigned=int((~refused).sum()),
        refused=int(refused.sum()),
        rejected=len(images.rejected),
        clusters=len(np.unique(found.clusters[~refused])),
        farthest=None if np.isinf(options.refuse_above) else round(options.refuse_above * rows.reach, 6),
        seconds=round(sum(clock.stages.values()), 2),
        stages={stage: round(seconds, 2) for stage, seconds in clock.stages.items()},
        quality=_quality(images.labels, found.clusters, refused),
        reasons=reasons,
    )
    write_table(out, table, {"what": "assignment", "identity": identity, "summary": asdict(summary)})
    console.say(describe_assignment(summary, run_dir.path, out))
    return summary


def describe_assignment(summary: AssignSummary, run: Path, out: Path) -> str:
    """Say how many images were assigned, which were not, how long it took, and where the rows are."""
    stages = ", ".join(f"{name} {duration(seconds)}" for name, seconds in summary.stages.items())
    lines = [
        f"{summary.assigned:,} of {count(summary.images, 'image')} assigned to {count(summary.clusters, 'cluster')} of "
        f"{run}, {duration(summary.seconds)} ({stages})",
    ]
    if summary.refused:
        lines.append(
            f"{summary.refused:,} unassigned: their nearest image of the run is farther than {summary.farthest:.4g}"
        )
    if summary.rejected:
        lines.append(f"{count(summary.rejected, 'input')} rejected:")
        lines += reason_lines(summary.reasons)
    titles = {"assigned": "assigned images", "all": "all readable images, as if every one had been assigned"}
    lines += [
        f"ACC {scores['acc']:.3f}  NMI {scores['nmi']:.3f}  ARI {scores['ari']:.3f}  on {titles[which]}"
        for which, scores in summary.quality.items()
    ]
    return "\n".join([*lines, f"All rows are in {out}."])


@torch.inference_mode()
def _find(
    net: Network, images: ImageSet, known: RunVectors, rows: KnownRows, console: Console
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
            window.append((part, prediction.embeddings.cpu().numpy()))
            if prediction.clusters is not None and prediction.confidence is not None:
                found.clusters[part] = prediction.clusters.cpu().numpy()
                found.confidence[part] = prediction.confidence.cpu().numpy()
        if sum(len(part) for part, _ in window) >= WINDOW:
            _compare(window, known, rows, not net.assigns, found)
            window.clear()

    def show(done: int) -> None:
        console.progress("assigning images", f"assigning images: {done:,} of {images.n:,} done")

    kept, is_readable = read_all(images, assign_block, show)
    if window:
        _compare(window, known, rows, not net.assigns, found)
    return kept, Assignments(*(values[is_readable] for values in found))


def _compare(
    window: list[tuple[np.ndarray, np.ndarray]],
    known: RunVectors,
    rows: KnownRows,
    clusters_too: bool,
    found: Assignments,
) -> None:
    """Find the images of the run that are nearest to new ones, and take clusters from them if the network has none.

    The cluster is that of the nearest image, as in :meth:`raycluster.graph.estimator.GraphDegreeLinkage.predict`; the
    confidence is the share of the neighbors that are in the same cluster, as for the run's own images.
    """
    numbers, points = (np.concatenate(arrays) for arrays in zip(*window, strict=True))
    neighbors, found.novelty[numbers] = rows.compare(points)
    if clusters_too:
        if known.clusters is None:
            raise RuntimeError("a finished run without assignments")
        near = known.clusters[neighbors]
        found.clusters[numbers] = near[:, 0]
        found.confidence[numbers] = (near == near[:, :1]).mean(axis=1)


def _table(images: ImageSet, found: Assignments, refused: np.ndarray) -> tuple[pa.Table, dict[str, int]]:
    """Return one row for every input, in the order of their ids, and how often each reason led to a rejection."""
    n = images.n_listed
    order = np.argsort(np.concatenate([images.ids, images.rejected_ids]))
    far = np.where(refused, "like nothing the run has seen", "").astype(object)
    far[refused] = [
        f"{reason} (novelty {x:.2f})" for reason, x in zip(far[refused], found.novelty[refused], strict=True)
    ]
    why = [rejected.reason for rejected in images.rejected]
    none, zero = np.full(len(why), -1), np.zeros(len(why))
    columns: dict[str, pa.Array] = {
        "id": pa.array(np.arange(n), pa.int64()),
        "path": _in_order(images.paths + [rejected.path for rejected in images.rejected], order, pa.string()),
        "cluster": _in_order([*np.where(refused, -1, found.clusters), *none], order, pa.int32()),
        "confidence": _in_order([*np.where(refused, 0, found.confidence), *zero], order, pa.float32()),
        "reason": _in_order([*far, *(f"rejected: {reason}" for reason in why)], order, pa.string()),
    }
    if images.labels is not None:
        known = np.concatenate([images.labels, none])[order]
        columns["label"] = pa.array(known, pa.int64(), mask=known < 0)
    if len(order) != n or not np.array_equal(np.sort(order), np.arange(n)):
        raise RuntimeError(f"{n} inputs became {len(order)} rows")
    return pa.table(columns), {reason: why.count(reason) for reason in sorted(set(why), key=why.count, reverse=True)}


def _in_order(values: list[Any], order: np.ndarray, kind: pa.DataType) -> pa.Array:
    return pa.array(values, kind).take(pa.array(order))


def _quality(labels: np.ndarray | None, clusters: np.ndarray, refused: np.ndarray) -> dict[str, dict[str, float]]:
    if labels is None:
        return {}
    groups = {"assigned": ~refused, "all": np.ones(len(refused), bool)}
    return {
        name: clustering_quality(labels[which], clusters[which])
        for name, which in groups.items()
        if (labels[which] >= 0).any()
    }


def _n_neighbors(run_dir: RunDir, n: int) -> int:
    return run_dir.config()["identity"].get("n_neighbors") or default_n_neighbors(n)


def _identity(options: AssignOptions, run_dir: RunDir, data: str, listing: Listing) -> dict[str, Any]:
    """Return everything that affects the result."""
    files = [[printable(name) for name in listing.names], listing.sizes, listing.modified]
    return {
        "model": str(run_dir.path.resolve()),
        "data": public_name(data),
        "refuse_above": f"{options.refuse_above:g}",
        "labels": options.labels,
        **options.reading.unusual(),
        "the run": hashlib.sha256((run_dir.path / "summary.json").read_bytes()).hexdigest(),
        "the images": hashlib.sha256(json.dumps(files).encode()).hexdigest(),
    }
