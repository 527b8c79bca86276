"""``raycluster.cluster``: vectors in, clusters and the whole merge tree out, by graph degree linkage."""

from __future__ import annotations

import time
from dataclasses import fields
from typing import Any

from raycluster.clustering.clustering_page import write_clustering_page
from raycluster.clustering.graph_clustering import Clustering, cluster_graph, write_clustering
from raycluster.clustering.rivals import check_installed
from raycluster.data.files.location import public_name
from raycluster.data.files.sources import check_apart, resolve_source
from raycluster.data.vectors.files import find_vector_files
from raycluster.data.vectors.metric import MetricSpace, placed
from raycluster.data.vectors.vector_set import VectorSet, open_vectors, read_vector_files
from raycluster.errors import UserError
from raycluster.graph.memory import clustering_bytes
from raycluster.graph.settings import GraphSettings
from raycluster.options import ClusterOptions
from raycluster.remote.destination import results_in
from raycluster.results.finished_run import check_complete
from raycluster.results.originals import config_of_images
from raycluster.results.run_images import NoImages, reading_images
from raycluster.runtime.clock import Clock
from raycluster.runtime.console import Console
from raycluster.runtime.machine import available_memory
from raycluster.runtime.run_dir import RunDir
from raycluster.runtime.summary import RunSummary, repeat_summary, show_summary
from raycluster.runtime.units import count
from raycluster.runtime.versions import installed_versions

METHOD = "gdl"


def cluster_vectors(options: ClusterOptions, console: Console | None = None) -> RunSummary:
    """Cluster, and write ``assignments.parquet``, ``merges.parquet``, ``rejected.parquet``, the page and the summary.

    Parameters
    ----------
    options : ClusterOptions
    console : Console, optional
        Shows progress and the summary; by default on the standard output.

    Raises
    ------
    UserError
        If the input or the folder does not allow it; a sentence says why.
    """
    with console or Console() as shown, results_in(options.out, shown, options.embeddings) as out:
        return _cluster_vectors(options, RunDir(out), shown)


def _cluster_vectors(options: ClusterOptions, run_dir: RunDir, console: Console) -> RunSummary:
    clock = Clock(time.perf_counter(), "start")
    source = resolve_source(options.embeddings or "")
    shown = public_name(source)
    identity = {"method": METHOD, "embeddings": shown} | settings_of(options)
    check_complete(source)
    metric = options.metric or usual_metric(source)
    identity |= {"column": options.column, "metric": metric}
    check_installed(options.compare)
    if run_dir.state(identity) == "finished":
        if open_vectors(source, options.column).fingerprint != run_dir.config()["fingerprint"]:
            raise UserError(f"The vectors in {shown} have changed since they were clustered: choose another --out.")
        return repeat_summary(console, run_dir, "clustering")
    run_dir.check_writable()
    console.progress(f"reading {shown}")
    files = find_vector_files(source, options.column)
    check_apart(source, files.listing, run_dir.path, "--embeddings")
    console.say(memory_sentence(files.rows, files.numbers, options, available_memory()))
    found = read_vector_files(files)
    found = placed(found, MetricSpace(metric, found.vectors))
    n, size = found.vectors.shape
    for note in found.notes:
        console.say(note)
    rejected = f", {len(found.rejected):,} rejected" if found.rejected else ""
    console.say(f"{shown}: {count(n, 'vector')} of {count(size, 'number')}{rejected}")
    check_enough(n, options, f"{shown} holds only one usable vector")
    with run_dir.lock():
        run_dir.write_config({"identity": identity, "fingerprint": found.fingerprint, "versions": installed_versions()})
        run_dir.write_rejected(found.rejected)
        clock.lap("vectors")
        clustering = cluster_graph(options, run_dir, found, clock, console)
        console.progress("writing results")
        rows = [(row.path, row.reason) for row in found.rejected]
        summary = write_clustering(run_dir, METHOD, found, clustering, rows, clock)
        summary = _write_page(run_dir, source, summary, found, clustering, clock, console)
        run_dir.write_summary(summary)
    show_summary(console, run_dir.path, summary)
    return summary


def _write_page(
    run_dir: RunDir,
    source: str,
    summary: RunSummary,
    found: VectorSet,
    clustering: Clustering,
    clock: Clock,
    console: Console,
) -> RunSummary:
    """Write the page, with pictures if the vectors were embedded from images that are still there."""
    config = config_of_images(run_dir.config(), source)
    try:
        with reading_images(config, None, found.ids, found.paths, console, run_dir.path) as read:
            return write_clustering_page(run_dir, summary, found, clustering, clock, console, read_pictures=read)
    except NoImages as error:
        if "data" in config["identity"]:
            console.say(f"The page holds no pictures: {error}")
        return write_clustering_page(run_dir, summary, found, clustering, clock, console)


def usual_metric(source: str) -> str:
    """Return the metric for vectors of which none was asked for: their clustering's own, or the one for their kind."""
    identity = config_of_images({}, source).get("identity", {})
    is_pretrained = identity.get("method") == "embed" and "backbone" in identity
    return str(identity.get("metric", "centered" if is_pretrained else "cosine"))


def settings_of(options: ClusterOptions) -> dict[str, Any]:
    """Return the number of clusters, the settings of the graph, and what is compared, as a part of an identity."""
    names = ["clusters", *(field.name for field in fields(GraphSettings))]
    compared = {"compare": list(options.compare)} if options.compare else {}
    return {name: getattr(options, name) for name in names} | compared


def check_enough(n: int, options: ClusterOptions, only_one: str) -> None:
    """Raise :class:`UserError` if n vectors are fewer than the clusters, or than 2, as ``only_one`` says in words."""
    if options.clusters != "auto" and options.clusters > n:
        raise UserError(f"clusters={options.clusters}, but only {n} vectors are usable: choose at most {n}.")
    if n < 2:
        raise UserError(f"{only_one}: at least 2 are needed.")


def memory_sentence(n: int, numbers: int, options: ClusterOptions, available: float) -> str:
    """Say how much memory the clustering of n vectors, ``numbers`` numbers in all, may take, and how much there is.

    Raises
    ------
    UserError
        If it does not fit.
    """
    needed = clustering_bytes(n, numbers, options.neighbors_of(max(n, 1)))
    sentence = f"Clustering {n:,} vectors takes up to {needed / 1e9:,.1f} GB of memory"
    if needed > available:
        raise UserError(
            f"{sentence}, and {available / 1e9:,.1f} GB are available: choose fewer --n-neighbors than "
            f"{options.neighbors_of(n)}, or a machine with more."
        )
    return f"{sentence}; {available / 1e9:,.1f} GB are available."
