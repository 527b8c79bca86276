"""The page of a clustering of images or of vectors."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from raycluster.clustering.graph_clustering import Clustering
from raycluster.data.vectors.vector_set import VectorSet
from raycluster.report.content import RunContent
from raycluster.report.page import write_page_or_warn
from raycluster.runtime.clock import Clock
from raycluster.runtime.console import Console
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.summary import RunSummary


def write_clustering_page(
    run_dir: RunDir,
    summary: RunSummary,
    found: VectorSet,
    clustering: Clustering,
    clock: Clock,
    console: Console,
    **more: Any,
) -> RunSummary:
    """Write the page, and return the summary with the time that this took.

    Parameters
    ----------
    run_dir : RunDir
    summary : RunSummary
    found : VectorSet
        What was clustered.
    clustering : Clustering
    clock : Clock
    console : Console
    **more
        Further fields of :class:`raycluster.report.content.RunContent`.
    """
    content = RunContent(
        name=run_dir.path.name,
        summary=asdict(summary),
        config=run_dir.config(),
        ids=found.ids,
        paths=found.paths,
        vectors=found.vectors,
        clusters=clustering.clusters,
        confidence=clustering.confidence,
        labels=found.labels,
        tree=clustering.tree,
        neighbors=clustering.neighbors,
        **more,
    )
    write_page_or_warn(run_dir.path, content, console)
    clock.lap("page")
    return replace(summary, **clock.figures())
