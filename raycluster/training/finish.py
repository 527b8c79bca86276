"""The end of a run: every row is accounted for, and the last files are written."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np

from raycluster.data.thumbnails import thumbnails
from raycluster.graph.tree import MergeTree
from raycluster.metrics.confidence import confidence_of
from raycluster.metrics.quality import clustering_quality
from raycluster.report.content import RunContent
from raycluster.report.page import write_page_or_warn
from raycluster.runtime.clock import Clock
from raycluster.runtime.console import Console
from raycluster.runtime.files import remove_tree
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.summary import RunSummary
from raycluster.training.projector import write_projector
from raycluster.training.worker_results import WorkerResults

if TYPE_CHECKING:
    from raycluster.data.images import ImageSet


def finish(
    run_dir: RunDir,
    method: str,
    images: ImageSet,
    found: WorkerResults,
    clock: Clock,
    console: Console | None = None,
) -> RunSummary:
    """Check that no row is missing, and write the remaining files, the summary last.

    Parameters
    ----------
    run_dir : RunDir
        Where the workers have written the embeddings and the model.
    method : str
    images : ImageSet
    found : WorkerResults
        The results of worker 0.
    clock : Clock
    console : Console, optional
        Shows that the page is written; without it, neither the page is, nor what TensorBoard's projector shows.
    """
    ids, embeddings = run_dir.read_embeddings(found.workers)
    if not np.array_equal(ids, images.ids):
        raise RuntimeError("not every image was embedded exactly once")
    for name, clustering in found.clusterings.items():
        if clustering.shape != (images.n,):
            raise RuntimeError(f"the clustering {name} has {len(clustering)} rows for {images.n} images")
    clusters = found.clusterings[found.reported]
    confidence = confidence_of(embeddings, clusters, found.outliers)
    run_dir.write_assignments(images.ids, images.paths, clusters, confidence, images.labels)
    if found.merges is not None:
        run_dir.write_merges(found.merges)
    quality = {}
    if images.labels is not None:
        quality = {name: clustering_quality(images.labels, c) for name, c in found.clusterings.items()}
    clock.lap("writing")
    summary = RunSummary(
        method=method,
        images=images.n,
        rejected=len(images.rejected),
        clusters=len(np.unique(clusters)),
        **clock.figures(),
        quality=quality,
        reported=found.reported,
        rejected_reasons=dict(Counter(rejected.reason for rejected in images.rejected).most_common()),
        image_warnings=list(images.warnings),
        health=run_dir.health(),
    )
    if console:
        content = page_content(run_dir, images, found, embeddings, confidence, summary)
        write_page_or_warn(run_dir.path, content, console)
        write_projector(run_dir.tensorboard, images, embeddings, clusters, confidence)
        clock.lap("page")
        summary = replace(summary, **clock.figures())
    remove_tree(run_dir.staged)
    remove_tree(run_dir.kept)
    run_dir.write_summary(summary)
    return summary


def page_content(
    run_dir: RunDir,
    images: ImageSet,
    found: WorkerResults,
    embeddings: np.ndarray,
    confidence: np.ndarray,
    summary: RunSummary,
) -> RunContent:
    """Return what the page of a run shows."""

    def read_pictures(rows: np.ndarray, long_side: int) -> list[bytes | None]:
        return thumbnails(images.originals.select(rows), images.canvas.value_range, long_side=long_side)

    return RunContent(
        name=run_dir.path.name,
        summary=asdict(summary),
        config=run_dir.config(),
        ids=images.ids,
        paths=images.paths,
        vectors=embeddings,
        clusters=found.clusterings[found.reported],
        confidence=confidence,
        labels=images.labels,
        class_names=images.class_names,
        tree=None if found.merges is None else MergeTree(images.n, **found.merges),
        metrics=run_dir.rows(),
        read_pictures=read_pictures,
    )
